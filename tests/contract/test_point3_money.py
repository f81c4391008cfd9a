"""Point3's confirm, cancel and settlement, and the secret that opens them all."""

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.domain.money import Money
from app.gateways.point3.adapter import Point3
from app.gateways.port import ChargeRequest, ConfirmRequest, RefundRequest
from tests.contract.bench import Make, perform, question
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.point3_bench import Point3Bench, envelope

CONFIRM = ConfirmRequest("order1", "sig", Money(24_000, "KRW"))


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
        confirmed = await wired.confirm(CONFIRM)
        assert confirmed.failure is not None
        assert confirmed.failure.code == "declined"
        assert (confirmed.failure.raw_code, confirmed.failure.message) == (str(status), "한도 초과")
        refunded = await wired.refund(refund(1))
        assert refunded.failure == confirmed.failure
        assert [sent.json for sent in wire.arrived if sent.target == "/purchase/confirm"] == [{"signature": "sig"}]

    async def test_a_no_without_an_envelope_is_still_a_no(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, b"Bad Request")
        confirmed = await wired.confirm(CONFIRM)
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
            assert (await wired.confirm(CONFIRM)).failure is not None
            return
        with pytest.raises(GatewayTimeout):
            await wired.confirm(CONFIRM)
        with pytest.raises(GatewayTimeout):
            await wired.refund(refund(1))

    async def test_a_long_message_of_the_gateway_is_cut(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(400, {"statusCode": 400, "message": "x" * 5000})
        failure = (await wired.confirm(CONFIRM)).failure
        assert failure is not None
        assert failure.message == "x" * 300

    async def test_a_cancel_has_no_amount_and_is_told_as_accepted_only(self, wired: Point3, wire: FaultyServer) -> None:
        wire.behave = answers(200, envelope({}))
        answer = await wired.refund(refund(24_000))
        assert (answer.is_done, answer.failure) == (False, None)
        (sent,) = wire.arrived
        assert (sent.method, sent.target, sent.body) == ("POST", "/api/payments/sig/cancel", b"")

    async def test_nothing_of_the_buyer_or_the_signature_is_evidence(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.captured(point3, hands, charge)
        held = await point3.look_up(question(charge, ref))
        assert held.evidence == {
            "status": "CONFIRMED",
            "orderIdFromClient": charge.reference,
            "totalCharge": 24_000,
        }

    # -- money due, and the secret

    async def test_the_settlement_is_what_point3_states(
        self, point3: Point3, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.captured(point3, hands, charge)
        before = await point3.settlement()
        assert isinstance(before, dict)
        assert before["amount"] == 0, "the figure is renewed every thirty minutes"
        await hands.advance(1800)
        after = await point3.settlement()
        assert isinstance(after, dict)
        assert after["amount"] == charge.amount.minor

    async def test_a_fresh_secret_kills_the_old_one_at_once(
        self, point3: Point3, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        fresh = await point3.refresh_secret()
        assert fresh != hands.connection["secret"]
        for operation in ("start", "look_up", "confirm", "refund"):
            with pytest.raises(GatewayRefused) as refused:
                await perform(point3, operation, charge)
            assert refused.value.details["raw_code"] == "401"
        assert isinstance(await perform(make(secret=fresh), "start", charge), object)
        assert len(await hands.journal()) == 1

    @pytest.mark.parametrize(
        "result",
        [
            "new-secret-1",
            {"secret": "new-secret-1"},
            {"token": "new-secret-1"},
            {"issuedAt": "2026-11-21T08:30:00.000Z", "secret": "new-secret-1"},
            {"message": "the old secret is dead from now on", "clientSecret": "new-secret-1"},
            {"data": {"merchant": "m1", "secretKey": "new-secret-1"}},
            {"tokenType": "Basic", "token": "new-secret-1"},
            {"value": "new-secret-1", "type": "Basic"},
        ],
    )
    async def test_the_fresh_secret_is_found_in_every_likely_shape(
        self, wired: Point3, wire: FaultyServer, result: object
    ) -> None:
        """It is the only copy, and the old one is dead: taking a timestamp for it would lock the merchant out."""
        wire.behave = answers(200, envelope(result))
        assert await wired.refresh_secret() == "new-secret-1"
        assert (wire.arrived[0].method, wire.arrived[0].target) == ("POST", "/api/token/refresh")

    @pytest.mark.parametrize("result", [None, "", {}, {"secret": ""}, {"secret": 5}, []])
    async def test_a_refresh_without_a_secret_may_have_happened(
        self, wired: Point3, wire: FaultyServer, result: object
    ) -> None:
        wire.behave = answers(200, envelope(result))
        with pytest.raises(GatewayTimeout):
            await wired.refresh_secret()

    @pytest.mark.parametrize("status", [500, 503])
    async def test_a_refresh_that_broke_may_have_happened_and_is_not_safe_to_repeat(
        self, wired: Point3, wire: FaultyServer, status: int
    ) -> None:
        wire.behave = answers(status, b"")
        with pytest.raises(GatewayTimeout):
            await wired.refresh_secret()
