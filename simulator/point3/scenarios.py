"""Point3's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping

from simulator.scenarios import CANCEL, CONFIRM, LOOKUP, PAY, Rule, faults, of_call, of_pay

TOKEN, SETTLEMENT, REFRESH = "token", "settlement", "refresh"
CALLS = (TOKEN, LOOKUP, CONFIRM, CANCEL, SETTLEMENT, REFRESH, PAY)
"""What a tester may narrow a scenario to."""
API_CALLS = frozenset(CALLS) - {PAY}

_VIEWS = of_call(
    LOOKUP,
    amount_differs="The look-up shows another total than was ordered.",
    no_lookup_before_confirm="Look-ups do not know the payment until it is confirmed.",
    unknown_status="Look-ups show a status that no document names.",
    sparse="Look-ups carry only signature, order id, total and status.",
)
VIEWS = frozenset(_VIEWS)
"""What look-ups show: several may hold at once."""
_FAULTS = faults(API_CALLS, frozenset({CONFIRM, CANCEL}))
RULES: Mapping[str, Rule] = {
    "paid": Rule("Everything goes well.", frozenset({PAY}), API_CALLS),
    **of_call(CONFIRM, declined="Confirm answers 400 and the payment fails; no money moves."),
    **of_pay(
        abandoned="The buyer leaves the widget: no signature, only an error message.",
        duplicate_order_id="An older payment with the same order id and another total exists, and is listed first.",
        other_orders_signature="The browser receives the signature of another, cheaper order.",
    ),
    **{name: rule for name, rule in _FAULTS.items() if name != "too_many_requests"},
    **_VIEWS,
}
