"""PortOne V1's look-ups: several payments under one order, test channels, exact amounts, and answers of any shape."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.domain.money import Money
from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.values import ChargeRequest, DepositAccount, Failure, GatewayStatus
from tests.contract.bench import Make, assert_shows, question, refund_of, refunding
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.contract.hands import Hands
from tests.contract.portone_v1_bench import PortOneV1Bench, envelope, no, page, payment

REF = "imp_448280090638"
ABSENT = answers(404, no("존재하지 않는 결제정보입니다.", -1))


class TestPortOneV1LookUps(PortOneV1Bench):
    # -- which calls are made

    async def test_a_paid_payment_takes_one_call_that_also_asks_for_test_channels(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, envelope(payment(charge)))
        assert_shows(await wired.fetch_payment(question(charge, REF)), charge, GatewayStatus.CAPTURED)
        (sent,) = wire.arrived
        assert (sent.method, sent.target, sent.body) == ("GET", f"/payments/{REF}?include_sandbox=true", b"")

    async def test_an_imp_uid_is_one_segment_of_the_path_whatever_is_in_it(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        await wired.fetch_payment(replace(question(charge, "a/b?c#d&e한%2F"), reference="ord/1"))
        targets = [sent.target.partition("?")[0] for sent in wire.arrived]
        assert targets == [
            "/payments/a%2Fb%3Fc%23d%26e%ED%95%9C%252F",
            "/payments/findAll/ord%2F1",
            "/payments/prepare/ord%2F1",
        ]

    async def test_without_an_imp_uid_the_newest_hundred_of_the_order_are_read(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, page(payment(charge)))
        await wired.fetch_payment(question(charge))
        (sent,) = wire.arrived
        query = "limit=100&sorting=-updated&include_sandbox=true"
        assert sent.target == f"/payments/findAll/{charge.reference}?{query}"

    # -- several payments of one order

    @pytest.mark.parametrize("status", ["ready", "failed", "something_new"])
    async def test_a_payment_that_took_no_money_does_not_speak_for_the_order(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, status: str
    ) -> None:
        """The buyer's browser brings the imp_uid of the window that failed; another window was paid."""
        left = payment(charge, status=status, paid_at=0)
        wire.behave = in_turn(answers(200, envelope(left)), answers(200, page(left, payment(charge, imp_uid="imp_2"))))
        held = await wired.fetch_payment(question(charge, REF))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert held.gateway_ref == "imp_2"

    async def test_an_unknown_imp_uid_does_not_hide_a_paid_one(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = in_turn(ABSENT, answers(200, page(payment(charge))))
        assert_shows(await wired.fetch_payment(question(charge, "imp_999")), charge, GatewayStatus.CAPTURED)

    @pytest.mark.parametrize("status", ["paid", "cancelled"])
    async def test_one_that_took_money_speaks_at_once(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, status: str
    ) -> None:
        wire.behave = answers(200, envelope(payment(charge, status=status)))
        await wired.fetch_payment(question(charge, REF))
        assert len(wire.arrived) == 1

    @pytest.mark.parametrize("shown", [{"merchant_uid": "another"}, {"merchant_uid": None}])
    @pytest.mark.parametrize("status", ["paid", "ready", "failed"])
    async def test_a_payment_of_another_order_is_reported_as_it_is(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, shown: dict[str, object], status: str
    ) -> None:
        wire.behave = answers(200, envelope(payment(charge, status=status, paid_at=0, **shown)))
        held = await wired.fetch_payment(question(charge, REF))
        assert held.reference == shown["merchant_uid"]
        assert len(wire.arrived) == 1

    @pytest.mark.parametrize(
        ("rows", "chosen"),
        [
            ([{"status": "cancelled"}, {"status": "paid", "amount": 1}], 1),
            ([{"status": "ready"}, {"status": "cancelled"}], 1),
            ([{"status": "cancelled"}, {"status": "paid", "cancel_amount": 24_000}], 1),
            ([{"status": "ready"}, {"status": "ready", "vbank_num": "110"}], 1),
            ([{"status": "ready", "vbank_num": "110"}, {"status": "paid"}], 1),
            ([{"status": "something_new"}, {"status": "ready", "vbank_num": "110"}], 1),
            ([{"status": "ready"}, {"status": "something_new"}], 1),
            ([{"status": "ready"}, {"status": None}], 1),
            ([{"status": "failed"}, {"status": "ready"}], 1),
            ([{"status": "failed"}, {"status": "something_new"}], 1),
            ([{"status": "paid", "amount": 1}, {"status": "paid"}], 1),
            ([{"status": "paid", "merchant_uid": "another"}, {"status": "failed"}], 1),
        ],
    )
    @pytest.mark.parametrize("turned", [False, True])
    async def test_of_several_payments_the_one_where_money_moved_speaks(
        self,
        wired: PortOneV1,
        wire: FaultyServer,
        charge: ChargeRequest,
        rows: list[dict[str, object]],
        chosen: int,
        turned: bool,
    ) -> None:
        shown = [payment(charge, imp_uid=f"imp_{at}", **({"paid_at": 0} | each)) for at, each in enumerate(rows)]
        wire.behave = answers(200, page(*(shown[::-1] if turned else shown)))
        assert (await wired.fetch_payment(question(charge))).gateway_ref == f"imp_{chosen}"

    async def test_a_list_that_leaves_out_the_payment_in_hand_takes_nothing_back(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        """Should the list hide test channels: the single look-up has shown the payment."""
        for said in (ABSENT, answers(200, page())):
            wire.behave = in_turn(answers(200, envelope(payment(charge, status="failed", paid_at=0))), said)
            assert (await wired.fetch_payment(question(charge, REF))).status is GatewayStatus.FAILED

    async def test_a_card_that_was_refused_first_and_taken_then(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        await gateway.create_session(charge)
        first = gateway.parse_callback(await self.buyer_pays(hands, charge, "declined")).gateway_ref
        assert (await gateway.fetch_payment(question(charge, first))).status is GatewayStatus.FAILED
        second = gateway.parse_callback(await self.buyer_pays(hands, charge)).gateway_ref
        assert first != second
        for asked in (question(charge, first), question(charge, second), question(charge)):
            held = await gateway.fetch_payment(asked)
            assert_shows(held, charge, GatewayStatus.CAPTURED)
            assert held.gateway_ref == second

    # -- an order that nobody has begun to pay

    async def test_a_registered_amount_shows_that_the_order_is_known(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        registered = {"merchant_uid": charge.reference, "amount": 24_000, "currency": "KRW"}
        wire.behave = in_turn(answers(200, page()), answers(200, envelope(registered)))
        held = await wired.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.PENDING)
        assert held.gateway_ref is None

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (404, no("존재하지 않는 결제정보입니다.", -1)),
            (404, {}),
            (200, no("등록되지 않은 merchant_uid입니다.")),
            (200, envelope(None)),
        ],
    )
    async def test_every_way_to_say_that_nothing_is_registered(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, status: int, body: object
    ) -> None:
        wire.behave = in_turn(ABSENT, answers(status, body))
        assert (await wired.fetch_payment(question(charge))).status is GatewayStatus.ABSENT

    async def test_a_registration_without_currency_states_no_amount(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        registered = {"merchant_uid": charge.reference, "amount": 24_000, "currency": None}
        wire.behave = in_turn(ABSENT, answers(200, envelope(registered)))
        held = await wired.fetch_payment(question(charge))
        assert (held.status, held.amount) == (GatewayStatus.PENDING, None)

    # -- what is absent, and what is no answer

    @pytest.mark.parametrize("body", [b"", b"<h1>Not Found</h1>", b'"Not Found"', envelope(None)])
    async def test_a_404_that_is_not_portones_own_is_not_absent(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, body: object
    ) -> None:
        """A proxy's page, or a wrong address in the settings: "none" would let the attempt end as never opened."""
        wire.behave = answers(404, body)
        for asked in (question(charge), question(charge, REF)):
            with pytest.raises(GatewayRefused) as refused:
                await wired.fetch_payment(asked)
            assert refused.value.details["raw_code"] == "404"

    @pytest.mark.parametrize(
        ("status", "body", "raw_code"), [(200, no("실패"), "1"), (400, no("실패", -1), "-1"), (405, b"", "405")]
    )
    async def test_a_refusal_is_told_with_its_code(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, status: int, body: object, raw_code: str
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayRefused) as refused:
            await wired.fetch_payment(question(charge, REF))
        assert refused.value.details["raw_code"] == raw_code

    @pytest.mark.parametrize(
        "body",
        [
            {},
            [],
            {"code": "0", "response": {}},
            {"code": False, "response": {}},
            {"code": None, "response": {}},
            {"response": {}},
            envelope(None),
            envelope([]),
            envelope("paid"),
            envelope({"list": {}, "imp_uid": 5}),
            envelope({"list": [5], "status": 1}),
            envelope({"list": [{"amount": "24000"}], "amount": "24000"}),
            envelope({"list": [{"amount": True}], "amount": True}),
            envelope({"list": [{"cancel_amount": [1]}], "cancel_amount": [1]}),
            envelope({"list": [{"sandbox": "false"}], "sandbox": "false"}),
            envelope({"list": [{"paid_at": "never"}], "paid_at": "never"}),
            envelope({"list": [{"merchant_uid": 12}], "merchant_uid": 12}),
            envelope({"list": [{"currency": 410}], "currency": 410}),
        ],
    )
    async def test_an_answer_of_another_shape_is_no_answer(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, body: object
    ) -> None:
        wire.behave = answers(200, body)
        for asked in (question(charge), question(charge, REF)):
            with pytest.raises(GatewayTimeout):
                await wired.fetch_payment(asked)

    async def test_what_is_new_or_of_no_weight_is_let_through(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        strange = {"pg_tid": 5, "pay_method": ["card"], "pg_provider": None, "cancel_history": "?", "new": {"a": 1.5}}
        wire.behave = answers(200, envelope(payment(charge) | strange))
        assert_shows(await wired.fetch_payment(question(charge, REF)), charge, GatewayStatus.CAPTURED)

    @pytest.mark.parametrize("missing", ["imp_uid", "merchant_uid", "status", "amount", "currency", "sandbox"])
    async def test_a_field_that_is_not_told_is_unknown_and_never_assumed(
        self, wired: PortOneV1, wire: FaultyServer, charge: ChargeRequest, missing: str
    ) -> None:
        wire.behave = answers(200, page(payment(charge, **{missing: None})))
        held = await wired.fetch_payment(question(charge))
        told = {
            "imp_uid": held.gateway_ref,
            "merchant_uid": held.reference,
            "status": None if held.status is GatewayStatus.STATUS_MISSING else held.status,
            "amount": held.amount,
            "currency": held.amount,
            "sandbox": held.is_live,
        }
        lost = {missing} | ({"amount", "currency"} if missing in {"amount", "currency"} else set())
        assert {name for name, value in told.items() if value is None} == lost

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
            ({"status": "paid"}, GatewayStatus.CAPTURED, None),
            ({"status": "paid", "cancel_amount": None}, GatewayStatus.CAPTURED, None),
            ({"status": "paid", "cancel_amount": 4000}, GatewayStatus.CAPTURED, 4000),
            ({"status": "paid", "cancel_amount": 24_000}, GatewayStatus.REFUND_PENDING, 24_000),
            ({"status": "cancelled", "cancel_amount": 24_000}, GatewayStatus.CANCELED, 24_000),
            ({"status": "cancelled"}, GatewayStatus.CANCELED, None),
            ({"status": "ready", "paid_at": 0}, GatewayStatus.PENDING, None),
            ({"status": "ready", "paid_at": None, "vbank_num": ""}, GatewayStatus.PENDING, None),
            ({"status": "failed", "paid_at": 0}, GatewayStatus.FAILED, None),
            ({"status": "PAID"}, GatewayStatus.UNRECOGNIZED, None),
            ({"status": ""}, GatewayStatus.UNRECOGNIZED, None),
            ({"status": "partially_cancelled"}, GatewayStatus.UNRECOGNIZED, None),
            ({"status": None}, GatewayStatus.STATUS_MISSING, None),
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
