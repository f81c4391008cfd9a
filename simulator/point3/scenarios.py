"""Point3's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping
from types import MappingProxyType

from simulator.scenarios import Rule

TOKEN, LOOKUP, CONFIRM, CANCEL = "token", "lookup", "confirm", "cancel"
SETTLEMENT, REFRESH, PAY = "settlement", "refresh", "pay"

API_CALLS = frozenset({TOKEN, LOOKUP, CONFIRM, CANCEL, SETTLEMENT, REFRESH})
CALLS = (TOKEN, LOOKUP, CONFIRM, CANCEL, SETTLEMENT, REFRESH, PAY)
"""What a tester may narrow a scenario to. `pay` is the buyer in the widget, not an API call."""

_PAY = frozenset({PAY})
_LOOKUP = frozenset({LOOKUP})
_EVERY = API_CALLS | _PAY

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "paid": Rule("Everything goes well.", _PAY, API_CALLS),
        "declined": Rule("Confirm answers 400 and the payment fails; no money moves.", frozenset({CONFIRM}), _PAY),
        "abandoned": Rule("The buyer leaves the widget: no signature, only an error message.", _PAY),
        "slow": Rule("The work is done at once, the answer comes some seconds later.", API_CALLS, _PAY),
        "error_500": Rule("The call answers 500 and nothing was done.", API_CALLS, _PAY),
        "garbage": Rule(
            "The work is done, the body of the answer is not JSON (text and HTML in turn).", API_CALLS, _PAY
        ),
        "accept_then_hang": Rule(
            "The work is done (confirm takes the money), the answer never comes.", frozenset({CONFIRM, CANCEL}), _EVERY
        ),
        "lost_request": Rule(
            "The request is lost on its way: nothing is done, no answer comes.", frozenset({CONFIRM, CANCEL}), _EVERY
        ),
        "duplicate_order_id": Rule(
            "An older payment with the same order id and another total exists, and is listed first.", _PAY
        ),
        "other_orders_signature": Rule("The browser receives the signature of another, cheaper order.", _PAY),
        "amount_differs": Rule("The look-up shows another total than was ordered.", _LOOKUP, _PAY),
        "no_lookup_before_confirm": Rule("Look-ups do not know the payment until it is confirmed.", _LOOKUP, _PAY),
        "unknown_status": Rule("Look-ups show a status that no document names.", _LOOKUP, _PAY),
        "sparse": Rule("Look-ups carry only signature, order id, total and status.", _LOOKUP, _PAY),
    }
)

VIEWS = frozenset({"amount_differs", "no_lookup_before_confirm", "unknown_status", "sparse"})
"""What look-ups show: several may hold at once."""
