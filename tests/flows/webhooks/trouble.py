"""What the machines sell, and all that buyers, their banks and the gateways do wrong."""

from collections.abc import Mapping

from simulator.point3.scenarios import RULES as POINT3
from simulator.portone_v1.scenarios import RULES as PORTONE_V1
from simulator.portone_v2.scenarios import RULES as PORTONE_V2
from simulator.scenarios import Rule
from simulator.unifi_pay.scenarios import RULES as UNIFI_PAY

TWINS: Mapping[str, Mapping[str, Rule]] = {
    "point3": POINT3, "portone_v1": PORTONE_V1, "portone_v2": PORTONE_V2, "unifi_pay": UNIFI_PAY,
}  # fmt: skip
SELLERS = ("portone_v1", "portone_v2", "point3", "portone_v1", "portone_v2", "unifi_pay")
"""Where what is given back was sold: mostly where it is the shop that gives it back, and in parts."""

CURRENCIES = {"point3": ("KRW",), "portone_v1": ("USD",), "portone_v2": ("KRW", "USD"), "unifi_pay": ("USD",)}
AMOUNTS = {"KRW": 24_000, "USD": 1750}

BUYERS = (
    "paid", "declined", "late_approval", "abandoned", "amount_differs", "lost_webhook", "duplicate_webhook",
    "reordered_webhooks", "contradiction", "success_false", "canceled", "other_orders_signature", "live_channel",
    "wrong_store", "pay_pending", "virtual_account", "underpaid_deposit", "async_cancel", "cancel_failed", "declined",
    "accept_then_hang", "no_lookup_before_confirm", "returns_confirmed_but_failed", "paid_twice_callbacks",
    "refunded_notice", "forged_webhook", "forged_callback", "old_webhooks", "form_webhooks", "discount",
)  # fmt: skip
"""What buyers and their banks do; where a gateway does not know one of these, they simply pay."""

FAULTS = (
    "error_500", "accept_then_hang", "garbage", "slow", "too_many_requests", "token_expired", "unknown_status", "sparse",
    "lost_request", "declined", "async_cancel", "partial_cancel_refused", "cancel_failed",
    "adjusted_cancel",
)  # fmt: skip
OPENING = {"point3": "token", "portone_v1": "prepare", "portone_v2": "prepare", "unifi_pay": "create"}
ASKING = ("lookup", "confirm", "cancel")


def broken(gateway: str, call: str) -> list[str]:
    """What can go wrong there with this call."""
    return [fault for fault in FAULTS if call in getattr(TWINS[gateway].get(fault), "allowed", ())]


BROKEN = [
    (gateway, call, fault)
    for gateway in TWINS
    for call in (OPENING[gateway], *ASKING)
    for fault in broken(gateway, call)
]

CANCELS = [None, *dict.fromkeys(fault for _, call, fault in BROKEN if call == "cancel")]
"""What goes wrong with a refund that the shop asks for; None: nothing. Listed first what shrinks best."""
