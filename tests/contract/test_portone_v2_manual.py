"""PortOne V2's adapter for a channel under manual approval: the contract of every gateway, and our confirm."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.errors import GatewayTimeout, InvalidRequest
from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.port import Gateway
from app.gateways.portone_v2.adapter import PortOneV2Manual
from app.gateways.values import Capability, ChargeRequest
from tests.contract.bench import Make, confirmation, confirming, perform
from tests.contract.capture_contract import CaptureContract
from tests.contract.contract import ChannelContract, GatewayContract, ReferenceContract
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.portone_v2_bench import STORE, TX, PortOneV2ManualBench, no
from tests.contract.refund_contract import PartialRefundContract, RepeatedRefundContract
from tests.contract.void_contract import VoidContract

PAID = {"pgTxId": "pg-1", "paidAt": "2026-11-21T08:30:00Z"}


class TestPortOneV2Manual(
    PortOneV2ManualBench,
    GatewayContract,
    ReferenceContract,
    ChannelContract,
    CaptureContract,
    RepeatedRefundContract,
    PartialRefundContract,
    VoidContract,
):
    # -- what is special about it

    def test_it_confirms_by_the_browsers_token_and_sees_nothing_before(self, gateway: Gateway) -> None:
        assert Capability.CAPTURE_BY_TOKEN in gateway.capabilities
        assert Capability.LOOKUP_BEFORE_CAPTURE not in gateway.capabilities

    async def test_the_window_brings_a_token(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        await gateway.create_session(charge)
        brought = gateway.parse_callback(await self.buyer_pays(hands, charge))
        assert brought.reference == charge.reference
        assert brought.token == self._tokens[charge.reference]
        assert brought.token not in repr(brought)

    async def test_a_confirm_that_is_sent_again_takes_the_money_once(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        asked = self.confirmation(charge, ref)
        first = await confirming(gateway).capture(asked)
        assert await confirming(gateway).capture(asked) == first
        assert (await hands.truth(charge.reference))["captures"] == 1

    async def test_a_confirm_that_still_runs_is_not_begun_again(
        self, manual: PortOneV2Manual, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(manual, hands, charge, "slow")
        asked = self.confirmation(charge, ref)
        first = asyncio.create_task(manual.capture(asked))
        await self.has_arrived(hands, "confirm")
        with pytest.raises(GatewayTimeout):
            await manual.capture(asked)
        assert (await first).failure is None
        assert (await hands.truth(charge.reference))["captures"] == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"gateway_ref": TX},
            {"amount": Money(23_999, "KRW")},
            {"amount": Money(24_000, "USD")},
            {"tax": Tax(tax_free=1)},
            {"is_live": True},
        ],
    )
    async def test_what_differs_from_the_payment_is_refused_and_no_money_moves(
        self, manual: PortOneV2Manual, hands: Hands, charge: ChargeRequest, wrong: dict[str, object]
    ) -> None:
        ref = await self.finished(manual, hands, charge)
        right = self.confirmation(charge, ref)
        answer = await manual.capture(replace(right, **wrong))  # type: ignore[arg-type]
        assert answer.failure is not None
        assert answer.failure.raw_code == "INFORMATION_MISMATCH"
        assert (await hands.truth(charge.reference))["captures"] == 0
        assert (await manual.capture(right)).failure is None

    async def test_a_token_of_nobody_is_a_no_and_spoils_nothing(
        self, manual: PortOneV2Manual, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(manual, hands, charge)
        answer = await manual.capture(confirmation(charge, ref))
        assert answer.failure is not None
        assert answer.failure.raw_code == "INVALID_PAYMENT_TOKEN"
        assert (await manual.capture(self.confirmation(charge, ref))).failure is None

    async def test_without_a_token_nothing_is_sent(
        self, manual: PortOneV2Manual, hands: Hands, charge: ChargeRequest
    ) -> None:
        with pytest.raises(InvalidRequest) as refused:
            await manual.capture(replace(confirmation(charge, TX), token=None))
        assert refused.value.errors[0][0] == "paymentToken"
        assert await hands.calls() == []

    # -- on the wire

    async def test_a_confirm_says_all_that_portone_can_compare(
        self, make: Make, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, PAID)
        asked = replace(confirmation(charge, TX, "tok/1"), tax=Tax(tax_free=100))
        answer = await confirming(make(wire.url)).capture(asked)
        assert answer.evidence == {"confirm": "accepted", "paid_at": PAID["paidAt"], "pg_tx_id": "pg-1"}
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", f"/payments/{charge.reference}/confirm")
        assert sent.json == {
            "storeId": STORE,
            "paymentToken": "tok/1",
            "txId": TX,
            "currency": "KRW",
            "totalAmount": 24_000,
            "taxFreeAmount": 100,
            "isTest": True,
        }

    async def test_a_confirm_has_one_key_and_with_another_token_another(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, PAID)
        gateway = confirming(make(wire.url))
        for token in ("tok/1", "tok/1", "tok/2"):
            await gateway.capture(confirmation(charge, TX, token))
        first, again, other = (sent.headers["idempotency-key"] for sent in wire.arrived)
        assert first == again != other
        for key in (first, other):
            assert key.startswith(f'"onetill-confirm-{charge.reference}-')
            assert "tok" not in key
            assert 16 <= len(key.strip('"')) <= 256

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (400, no("INVALID_PAYMENT_TOKEN")),
            (400, no("INVALID_REQUEST")),
            (404, no("PAYMENT_NOT_FOUND")),
            (409, no("INFORMATION_MISMATCH")),
            (502, no("PG_PROVIDER", pgCode="REJECT", pgMessage="한도 초과")),
        ],
    )
    async def test_an_explicit_no_is_a_decline_in_its_own_words(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest, status: int, body: dict[str, object]
    ) -> None:
        wire.behave = answers(status, body)
        answer = await confirming(make(wire.url)).capture(confirmation(charge, TX))
        assert answer.failure is not None
        assert (answer.failure.code, answer.failure.raw_code) == ("declined", body["type"])
        assert answer.failure.message == body.get("pgMessage", body["message"])
        assert answer.evidence["type"] == body["type"]
        assert answer.evidence.get("pg_code") == body.get("pgCode")

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (409, no("ALREADY_PAID")),
            (409, no("IDEMPOTENCY_OUTSTANDING_REQUEST")),
            (409, no("SOMETHING_NEW")),
            (409, {}),
            (422, no("INVALID_REQUEST")),
            (400, {}),
            (400, b"Bad Request"),
            (404, {"message": "Not Found"}),
            (502, no("SOMETHING_ELSE")),
            (500, no("PG_PROVIDER")),
            (200, {}),
            (200, {"pgTxId": "pg-1"}),
            (200, {"paidAt": None}),
            (200, [PAID]),
            (201, PAID),
            (204, b""),
        ],
    )
    async def test_what_is_neither_yes_nor_no_leaves_it_open(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayTimeout):
            await perform(make(wire.url), "capture", charge)
