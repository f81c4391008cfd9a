"""PortOne V1's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping
from types import MappingProxyType

from simulator.scenarios import Rule

TOKEN, PREPARE, LOOKUP, CANCEL, PAY = "token", "prepare", "lookup", "cancel", "pay"

CALLS = (TOKEN, PREPARE, LOOKUP, CANCEL, PAY)
"""What a tester may narrow a scenario to. `pay` is the buyer in the payment window, not an API call."""
API_CALLS = frozenset(CALLS) - {PAY}

_PAY = frozenset({PAY})
_LOOKUP = frozenset({LOOKUP})
_CANCEL = frozenset({CANCEL})
_WITH_TOKEN = API_CALLS - {TOKEN}
_EVERY = API_CALLS | _PAY

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "paid": Rule("Everything goes well. On a virtual account: the deposit arrives.", _PAY, API_CALLS),
        "declined": Rule("The card is refused; planned on cancel: Paymentwall refuses it, code -1.", _PAY, _CANCEL),
        "abandoned": Rule("The buyer closes the window; the payment stays ready and may be paid later.", _PAY),
        "success_false": Rule("Paid, but the browser is told `success: false` and an error.", _PAY),
        "late_approval": Rule("Refused and failed, and 5 s later the same imp_uid is paid, with a webhook.", _PAY),
        "contradiction": Rule("Paid; a paid webhook and then a false failed one, at once.", _PAY),
        "virtual_account": Rule("An account of another PG is issued; the next pay is the deposit.", _PAY),
        "underpaid_deposit": Rule("As virtual_account, but the deposit is too small: paid, with less held.", _PAY),
        "test_channel": Rule("Paid through a TEST channel, whatever the account says.", _PAY),
        "live_channel": Rule("Paid through a LIVE channel, whatever the account says.", _PAY),
        "console_cancel": Rule("Somebody cancels a paid payment wholly in the console, with a webhook.", _PAY),
        "duplicate_webhook": Rule("Paid; each webhook of the payment comes twice.", _PAY),
        "reordered_webhooks": Rule("Paid; the webhooks of the payment come in the wrong order.", _PAY),
        "lost_webhook": Rule("Paid; no webhook of the payment comes.", _PAY),
        "form_webhooks": Rule("Paid; the payment's webhooks are forms, whatever the account says.", _PAY),
        "amount_differs": Rule(
            "The look-up shows another amount than was ordered; as pay it is really charged.", _LOOKUP, _PAY
        ),
        "unknown_status": Rule("Look-ups show a status that no document names.", _LOOKUP, _PAY),
        "sparse": Rule("Look-ups carry only the fields that the Swagger requires.", _LOOKUP, _PAY),
        "partial_cancel_refused": Rule(
            "A partial cancel answers code -1, as Paymentwall does where it settles in another currency.", _CANCEL, _PAY
        ),
        "async_cancel": Rule("Cancel answers code 0 with a payment still paid; done 300 s later.", _CANCEL, _PAY),
        "token_expired": Rule("The call answers 401 although its token was fresh; only a new one works.", _WITH_TOKEN),
        "slow": Rule("The work is done at once, the answer comes some seconds later.", API_CALLS, _PAY),
        "error_500": Rule("The call answers 500 and nothing was done.", API_CALLS, _PAY),
        "too_many_requests": Rule("The call answers 429 with Retry-After and nothing was done.", API_CALLS, _PAY),
        "garbage": Rule(
            "The work is done, the body of the answer is not JSON (text and HTML in turn).", API_CALLS, _PAY
        ),
        "accept_then_hang": Rule("The work is done, the answer never comes.", _CANCEL, _EVERY),
        "lost_request": Rule("The request is lost on its way: nothing is done, no answer comes.", _CANCEL, _EVERY),
    }
)

VIEWS = frozenset({"amount_differs", "unknown_status", "sparse"})
"""What look-ups show: several may hold at once."""
CANCELS = frozenset({"partial_cancel_refused", "async_cancel"})
"""How a cancel ends: at most one holds."""
TOKEN_EXPIRED = frozenset({"token_expired"})
NEXT_CALL = frozenset({"slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"})
"""Given to pay, these change the payment's next look-up or cancel."""
WEBHOOK_MODES: Mapping[str, str] = MappingProxyType(
    {"duplicate_webhook": "duplicate", "reordered_webhooks": "reorder", "lost_webhook": "lose"}
)
"""Scenarios of pay that say how this payment's webhooks are delivered: the sender's mode for each."""
