"""Unifi Pay's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping
from types import MappingProxyType

from simulator.scenarios import Rule

CREATE, LOOKUP, PAY = "create", "lookup", "pay"

API_CALLS = frozenset({CREATE, LOOKUP})
CALLS = (CREATE, LOOKUP, PAY)
"""What a tester may narrow a scenario to. `pay` is the buyer on the start page, not an API call."""

_PAY = frozenset({PAY})
_LOOKUP = frozenset({LOOKUP})
_EVERY = API_CALLS | _PAY

RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "paid": Rule("Everything goes well.", _PAY, API_CALLS),
        "declined": Rule("The payment fails; no money moves, and this transaction cannot be paid any more.", _PAY),
        "canceled": Rule("The buyer cancels in the wallet: CANCELED for good.", _PAY),
        "abandoned": Rule("The buyer leaves the start page; it stays PAYMENT_REQUESTED and may be paid later.", _PAY),
        "late_approval": Rule("FAILED, and 5 s later the same transaction is CONFIRMED, with a callback.", _PAY),
        "contradiction": Rule("Paid; a CONFIRMED callback and at once a false FAILED one.", _PAY),
        "discount": Rule("Paid with a discount: payAmount is lower, payAmount + discountAmount is right.", _PAY),
        "returns_confirmed_but_failed": Rule("It failed, but the browser comes back with status=confirmed.", _PAY),
        "returns_without_status": Rule("Paid; the browser comes back with the transactionId alone.", _PAY),
        "paid_twice_callbacks": Rule("Paid; a PAID callback, and 1 s later a CONFIRMED one, as Direct v2 does.", _PAY),
        "refunded_notice": Rule("Paid; 1 s later a callback says REFUNDED. Look-ups stay CONFIRMED.", _PAY),
        "forged_callback": Rule("Paid; before the true callback comes one with a wrong signature.", _PAY),
        "duplicate_webhook": Rule("Paid; each callback of the payment comes twice.", _PAY),
        "reordered_webhooks": Rule("PAID and CONFIRMED callbacks, in the wrong order.", _PAY),
        "lost_webhook": Rule("Paid; no callback of the payment comes.", _PAY),
        "amount_differs": Rule(
            "The look-up shows another amount than was ordered; as pay it is really charged.", _LOOKUP, _PAY
        ),
        "bad_sum": Rule("Look-ups of the paid payment show payAmount one cent short of the sum.", _LOOKUP, _PAY),
        "wrong_store": Rule("Look-ups show the storeId of another store.", _LOOKUP, _PAY),
        "wrong_order": Rule("Look-ups show the orderId of another order.", _LOOKUP, _PAY),
        "unknown_status": Rule("Look-ups show a status that no document names.", _LOOKUP, _PAY),
        "internal_status": Rule("Look-ups show PAYMENT_CONFIRMED in place of CONFIRMED.", _LOOKUP, _PAY),
        "sparse": Rule("Look-ups carry only the fields that the document requires: no items.", _LOOKUP, _PAY),
        "slow": Rule("The work is done at once, the answer comes some seconds later.", API_CALLS, _PAY),
        "error_500": Rule("The call answers 500 and nothing was done.", API_CALLS, _PAY),
        "too_many_requests": Rule("The call answers 429 with Retry-After and nothing was done.", API_CALLS, _PAY),
        "garbage": Rule(
            "The work is done, the body of the answer is not JSON (text and HTML in turn).", API_CALLS, _PAY
        ),
        "accept_then_hang": Rule(
            "The work is done (the payment is created), the answer never comes.", frozenset({CREATE}), _EVERY
        ),
        "lost_request": Rule(
            "The request is lost on its way: nothing is done, no answer comes.", frozenset({CREATE}), _EVERY
        ),
    }
)

VIEWS = frozenset(
    {"amount_differs", "bad_sum", "wrong_store", "wrong_order", "unknown_status", "internal_status", "sparse"}
)
"""What look-ups show: several may hold at once."""
NEXT_CALL = frozenset({"slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"})
"""Given to pay, these change the payment's next look-up: no other call follows here."""
CALLBACK_MODES: Mapping[str, str] = MappingProxyType(
    {"duplicate_webhook": "duplicate", "reordered_webhooks": "reorder", "lost_webhook": "lose"}
)
"""Scenarios of pay that say how this payment's callbacks are delivered: the sender's mode for each."""
