"""PortOne V2's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping

from simulator.scenarios import CANCEL, CONFIRM, LOOKUP, PAY, Rule, faults, of_call, of_pay, of_webhooks

LOGIN, REFRESH, PREPARE, CLOSE, RESEND = "login", "refresh", "prepare", "close", "resend"
CALLS = (LOGIN, REFRESH, PREPARE, LOOKUP, CANCEL, CONFIRM, CLOSE, RESEND, PAY)
"""What a tester may narrow a scenario to."""
API_CALLS = frozenset(CALLS) - {PAY}

_VIEWS = of_call(
    LOOKUP,
    amount_differs="The look-up shows another amount than was ordered; as pay it is really charged.",
    unknown_status="Look-ups show a status that no document names.",
    sparse="Look-ups carry only the fields that the OpenAPI file requires.",
    wrong_store="Look-ups show the storeId of another store.",
)
VIEWS = frozenset(_VIEWS)
"""What look-ups show: several may hold at once."""
_CANCELS = of_call(
    CANCEL,
    partial_cancel_refused="A partial cancel answers 502 PG_PROVIDER; nothing was done.",
    async_cancel="Cancel answers REQUESTED; the money goes back 300 s later.",
    cancel_failed="Cancel answers 200 with a cancellation that is FAILED.",
    adjusted_cancel="A promotion: a partial cancel gives back 8 % less than was asked, and says so.",
)
CANCELS = frozenset(_CANCELS)
"""How a cancel ends: at most one holds."""
RULES: Mapping[str, Rule] = {
    "paid": Rule("Everything goes well. On a virtual account: the deposit arrives.", frozenset({PAY}), API_CALLS),
    "declined": Rule(
        "The card is refused; planned on confirm: 502 PG_PROVIDER.", frozenset({PAY}), frozenset({CONFIRM})
    ),
    **of_pay(
        abandoned="The buyer closes the window; the payment stays READY and may be paid later.",
        late_approval="Refused and FAILED, and 5 s later the same transaction is PAID, with a webhook.",
        contradiction="Paid; a Paid webhook and then a false Failed one, at once.",
        manual_approval="The browser gets a paymentToken; money moves at confirm only.",
        pay_pending="PAY_PENDING; approved after 60 s, or by the next pay.",
        virtual_account="An account is issued; the next pay is the deposit.",
        underpaid_deposit="As virtual_account, but the deposit is too small: `paid` is below `total`.",
        discount="Paid with a discount: `paid` + `discount` = `total`.",
        test_channel="Paid through a TEST channel, whatever the account says.",
        live_channel="Paid through a LIVE channel, whatever the account says.",
        console_cancel="Somebody cancels a paid payment wholly in the console, with a webhook.",
        old_webhooks="Paid; the payment's webhooks have the bodies of version 2024-01-01.",
        forged_webhook="Paid; before the true webhook comes one with a wrong signature.",
    ),
    **of_webhooks(),
    **_VIEWS,
    **_CANCELS,
    **faults(API_CALLS, frozenset({CANCEL, CONFIRM})),
}
