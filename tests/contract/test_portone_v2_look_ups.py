"""What PortOne V2's look-ups show, and how it is told (docs/gateways/portone-v2.md §2)."""

from typing import Any

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable
from app.domain.money import Money
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import ChargeRequest, Failure, GatewayPayment, GatewayStatus
from tests.contract.bench import assert_shows, question
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.portone_v2_bench import ABSENT, STORE, TX, PortOneV2Bench, amount, no, shown


class TestPortOneV2LookUps(PortOneV2Bench):
    async def test_it_asks_by_our_reference_and_names_our_store(
        self, wired: PortOneV2, wire: FaultyServer, hands: Hands, charge: ChargeRequest
    ) -> None:
        for asked in (question(charge), question(charge, "tx/of+somebody")):
            assert (await wired.fetch_payment(asked)).status is GatewayStatus.ABSENT
        for sent in wire.arrived:
            assert (sent.method, sent.target) == ("GET", f"/payments/{charge.reference}?storeId={STORE}")
            assert sent.headers["authorization"] == f"PortOne {hands.connection['api_secret']}"
            assert "idempotency-key" not in sent.headers
            assert sent.body == b""

    async def test_a_paid_payment_is_told_whole(self, portone: PortOneV2, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(portone, hands, charge, "live_channel")
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert (held.gateway_ref, held.is_own_store, held.is_live) == (ref, True, True)
        assert (held.refunded, held.doubt, held.deposit, held.failure) == (Money(0, "KRW"), None, None, None)
        assert held.evidence.items() >= {
            ("status", "PAID"),
            ("transactionId", ref),
            ("total", 24_000),
            ("paid", 24_000),
            ("channel", "LIVE"),
        }

    async def test_nothing_of_the_buyer_is_evidence(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.browser_opens(hands, await portone.create_session(charge))
        for scenario in ("virtual_account", "paid"):
            await hands.pay(charge.reference, scenario)
            told = repr((await portone.fetch_payment(question(charge))).evidence)
            for personal in ("Minji", "minji", "buyer-7f3a", "5555", "온틸 상점", "127.0.0.1"):
                assert personal not in told

    async def test_a_foreign_store_is_reported(self, portone: PortOneV2, hands: Hands, charge: ChargeRequest) -> None:
        await self.finished(portone, hands, charge, "wrong_store")
        assert (await portone.fetch_payment(question(charge))).is_own_store is False

    async def test_a_pending_approval_is_under_way_and_then_money(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "pay_pending")
        assert_shows(await portone.fetch_payment(question(charge)), charge, GatewayStatus.APPROVING)
        await hands.advance(61)
        assert_shows(await portone.fetch_payment(question(charge)), charge, GatewayStatus.CAPTURED)

    async def test_a_discount_does_not_change_what_was_ordered(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "discount")
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert held.doubt is None
        assert (held.evidence["discount"], held.evidence["paid"]) == (100, 23_900)

    async def test_an_account_that_waits_for_a_deposit_is_told_and_then_the_deposit(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "virtual_account")
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.AWAITING_DEPOSIT)
        assert held.deposit is not None
        assert (held.deposit.bank, held.deposit.holder) == ("SHINHAN", "온틸 상점")
        assert held.deposit.number.isdigit()
        assert held.deposit.expires_at is not None
        assert held.deposit.number not in repr(held.evidence)
        await hands.pay(charge.reference)
        paid = await portone.fetch_payment(question(charge))
        assert_shows(paid, charge, GatewayStatus.CAPTURED)
        assert (paid.deposit, paid.doubt) == (None, None)

    async def test_a_deposit_that_is_too_small_is_for_a_person(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "underpaid_deposit")
        await hands.pay(charge.reference)
        assert (await hands.truth(charge.reference))["amount"] == 23_900
        held = await portone.fetch_payment(question(charge))
        assert (held.doubt, held.amount) == (None, Money(23_900, "KRW"))
        assert held.sum_doubt == "the look-up says PAID, and that 23900 of 24000 minor units came"

    async def test_a_refused_card_is_told_in_the_payment_companys_words(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "declined")
        held = await portone.fetch_payment(question(charge))
        assert held.failure is not None
        assert (held.failure.code, held.failure.raw_code) == ("declined", "REJECT_CARD_PAYMENT")
        assert held.failure.message

    async def test_who_was_refused_and_tried_again_is_found_by_either_transaction(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        first = await self.finished(portone, hands, charge, "declined")
        second = portone.parse_callback(await self.buyer_pays(hands, charge)).gateway_ref
        assert first != second
        assert await portone.fetch_payment(question(charge, second)) == await portone.fetch_payment(question(charge))
        by_first = await portone.fetch_payment(question(charge, first))
        assert_shows(by_first, charge, GatewayStatus.CAPTURED)
        assert (by_first.gateway_ref, by_first.doubt) == (second, None)
        assert by_first.evidence["asked_for_another_transaction"] is True

    async def test_a_cancel_in_the_console_is_seen(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge)
        await hands.pay(charge.reference, "console_cancel")
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.CANCELED)
        assert held.refunded == charge.amount

    # -- shapes

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"channel": {"type": "TEST"}}, {"is_live": False}),
            ({"channel": {"type": "SANDBOX"}}, {"is_live": None}),
            ({"channel": {}}, {"is_live": None}),
            ({"channel": None}, {"is_live": None}),
            ({"storeId": "store-2"}, {"is_own_store": False}),
            ({"storeId": None}, {"is_own_store": None}),
            ({"currency": "CURRENCY_KRW"}, {"amount": Money(24_000, "KRW")}),
            ({"currency": "BTC"}, {"amount": None}),
            ({"currency": None}, {"amount": None}),
            ({"amount": None}, {"amount": None, "refunded": None}),
            ({"amount": {}}, {"amount": None, "refunded": None}),
            ({"id": "another"}, {"reference": "another"}),
            ({"id": None}, {"reference": None}),
            ({"transactionId": ""}, {"gateway_ref": None}),
            ({"status": None}, {"status": GatewayStatus.STATUS_MISSING}),
            ({"status": "HELD"}, {"status": GatewayStatus.UNRECOGNIZED}),
            ({"newField": [1.5], "pgTxId": 5, "cancelledAt": {}}, {"status": GatewayStatus.CAPTURED}),
        ],
    )
    async def test_what_is_missing_or_new_changes_nothing_else(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, changes: Any, told: dict[str, object]
    ) -> None:
        wire.behave = answers(200, shown(charge, **changes))
        held = await wired.fetch_payment(question(charge))
        assert {name: getattr(held, name) for name in told} == told
        assert held.doubt is None

    async def test_a_failure_without_its_reason_is_still_one(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, shown(charge, status="FAILED", paidAt=None, amount=amount(24_000, paid=0)))
        held = await wired.fetch_payment(question(charge))
        assert (held.status, held.failure) == (GatewayStatus.FAILED, Failure("declined"))

    @pytest.mark.parametrize(
        ("changes", "fact"),
        [
            ({"id": 5}, "reference"),
            ({"storeId": {}}, "is_own_store"),
            ({"currency": ["KRW"]}, "amount"),
            ({"amount": 24_000}, "amount"),
            ({"amount": {"total": 24_000.0}}, "amount"),
            ({"amount": {"total": "24000"}}, "amount"),
            ({"amount": {"total": True}}, "amount"),
            ({"channel": "LIVE"}, "is_live"),
            ({"channel": {"type": 1}}, "is_live"),
        ],
    )
    async def test_a_fact_of_another_type_was_not_told(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, changes: Any, fact: str
    ) -> None:
        wire.behave = answers(200, shown(charge, **changes))
        assert getattr(await wired.fetch_payment(question(charge)), fact) is None

    @pytest.mark.parametrize(
        ("status", "body", "raised"),
        [
            (404, {"message": "Not Found"}, GatewayRefused),
            (404, b"Not Found", GatewayRefused),
            (404, no("STORE_NOT_FOUND"), GatewayRefused),
            (404, {"type": 5}, GatewayRefused),
            (400, ABSENT, GatewayRefused),
            (400, no("INVALID_REQUEST"), GatewayRefused),
            (502, no("PG_PROVIDER"), GatewayUnavailable),
            (500, ABSENT, GatewayUnavailable),
            (204, b"", GatewayTimeout),
        ],
    )
    async def test_only_portones_own_words_say_that_there_is_nothing(
        self,
        wired: PortOneV2,
        wire: FaultyServer,
        charge: ChargeRequest,
        status: int,
        body: object,
        raised: type[Exception],
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(raised):
            await wired.fetch_payment(question(charge))
        wire.behave = answers(404, ABSENT)
        assert await wired.fetch_payment(question(charge, TX)) == GatewayPayment(GatewayStatus.ABSENT)
