"""A member of another JSON type was not told, whichever it is: the rest of the look-up is read, and nothing looks absent for it.

Every member of what we read × every wrong type × every gateway; what follows: see tests/flows/gateways/test_other_types.py.
"""

import copy
from typing import Any, ClassVar

import pytest

from app.gateways.facts import Told
from app.gateways.point3.wire import Row
from app.gateways.portone_v1.wire import Page, Prepared
from app.gateways.portone_v1.wire import Payment as V1Payment
from app.gateways.portone_v2.wire import Payment as V2Payment
from app.gateways.unifi_pay.wire import Shown
from app.gateways.values import ChargeRequest, GatewayPayment, GatewayStatus
from tests.contract import point3_bench, portone_v1_bench, portone_v2_bench, unifi_pay_bench
from tests.contract.bench import Bench, Make, question
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.contract.portone_v1_bench import envelope, no, page
from tests.support.other_types import Path, of_other_types, put

DECIDED = {
    ("status",): "status",
    ("orderIdFromClient",): "reference",
    ("totalCharge",): "amount",
    ("merchant_uid",): "reference",
    ("amount",): "amount",
    ("amount", "total"): "amount",
    ("currency",): "amount",
    ("sandbox",): "is_live",
    ("id",): "reference",
    ("storeId",): "is_own_store",
    ("channel",): "is_live",
    ("channel", "type"): "is_live",
    ("orderId",): "reference",
    ("orderAmount",): "amount",
    ("orderCurrencyCode",): "amount",
}
"""The members that decide, and what of a payment each is."""


class OtherTypes(Bench):
    """The tests of one gateway."""

    ref: ClassVar[str]
    shape: ClassVar[type[Told]]

    def shown(self, charge: ChargeRequest) -> dict[str, Any]:
        """A payment that took money, and of which a part was given back where that is shown."""
        raise NotImplementedError

    def answer(self, payment: dict[str, Any]) -> Any:
        return payment

    async def test_it_was_not_told_and_the_rest_is_read(
        self, make: Make, charge: ChargeRequest, subtests: pytest.Subtests
    ) -> None:
        async with self.breaking(answers(200, self.answer(self.shown(charge)))) as server:
            gateway = make(server.url)
            whole = await gateway.fetch_payment(question(charge, self.ref))
            assert "untold" not in whole.evidence
            for path, value in of_other_types(self.shape):
                with subtests.test(".".join(path), value=value):
                    payment = copy.deepcopy(self.shown(charge))
                    put(payment, path, value)
                    server.behave = answers(200, self.answer(payment))
                    self.compare(path, await gateway.fetch_payment(question(charge, self.ref)), whole)

    def compare(self, path: Path, held: GatewayPayment, whole: GatewayPayment) -> None:
        assert "untold" in held.evidence or path[-1] == "reason"
        decided = DECIDED.get(path)
        if decided == "status":
            assert held.status is GatewayStatus.UNRECOGNIZED
            return
        assert held.status is whole.status or held.doubt
        if decided:
            assert getattr(held, decided) is None
        else:
            told = ("reference", "amount", "is_live", "is_own_store")
            assert [getattr(held, name) for name in told] == [getattr(whole, name) for name in told]
        if whole.refunded_minor or whole.refunds:
            assert held.refunded_minor or held.refunds or held.doubt


class TestPoint3(point3_bench.Point3Bench, OtherTypes):
    ref = "sig/1+=="
    shape = Row

    def shown(self, charge: ChargeRequest) -> dict[str, Any]:
        return point3_bench.row(charge, status="CONFIRMED")

    def answer(self, payment: dict[str, Any]) -> Any:
        return point3_bench.envelope(payment)

    async def test_a_number_that_nothing_holds_spoils_nothing(self, make: Make, charge: ChargeRequest) -> None:
        """1e400 is no float, and 1e9999999999999999999 no Decimal."""
        for number in (b"1e400", b"1e9999999999999999999"):
            body = b'{"statusCode": 200, "result": {"status": "CONFIRMED", "signature": "s", "fee": %s}}' % number
            async with self.breaking(answers(200, body)) as server:
                held = await make(server.url).fetch_payment(question(charge, "s"))
            assert held.status is GatewayStatus.CAPTURED


class TestPortOneV1(portone_v1_bench.PortOneV1Bench, OtherTypes):
    ref = "imp_448280090638"
    shape = V1Payment

    def shown(self, charge: ChargeRequest) -> dict[str, Any]:
        entry = {"amount": 1000, "cancelled_at": 1_795_000_600, "cancellation_id": "c-1", "reason": "returned"}
        return portone_v1_bench.payment(charge, cancel_amount=1000, cancel_history=[entry])

    def answer(self, payment: dict[str, Any]) -> Any:
        return envelope(payment)

    async def test_payments_in_another_form_are_not_absent(
        self, make: Make, charge: ChargeRequest, subtests: pytest.Subtests
    ) -> None:
        for path, value in of_other_types(Page):
            with subtests.test(".".join(path), value=value):
                body = page(self.shown(charge))
                put(body["response"], path, value)
                async with self.breaking(answers(200, body)) as server:
                    held = await make(server.url).fetch_payment(question(charge))
                assert held.status in {GatewayStatus.CAPTURED, GatewayStatus.UNRECOGNIZED} or held.doubt
                assert "untold" in held.evidence or path[-1] == "reason"

    async def test_an_unreadable_sum_of_cancels_is_doubted_where_the_history_is_missing(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        cases: tuple[dict[str, Any], ...] = (
            {"cancel_amount": "1000"},
            {"cancel_history": {}},
            {"cancel_history": [{"amount": "1000"}]},
            {"cancel_history": [{}]},
            {"cancel_amount": 1000, "currency": 7},
        )
        for changes in cases:
            body = envelope(portone_v1_bench.payment(charge, **changes))
            async with self.breaking(answers(200, body)) as server:
                held = await make(server.url).fetch_payment(question(charge, self.ref))
            assert held.doubt, changes

    async def test_an_account_in_another_form_is_doubted_while_it_is_waited_for(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        body = envelope(portone_v1_bench.payment(charge, status="ready", paid_at=0, vbank_num=1102))
        async with self.breaking(answers(200, body)) as server:
            held = await make(server.url).fetch_payment(question(charge, self.ref))
        assert held.doubt
        assert "1102" in str(held.evidence["untold"])

    async def test_a_registration_of_another_form_is_an_order_that_nobody_has_begun_to_pay(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        for path, value in of_other_types(Prepared):
            registered: dict[str, Any] = {"merchant_uid": charge.reference, "amount": 24_000, "currency": "KRW"}
            put(registered, path, value)
            in_order = in_turn(answers(200, page()), answers(200, envelope(registered)))
            async with self.breaking(in_order) as server:
                assert (await make(server.url).fetch_payment(question(charge))).status is GatewayStatus.PENDING

    async def test_a_login_whose_times_are_of_another_form_is_good_for_a_call(
        self, make: Make, charge: ChargeRequest
    ) -> None:
        access = answers(200, envelope({"access_token": "t", "expired_at": "soon", "now": []}))
        desk = portone_v1_bench.Desk(access)
        async with FaultyServer(answers(404, no("x", -1)), desk) as server:
            gateway = make(server.url)
            for asked in (1, 2):
                await gateway.fetch_payment(question(charge))
                assert len(desk.asked) >= asked


class TestPortOneV2(portone_v2_bench.PortOneV2Bench, OtherTypes):
    ref = portone_v2_bench.TX
    shape = V2Payment

    def shown(self, charge: ChargeRequest) -> dict[str, Any]:
        row = {"status": "SUCCEEDED", "id": "c-1", "totalAmount": 1000, "requestedAt": "2026-11-22T08:30:00Z"}
        amount = portone_v2_bench.amount(charge.amount.minor, cancelled=1000)
        return portone_v2_bench.shown(charge, status="PARTIAL_CANCELLED", amount=amount, cancellations=[row])

    async def test_cancels_whose_amounts_cannot_be_read_are_not_absent(self, make: Make, charge: ChargeRequest) -> None:
        for changes in ({"currency": 7}, {"currency": None}, {"amount": None, "cancellations": [{"id": "c-1"}]}):
            payment = self.shown(charge) | changes
            async with self.breaking(answers(200, payment)) as server:
                assert (await make(server.url).fetch_payment(question(charge, self.ref))).doubt, changes


class TestUnifiPay(unifi_pay_bench.UnifiPayBench, OtherTypes):
    ref = unifi_pay_bench.REF
    shape = Shown

    def shown(self, charge: ChargeRequest) -> dict[str, Any]:
        return unifi_pay_bench.shown(charge, payAmount=charge.amount.to_major())
