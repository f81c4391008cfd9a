"""PortOne V1's look-ups: several payments under one order, test channels, exact amounts, and answers of any shape."""

from dataclasses import replace

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout
from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import assert_shows, question
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
        await wired.fetch_payment(replace(question(charge, "a/b?c#d&e%2F"), reference="ord/1"))
        targets = [sent.target.partition("?")[0] for sent in wire.arrived]
        assert targets == [
            "/payments/a%2Fb%3Fc%23d%26e%252F",
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
        strange = {"pg_tid": 5, "pay_method": ["card"], "pg_provider": None, "new": {"a": 1.5}}
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
