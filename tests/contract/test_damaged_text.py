"""Text that nobody needs cannot spoil a look-up, whatever is wrong with it; text that decides and is damaged decides nothing.

Every damage × every gateway; the webhooks have the same list in tests/api/test_damaged_webhooks.py.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract import point3_bench, portone_v1_bench, portone_v2_bench, unifi_pay_bench
from tests.contract.bench import Bench, Make, question, refund_of, refunding
from tests.contract.faulty_server import answers
from tests.support.damages import BOM, DAMAGES, MARK
from tests.unit.captured_logs import capture_logs

damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


class DamagedText(Bench):
    """The tests of one gateway. `answer` tells a paid charge; `deciding` are the members that say what it is and whose."""

    ref: str
    answer: Callable[..., dict[str, Any]]
    free: tuple[str, ...]
    """Members that are told to people, and read by us where we read them."""
    deciding: tuple[str, ...]

    def body(self, charge: ChargeRequest, **changes: object) -> bytes:
        return json.dumps(type(self).answer(charge, **changes), ensure_ascii=False).encode()

    @damages
    async def test_what_nobody_needs_is_replaced_and_the_rest_is_read(
        self, make: Make, charge: ChargeRequest, damage: bytes
    ) -> None:
        for name in self.free:
            body = self.body(charge, **{name: f"머그{MARK}컵"}).replace(MARK.encode(), damage)
            with capture_logs("info") as logs:
                async with self.breaking(answers(200, body)) as server:
                    held = await make(server.url).fetch_payment(question(charge, self.ref))
            assert (held.status, held.reference, held.amount, held.doubt) == (
                self.paid, charge.reference, charge.amount, None,
            )  # fmt: skip
            where = f"byte {body.index(damage)} of {len(body)} cannot be read"
            assert held.evidence["unreadable"] == where
            assert where in logs.text
            json.dumps(held.evidence, ensure_ascii=False).encode()

    @damages
    async def test_what_decides_is_doubted(self, make: Make, charge: ChargeRequest, damage: bytes) -> None:
        for name in self.deciding:
            whole = type(self).answer(charge)
            text = self.text_of(whole, name)
            body = self.body(charge, **{name: f"{text[:-1]}{MARK}"}).replace(MARK.encode(), damage)
            async with self.breaking(answers(200, body)) as server:
                held = await make(server.url).fetch_payment(question(charge, self.ref))
            assert held.doubt == "the look-up holds a text that decides and that cannot be read", name

    async def test_a_byte_order_mark_is_no_damage(self, make: Make, charge: ChargeRequest) -> None:
        async with self.breaking(answers(200, BOM + self.body(charge))) as server:
            held = await make(server.url).fetch_payment(question(charge, self.ref))
        assert (held.status, held.reference, held.doubt) == (self.paid, charge.reference, None)
        assert "unreadable" not in held.evidence

    paid = GatewayStatus.CAPTURED

    def text_of(self, whole: dict[str, Any], name: str) -> str:
        return str(whole[name])


def v1_paid(charge: ChargeRequest, **changes: object) -> dict[str, Any]:
    return portone_v1_bench.envelope(portone_v1_bench.payment(charge, **changes))


def point3_paid(charge: ChargeRequest, **changes: object) -> dict[str, Any]:
    return point3_bench.envelope(point3_bench.row(charge, **changes))


class DamagedYes(DamagedText):
    """The same of a gateway that gives money back: an explicit yes stays one, whatever its text has suffered."""

    def yes(self, charge: ChargeRequest) -> dict[str, Any]:
        """What it answers to a whole refund, with MARK in a text for people."""
        return type(self).answer(charge)

    @damages
    async def test_a_yes_with_a_damaged_text_is_a_yes(self, make: Make, charge: ChargeRequest, damage: bytes) -> None:
        body = json.dumps(self.yes(charge) | {"message": MARK}).encode().replace(MARK.encode(), damage)
        async with self.breaking(answers(200, body)) as server:
            said = await refunding(make(server.url)).refund(refund_of(charge, self.ref))
        assert said.failure is None


class TestPoint3(point3_bench.Point3Bench, DamagedYes):
    ref = "sig/1+=="
    answer = point3_paid
    free = ("purchasingProductName",)
    deciding = ("status", "signature", "orderIdFromClient")
    paid = GatewayStatus.AUTHORIZED

    def text_of(self, whole: dict[str, Any], name: str) -> str:
        return str(whole["result"][name])


class TestPortOneV1(portone_v1_bench.PortOneV1Bench, DamagedYes):
    ref = "imp_448280090638"
    answer = v1_paid
    free = ("name", "buyer_name", "pg_provider", "pg_tid", "fail_reason", "custom_data")
    deciding = ("status", "imp_uid", "merchant_uid", "currency")

    def text_of(self, whole: dict[str, Any], name: str) -> str:
        return str(whole["response"][name])


class TestPortOneV2(portone_v2_bench.PortOneV2Bench, DamagedYes):
    ref = portone_v2_bench.TX
    answer = portone_v2_bench.shown
    free = ("orderName", "pgTxId", "customData", "receiptUrl")
    deciding = ("status", "id", "transactionId", "storeId", "currency")

    def yes(self, charge: ChargeRequest) -> dict[str, Any]:
        cancellation = {"status": "SUCCEEDED", "id": "c-1", "totalAmount": charge.amount.minor, "reason": MARK}
        return {"cancellation": cancellation}


class TestUnifiPay(unifi_pay_bench.UnifiPayBench, DamagedText):
    ref = unifi_pay_bench.REF
    answer = unifi_pay_bench.shown
    free = ("itemName", "buyer")
    deciding = ("status", "transactionId", "orderId", "storeId", "orderCurrencyCode", "payCurrencyCode")
