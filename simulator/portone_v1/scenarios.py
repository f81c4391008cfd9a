"""PortOne V1's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping

from simulator.scenarios import CANCEL, LOOKUP, PAY, Rule, faults, of_call, of_pay, of_webhooks

TOKEN, PREPARE = "token", "prepare"
CALLS = (TOKEN, PREPARE, LOOKUP, CANCEL, PAY)
"""What a tester may narrow a scenario to."""
API_CALLS = frozenset(CALLS) - {PAY}

_VIEWS = of_call(
    LOOKUP,
    amount_differs="The look-up shows another amount than was ordered; as pay it is really charged.",
    unknown_status="Look-ups show a status that no document names.",
    sparse="Look-ups carry only the fields that the Swagger requires.",
    hide_sandbox="Look-ups hide payments of TEST channels unless they say include_sandbox=true.",
)
VIEWS = frozenset(_VIEWS)
"""What look-ups show: several may hold at once."""
_CANCELS = of_call(
    CANCEL,
    partial_cancel_refused="A partial cancel answers code -1, as Paymentwall does where it settles in another currency.",
    async_cancel="Cancel answers code 0 with a payment still paid; done 300 s later.",
)
CANCELS = frozenset(_CANCELS)
"""How a cancel ends: at most one holds."""
TOKEN_EXPIRED = frozenset({"token_expired"})
RULES: Mapping[str, Rule] = {
    "paid": Rule("Everything goes well. On a virtual account: the deposit arrives.", frozenset({PAY}), API_CALLS),
    "declined": Rule(
        "The card is refused; planned on cancel: Paymentwall refuses it, code -1.",
        frozenset({PAY}),
        frozenset({CANCEL}),
    ),
    **of_pay(
        abandoned="The buyer closes the window; the payment stays ready and may be paid later.",
        success_false="Paid, but the browser is told `success: false` and an error.",
        late_approval="Refused and failed, and 5 s later the same imp_uid is paid, with a webhook.",
        contradiction="Paid; a paid webhook and then a false failed one, at once.",
        virtual_account="An account of another PG is issued; the next pay is the deposit.",
        underpaid_deposit="As virtual_account, but the deposit is too small: paid, with less charged.",
        test_channel="Paid through a TEST channel, whatever the account says.",
        live_channel="Paid through a LIVE channel, whatever the account says.",
        console_cancel="Somebody cancels a paid payment wholly in the console, with a webhook.",
        form_webhooks="Paid; the payment's webhooks are forms, whatever the account says.",
    ),
    **of_webhooks(),
    **_VIEWS,
    **_CANCELS,
    "token_expired": Rule(
        "The call answers 401 although its token was fresh; only a new one works.", API_CALLS - {TOKEN}
    ),
    **faults(API_CALLS, frozenset({CANCEL})),
}
