"""Unifi Pay's scenarios, and which of its calls each one can change."""

from collections.abc import Mapping

from simulator.scenarios import LOOKUP, PAY, Rule, faults, of_call, of_pay, of_webhooks

CREATE = "create"
CALLS = (CREATE, LOOKUP, PAY)
"""What a tester may narrow a scenario to."""
API_CALLS = frozenset({CREATE, LOOKUP})

_VIEWS = of_call(
    LOOKUP,
    amount_differs="The look-up shows another amount than was ordered; as pay it is really charged.",
    bad_sum="Look-ups of the paid payment show payAmount one cent short of the sum.",
    wrong_store="Look-ups show the storeId of another store.",
    wrong_order="Look-ups show the orderId of another order.",
    unknown_status="Look-ups show a status that no document names.",
    internal_status="Look-ups show PAYMENT_CONFIRMED in place of CONFIRMED.",
    sparse="Look-ups carry only the fields that the document requires: no items.",
)
VIEWS = frozenset(_VIEWS)
"""What look-ups show: several may hold at once."""
RULES: Mapping[str, Rule] = {
    "paid": Rule("Everything goes well.", frozenset({PAY}), API_CALLS),
    **of_pay(
        declined="The payment fails; no money moves, and this transaction cannot be paid any more.",
        canceled="The buyer cancels in the wallet: CANCELED for good.",
        abandoned="The buyer leaves the start page; it stays PAYMENT_REQUESTED and may be paid later.",
        late_approval="FAILED, and 5 s later the same transaction is CONFIRMED, with a callback.",
        contradiction="Paid; a CONFIRMED callback and at once a false FAILED one.",
        discount="Paid with a discount: payAmount is lower, payAmount + discountAmount is right.",
        returns_confirmed_but_failed="It failed, but the browser comes back with status=confirmed.",
        returns_without_status="Paid; the browser comes back with the transactionId alone.",
        paid_twice_callbacks="Paid; a PAID callback, and 1 s later a CONFIRMED one, as Direct v2 does.",
        refunded_notice="Paid; 1 s later a callback says REFUNDED. Look-ups stay CONFIRMED.",
        forged_callback="Paid; before the true callback comes one with a wrong signature.",
    ),
    **of_webhooks(),
    **_VIEWS,
    **faults(API_CALLS, frozenset({CREATE})),
}
