"""PortOne V1's look-ups: amounts, states, channels, and what is kept as evidence."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.money import Money
from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.values import ChargeRequest, DepositAccount, Failure, GatewayStatus
from tests.contract.bench import Make, assert_shows, question, refund_of, refunding
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.portone_v1_bench import PortOneV1Bench, page, payment

REF = "imp_448280090638"


class TestPortOneV1States(PortOneV1Bench):
    # -- amounts

    @pytest.mark.parametrize(
        ("written", "currency", "minor"),
        [
            ("12.34", "USD", 1234),
            ("12.3", "USD", 1230),
            ("12", "USD", 1200),
            ("0.1", "USD", 10),
            ("1.0E7", "KRW", 10_000_000),
            ("24000.0", "KRW", 24_000),
            ("90071992547409.93", "USD", 9_007_199_254_740_993),
            ("12.345", "USD", None),
            ("0.5", "KRW", None),
            ("1e999999", "KRW", None),
            ("1e-999999", "KRW", None),
            ("9" * 4000, "KRW", None),
            ("12", "XXX", None),
        ],
    )
    async def test_amounts_are_read_digit_by_digit(
        self,
        wired: PortOneV1,
        wire: FaultyServer,
        charge: ChargeRequest,
        written: str,
        currency: str,
        minor: int | None,
    ) -> None:
        shown = (
            f'{{"merchant_uid": "{charge.reference}", "status": "paid", "amount": {written}, "currency": "{currency}"}}'
        )
        wire.behave = answers(200, f'{{"code": 0, "response": {shown}}}'.encode())
        held = await wired.fetch_payment(question(charge, REF))
        assert held.amount == (None if minor is None else Money(minor, currency))

    async def test_cents_come_back_as_they_were_sent(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        dollars = replace(charge, amount=Money(1999, "USD"))
        ref = await self.finished(gateway, hands, dollars)
        assert_shows(await gateway.fetch_payment(question(dollars, ref)), dollars, GatewayStatus.CAPTURED)
        assert (await hands.truth(charge.reference))["amount"] == 1999
        refund = refund_of(dollars, ref, 910, 1999)
        assert (await refunding(gateway).refund(refund)).failure is None
        held = await gateway.fetch_payment(question(dollars, ref))
        assert (held.status, held.refunded) == (GatewayStatus.CAPTURED, Money(910, "USD"))

    # -- states

    @pytest.mark.parametrize(
        ("shown", "status", "refunded"),
        [
            ({"status": "paid"}, GatewayStatus.CAPTURED, 0),
            ({"status": "paid", "cancel_amount": None}, GatewayStatus.CAPTURED, None),
            ({"status": "paid", "cancel_amount": 4000}, GatewayStatus.CAPTURED, 4000),
            ({"status": "paid", "cancel_amount": 24_000}, GatewayStatus.REFUND_PENDING, 24_000),
            ({"status": "cancelled", "cancel_amount": 24_000}, GatewayStatus.CANCELED, 24_000),
            ({"status": "cancelled", "paid_at": 0}, GatewayStatus.CANCELED, 0),
            ({"status": "ready", "paid_at": 0}, GatewayStatus.PENDING, 0),
            ({"status": "ready", "paid_at": None, "vbank_num": ""}, GatewayStatus.PENDING, 0),
            ({"status": "failed", "paid_at": 0}, GatewayStatus.FAILED, 0),
            ({"status": "PAID"}, GatewayStatus.UNRECOGNIZED, 0),
            ({"status": ""}, GatewayStatus.UNRECOGNIZED, 0),
            ({"status": "partially_cancelled"}, GatewayStatus.UNRECOGNIZED, 0),
            ({"status": None}, GatewayStatus.STATUS_MISSING, 0),
        ],
    )
    async def test_the_status_is_read_together_with_what_was_given_back(
        self,
        wired: PortOneV1,
        wire: FaultyServer,
        charge: ChargeRequest,
        shown: dict[str, object],
        status: GatewayStatus,
        refunded: int | None,
    ) -> None:
        wire.behave = answers(200, page(payment(charge, **shown)))
        held = await wired.fetch_payment(question(charge))
        assert (held.status, held.doubt) == (status, None)
        assert held.refunded == (None if refunded is None else Money(refunded, "KRW"))

    @pytest.mark.parametrize(
        "shown",
        [
            {"status": "ready"},
            {"status": "failed"},
            {"status": "ready", "vbank_num": "110"},
            {"status": "paid", "cancel_amount": 24_001},
            {"status": "paid", "cancel_amount": -1},
            {"status": "cancelled", "cancel_amount": 23_999},
            {"status": "cancelled"},
            {"status": "cancelled", "cancel_amount": None},
        ],
    )
    async def test_what_cannot_be_true_together_is_doubted(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, shown: dict[str, object]
    ) -> None:
        wire.behave = answers(200, page(payment(charge, **shown)))
        assert (await wired.fetch_payment(question(charge))).doubt

    async def test_a_failure_says_why_in_the_gateways_words(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        failed = payment(charge, status="failed", paid_at=0, fail_reason="한도 초과" * 100)
        wire.behave = answers(200, page(failed))
        held = await wired.fetch_payment(question(charge))
        assert held.failure == Failure("declined", message=("한도 초과" * 100)[:300])

    async def test_an_account_that_was_issued_waits_for_its_deposit(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        account = {"vbank_name": "우리은행", "vbank_num": "1002-1", "vbank_holder": "온틸", "vbank_date": 1_795_000_000}
        for changes, until in (({}, datetime.fromtimestamp(1_795_000_000, UTC)), ({"vbank_date": 0}, None)):
            shown = payment(charge, status="ready", paid_at=0, **(account | changes))
            wire.behave = answers(200, page(shown))
            held = await wired.fetch_payment(question(charge))
            assert_shows(held, charge, GatewayStatus.AWAITING_DEPOSIT)
            assert held.deposit == DepositAccount("우리은행", "1002-1", "온틸", until)
            assert "1002-1" not in str(held.evidence)

    async def test_a_deposit_that_is_too_small_is_shown_as_it_is(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        portone = make(pg="other")
        ref = await self.finished(portone, hands, charge, "underpaid_deposit")
        assert_shows(await portone.fetch_payment(question(charge, ref)), charge, GatewayStatus.AWAITING_DEPOSIT)
        await self.buyer_pays(hands, charge)
        held = await portone.fetch_payment(question(charge, ref))
        assert held.status is GatewayStatus.CAPTURED
        assert held.amount == Money((await hands.truth(charge.reference))["amount"], "KRW")
        assert held.amount != charge.amount

    async def test_times_that_never_were_are_not_1970(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, page(payment(charge, failed_at=10**18)))
        evidence = (await wired.fetch_payment(question(charge))).evidence
        assert evidence["paid_at"] == "2026-11-18T11:06:40.000000Z"
        assert {"failed_at", "cancelled_at"}.isdisjoint(evidence)

    # -- which channel

    @pytest.mark.parametrize(
        ("settings", "sandbox", "is_live"),
        [
            ({}, True, False),
            ({}, False, True),
            ({"is_live_deployment": False}, True, False),
            ({"is_live_deployment": False}, False, True),
            ({"is_live_deployment": False, "test_on_live_project": True}, True, False),
            ({"is_live_deployment": False, "test_on_live_project": True}, False, None),
            ({"is_live_deployment": False, "test_on_live_project": True, "pg": "other"}, False, True),
            ({"test_on_live_project": True}, False, True),
            ({"is_live_deployment": False, "pg": "other"}, False, True),
            ({"pg": "other"}, True, False),
        ],
    )
    async def test_a_live_channel_proves_nothing_only_where_paymentwall_is_tested_on_a_live_project(
        self,
        make: Make,
        wire: FaultyServer,
        charge: ChargeRequest,
        settings: dict[str, object],
        sandbox: bool,
        is_live: bool | None,
    ) -> None:
        wire.behave = answers(200, page(payment(charge, sandbox=sandbox)))
        assert (await make(wire.url, **settings).fetch_payment(question(charge))).is_live is is_live

    @pytest.mark.parametrize(("opened", "is_live"), [("paymentwall", None), ("other", True)])
    async def test_which_channel_proves_something_follows_the_pg_that_the_payment_was_opened_with(
        self, make: Make, wire: FaultyServer, charge: ChargeRequest, opened: str, is_live: bool | None
    ) -> None:
        wire.behave = answers(200, page(payment(charge, sandbox=False)))
        test = {"is_live_deployment": False, "test_on_live_project": True}
        now = {"paymentwall": "other", "other": "paymentwall"}[opened]
        gateway = make(wire.url, pg=now, **test).as_opened(make(wire.url, pg=opened, **test).account)
        assert gateway is not None
        assert (await gateway.fetch_payment(question(charge))).is_live is is_live

    @pytest.mark.parametrize("by_ref", [True, False])
    async def test_a_payment_of_a_test_channel_is_seen_by_every_road(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, by_ref: bool
    ) -> None:
        ref = await self.finished(gateway, hands, charge, "test_channel")
        held = await gateway.fetch_payment(question(charge, ref if by_ref else None))
        assert (held.status, held.is_live) == (GatewayStatus.CAPTURED, False)

    async def test_a_live_channel_is_told_too(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge, "live_channel")
        assert (await gateway.fetch_payment(question(charge, ref))).is_live is True

    # -- what browsers and webhooks say does not count

    @pytest.mark.parametrize("scenario", ["success_false", "contradiction"])
    async def test_whatever_the_browser_and_webhooks_say_paid_is_paid(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest, scenario: str
    ) -> None:
        ref = await self.finished(gateway, hands, charge, scenario)
        assert_shows(await gateway.fetch_payment(question(charge, ref)), charge, GatewayStatus.CAPTURED)

    async def test_a_cancel_in_the_console_is_seen(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> None:
        ref = await self.finished(gateway, hands, charge)
        await self.buyer_pays(hands, charge, "console_cancel")
        held = await gateway.fetch_payment(question(charge, ref))
        assert_shows(held, charge, GatewayStatus.CANCELED)
        assert held.refunded == charge.amount

    # -- evidence

    async def test_the_evidence_names_ids_amounts_and_times_and_nothing_of_the_buyer(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(gateway, hands, charge)
        evidence = (await gateway.fetch_payment(question(charge, ref))).evidence
        known = {"status": "paid", "imp_uid": ref, "merchant_uid": charge.reference, "amount": "24000"}
        known |= {"cancel_amount": "0", "currency": "KRW", "pg_provider": "paymentwall", "pay_method": "card"}
        assert evidence.items() >= known.items()
        assert evidence.keys() - known.keys() == {"sandbox", "pg_tid", "paid_at"}
        assert not [value for value in evidence.values() if isinstance(value, (float, Decimal))]
