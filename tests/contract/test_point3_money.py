"""Point3's confirm and cancel."""

from dataclasses import replace

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest, Refusal
from app.domain.money import Money
from app.gateways.point3.adapter import Point3
from app.gateways.values import CaptureRequest, ChargeRequest, GatewayStatus, RefundAccount, RefundRequest
from tests.contract.bench import assert_shows, confirming, question
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.contract.hands import Hands
from tests.contract.point3_bench import Point3Bench, envelope, row

CONFIRM = CaptureRequest("order1", "sig", Money(24_000, "KRW"))


def refund(minor: int) -> RefundRequest:
    """All of a payment of so much."""
    return RefundRequest("key-1", "order1", "sig", Money(minor, "KRW"), Money(minor, "KRW"), "rejected")


class TestPoint3Money(Point3Bench):
    @pytest.mark.parametrize("status", [400, 402, 404, 410, 422])
    @pytest.mark.parametrize("inside", [False, True])
    async def test_an_explicit_no_is_a_decline_in_its_own_words(
        self, wired: Point3, wire: FaultyServer, status: int, inside: bool
    ) -> None:
        wire.behave = answers(200 if inside else status, {"statusCode": status, "message": "한도 초과"})
        confirmed = await wired.capture(CONFIRM)
        assert confirmed.failure is not None
        assert confirmed.failure.code == "declined"
        assert (confirmed.failure.raw_code, confirmed.failure.message) == (str(status), "한도 초과")
        refunded = await wired.refund(refund(1))
        means = Refusal.UNKNOWN_PAYMENT if status == 404 else Refusal.DECLINED
        assert refunded.failure == replace(confirmed.failure, code=means)
        assert [sent.json for sent in wire.arrived if sent.target == "/purchase/confirm"] == [{"signature": "sig"}]

    async def test_a_no_without_an_envelope_is_still_a_no(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, b"Bad Request")
        confirmed = await wired.capture(CONFIRM)
        assert confirmed.failure is not None
        assert (confirmed.failure.raw_code, confirmed.failure.message) == ("400", None)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (409, {"statusCode": 409, "message": "already being processed"}),
            (200, {"statusCode": 409}),
            (408, {"statusCode": 408}),
            (425, b""),
            (200, {}),
            (200, {"message": "success"}),
            (200, {"statusCode": "200"}),
            (200, {"statusCode": 500}),
            (200, {"statusCode": 0}),
            (200, [200]),
            (201, {"statusCode": 201}),
            (204, b""),
            (400, {"statusCode": 500}),
        ],
    )
    async def test_what_is_neither_yes_nor_no_leaves_it_open(
        self, wired: Point3, wire: FaultyServer, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        if status == 400:
            assert (await wired.capture(CONFIRM)).failure is not None
            return
        with pytest.raises(GatewayTimeout):
            await wired.capture(CONFIRM)
        with pytest.raises(GatewayTimeout):
            await wired.refund(refund(1))

    async def test_a_long_message_of_the_gateway_is_cut(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, {"statusCode": 400, "message": "x" * 5000})
        failure = (await wired.capture(CONFIRM)).failure
        assert failure is not None
        assert failure.message == "x" * 300

    async def test_a_cancel_has_no_amount_and_is_told_as_accepted_only(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(200, envelope({}))
        answer = await wired.refund(refund(24_000))
        assert (answer.is_done, answer.failure) == (False, None)
        (sent,) = wire.arrived
        assert (sent.method, sent.target, sent.body) == ("POST", "/api/payments/sig/cancel", b"")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"amount": Money(23_999, "KRW")}, "amount"),
            ({"refundable": Money(12_000, "KRW")}, "amount"),
            ({"amount": Money(0, "KRW"), "refundable": Money(0, "KRW")}, "amount"),
            ({"account": RefundAccount("04", "110-2", "김민지")}, "refund_account"),
        ],
    )
    async def test_a_cancel_that_would_do_something_else_than_asked_is_refused_before_any_call(
        self, wired: Point3, wire: FaultyServer, changes: dict[str, object], field: str
    ) -> None:
        """Point3's cancel has no field for an amount, nor for an account: it would give everything back, the way it came."""
        wrong = replace(refund(24_000), **changes)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest) as refused:
            wired.check_refund(wrong)
        with pytest.raises(InvalidRequest):
            await wired.refund(wrong)
        assert [name for name, _ in refused.value.errors] == [field]
        assert wire.arrived == []

    # -- closing what was not confirmed

    async def test_closing_is_a_cancel_of_the_signature(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope({}))
        assert await wired.void(question(charge, "sig/1+==")) is None
        (sent,) = wire.arrived
        assert (sent.method, sent.target, sent.body) == ("POST", "/api/payments/sig%2F1%2B%3D%3D/cancel", b"")

    async def test_without_a_signature_there_is_nothing_to_close(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        assert await wired.void(question(charge)) is None
        assert wire.arrived == []

    @pytest.mark.parametrize(
        ("status", "is_closed"),
        [
            ("CANCEL_REQUESTED", True),
            ("CANCELLED", True),
            ("FAILED", True),
            ("WIDGET_DONE", False),
            ("CONFIRMED", False),
            ("TOKEN_ISSUED", False),
            ("SOMETHING_NEW", False),
            (None, False),
        ],
    )
    async def test_a_no_to_closing_is_one_unless_it_is_closed_already(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: str | None, is_closed: bool
    ) -> None:
        refused = answers(400, {"statusCode": 400, "message": "이미 처리된 요청입니다"})
        wire.behave = in_turn(refused, answers(200, envelope(row(charge, status=status))))
        failure = await wired.void(question(charge, "sig/1+=="))
        if is_closed:
            assert failure is None
            return
        assert failure is not None
        assert (failure.code, failure.raw_code) == ("declined", "400")

    @pytest.mark.parametrize(
        ("status", "raised"),
        [
            (401, GatewayRefused),
            (403, GatewayRefused),
            (409, GatewayTimeout),
            (429, GatewayUnavailable),
            (500, GatewayTimeout),
            (201, GatewayTimeout),
        ],
    )
    async def test_an_answer_that_does_not_say_whether_it_is_closed(
        self, wired: Point3, wire: FaultyServer, charge: ChargeRequest, status: int, raised: type[Exception]
    ) -> None:
        wire.behave = answers(status, b"")
        with pytest.raises(raised):
            await wired.void(question(charge, "sig/1+=="))
        assert len(wire.arrived) == 1

    async def test_closing_what_we_confirmed_gives_the_money_back(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        """Point3 has one cancel for both: whoever closes must know that we did not confirm."""
        ref = await self.captured(point3, hands, charge)
        assert await point3.void(question(charge, ref)) is None
        await hands.advance(self.refund_batch_s)
        assert (await hands.truth(charge.reference))["refunded"] == charge.amount.minor

    async def test_what_was_closed_cannot_be_confirmed_any_more(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(point3, hands, charge)
        assert await point3.void(question(charge, ref)) is None
        assert_shows(await point3.fetch_payment(question(charge, ref)), charge, GatewayStatus.REFUND_PENDING)
        assert (await confirming(point3).capture(self.confirmation(charge, ref))).failure is not None
        assert (await hands.truth(charge.reference))["captures"] == 0

    async def test_nothing_of_the_buyer_or_the_signature_is_evidence(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(point3, hands, charge)
        held = await point3.fetch_payment(question(charge, ref))
        assert held.evidence == {
            "status": "CONFIRMED",
            "orderIdFromClient": charge.reference,
            "totalCharge": 24_000,
        }
