"""PortOne V2's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping
from types import MappingProxyType

from simulator.scenarios import Rule

LOGIN, REFRESH, PREPARE, LOOKUP = "login", "refresh", "prepare", "lookup"
CANCEL, CONFIRM, CLOSE, RESEND, PAY = "cancel", "confirm", "close", "resend", "pay"

CALLS = (LOGIN, REFRESH, PREPARE, LOOKUP, CANCEL, CONFIRM, CLOSE, RESEND, PAY)
"""What a tester may narrow a scenario to. `pay` is the buyer in the payment window, not an API call."""
API_CALLS = frozenset(CALLS) - {PAY}

_PAY = frozenset({PAY})
_LOOKUP = frozenset({LOOKUP})
_CANCEL = frozenset({CANCEL})
_MONEY = frozenset({CANCEL, CONFIRM})
_EVERY = API_CALLS | _PAY

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "paid": Rule("Everything goes well. On a virtual account: the deposit arrives.", _PAY, API_CALLS),
        "declined": Rule("The card is refused; planned on confirm: 502 PG_PROVIDER.", _PAY, frozenset({CONFIRM})),
        "abandoned": Rule("The buyer closes the window; the payment stays READY and may be paid later.", _PAY),
        "late_approval": Rule("Refused and FAILED, and 5 s later the same transaction is PAID, with a webhook.", _PAY),
        "contradiction": Rule("Paid; a Paid webhook and then a false Failed one, at once.", _PAY),
        "manual_approval": Rule("The browser gets a paymentToken; money moves at confirm only.", _PAY),
        "pay_pending": Rule("PAY_PENDING; approved after 60 s, or by the next pay.", _PAY),
        "virtual_account": Rule("An account is issued; the next pay is the deposit.", _PAY),
        "underpaid_deposit": Rule("As virtual_account, but the deposit is too small: `paid` is below `total`.", _PAY),
        "discount": Rule("Paid with a discount: `paid` + `discount` = `total`.", _PAY),
        "test_channel": Rule("Paid through a TEST channel, whatever the account says.", _PAY),
        "live_channel": Rule("Paid through a LIVE channel, whatever the account says.", _PAY),
        "console_cancel": Rule("Somebody cancels a paid payment wholly in the console, with a webhook.", _PAY),
        "duplicate_webhook": Rule("Paid; each webhook of the payment comes twice.", _PAY),
        "reordered_webhooks": Rule("Paid; the webhooks of the payment come in the wrong order.", _PAY),
        "lost_webhook": Rule("Paid; no webhook of the payment comes.", _PAY),
        "old_webhooks": Rule("Paid; the payment's webhooks have the bodies of version 2024-01-01.", _PAY),
        "forged_webhook": Rule("Paid; before the true webhook comes one with a wrong signature.", _PAY),
        "amount_differs": Rule(
            "The look-up shows another amount than was ordered; as pay it is really charged.", _LOOKUP, _PAY
        ),
        "unknown_status": Rule("Look-ups show a status that no document names.", _LOOKUP, _PAY),
        "sparse": Rule("Look-ups carry only the fields that the OpenAPI file requires.", _LOOKUP, _PAY),
        "wrong_store": Rule("Look-ups show the storeId of another store.", _LOOKUP, _PAY),
        "partial_cancel_refused": Rule("A partial cancel answers 502 PG_PROVIDER; nothing was done.", _CANCEL, _PAY),
        "async_cancel": Rule("Cancel answers REQUESTED; the money goes back 300 s later.", _CANCEL, _PAY),
        "cancel_failed": Rule("Cancel answers 200 with a cancellation that is FAILED.", _CANCEL, _PAY),
        "slow": Rule("The work is done at once, the answer comes some seconds later.", API_CALLS, _PAY),
        "error_500": Rule("The call answers 500 and nothing was done.", API_CALLS, _PAY),
        "too_many_requests": Rule("The call answers 429 with Retry-After and nothing was done.", API_CALLS, _PAY),
        "garbage": Rule(
            "The work is done, the body of the answer is not JSON (text and HTML in turn).", API_CALLS, _PAY
        ),
        "accept_then_hang": Rule("The work is done, the answer never comes.", _MONEY, _EVERY),
        "lost_request": Rule("The request is lost on its way: nothing is done, no answer comes.", _MONEY, _EVERY),
    }
)

VIEWS = frozenset({"amount_differs", "unknown_status", "sparse", "wrong_store"})
"""What look-ups show: several may hold at once."""
CANCELS = frozenset({"partial_cancel_refused", "async_cancel", "cancel_failed"})
"""How a cancel ends: at most one holds."""
NEXT_CALL = frozenset({"slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"})
"""Given to pay, these change the payment's next look-up, confirm or cancel."""
WEBHOOK_MODES: Mapping[str, str] = MappingProxyType(
    {"duplicate_webhook": "duplicate", "reordered_webhooks": "reorder", "lost_webhook": "lose"}
)
"""Scenarios of pay that say how this payment's webhooks are delivered: the sender's mode for each."""
