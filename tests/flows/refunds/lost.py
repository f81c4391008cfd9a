"""A refund whose answer is lost: on which roads, and how it comes about."""

import pytest

from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import POINT3, V1, V2, Json, Till

every_road = pytest.mark.parametrize(
    ("kind", "pg"),
    [(POINT3, "paymentwall"), (V1, "other"), (V1, "paymentwall"), (V2, "paymentwall")],
    ids=["point3", "portone_v1-other", "portone_v1-paymentwall", "portone_v2"],
)
that_asks_again = pytest.mark.parametrize(
    ("kind", "pg"),
    [(POINT3, "paymentwall"), (V1, "other"), (V2, "paymentwall")],
    ids=["point3", "portone_v1-other", "portone_v2"],
)


async def lost(till: Till, kind: Kind, how: str, amount: int | None = None) -> tuple[Json, Json]:
    """A payment and its refund, of which the next call to the gateway goes wrong."""
    payment = await till.sold(kind)
    await till.shop.scenario(how, kind.name, call="cancel")
    answer = await till.refund(payment, None if kind is POINT3 else amount)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown"), answer.text
    stored = await till.shop.get(payment)
    assert (stored["status"], stored["refunded_amount"]) == ("paid", 0), "what is not known is not told as done"
    return payment, dict(answer.json())
