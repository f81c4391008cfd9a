"""PortOne V1's cancel: never everything by mistake, never twice, and done only when the answer shows it (portone-v1.md §6)."""

from dataclasses import replace

import pytest

from app.domain.clock import utc_now
from app.domain.errors import GatewayRefused, GatewayTimeout, InvalidRequest, Refusal
from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.values import Capability, ChargeRequest, GatewayStatus, RefundAccount, RefundPolicy, RefundRequest
from tests.contract.bench import IMPATIENT_S, Make, assert_shows, captured_payment_of, question, refund_of, refunding
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.contract.portone_v1_bench import PortOneV1Bench, envelope, no

REF = "imp_448280090638"
WHOLE = RefundRequest("key-1", "order1", REF, Money(24_000, "KRW"), Money(24_000, "KRW"), "sold out")
PART = replace(WHOLE, amount=Money(4000, "KRW"), refundable=Money(14_000, "KRW"))
"""A part of a payment of 24,000 won of which 10,000 were given back before."""


def cancelled(**changes: object) -> dict[str, object]:
    """A payment as a cancel answers it."""
    shown: dict[str, object] = {
        "imp_uid": REF,
        "status": "cancelled",
        "amount": 24_000,
        "cancel_amount": 24_000,
        "currency": "KRW",
        "cancel_history": [
            {"pg_tid": "pg1", "amount": 24_000, "cancelled_at": 1_795_000_000, "cancellation_id": "can1"}
        ],
    }
    return envelope(shown | changes)


class TestPortOneV1Money(PortOneV1Bench):
    # -- what goes out

    async def test_a_cancel_names_amount_and_balance_always(self, wired: PortOneV1, wire: FaultyServer) -> None:
        wire.behave = answers(200, cancelled())
        await wired.refund(WHOLE)
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", "/payments/cancel")
        assert sent.headers["content-type"] == "application/json"
        assert sent.json == {"imp_uid": REF, "amount": 24_000, "checksum": 24_000, "reason": "sold out"}

    async def test_cents_go_out_digit_by_digit(self, wired: PortOneV1, wire: FaultyServer) -> None:
        wire.behave = answers(200, cancelled())
        await wired.refund(replace(WHOLE, amount=Money(1, "USD"), refundable=Money(9_007_199_254_740_993, "USD")))
        assert b'"amount":0.01,"checksum":90071992547409.93,' in wire.arrived[0].body

    @pytest.mark.parametrize("minor", [0, -1])
    async def test_nothing_or_less_is_refused_before_any_call(
        self, wired: PortOneV1, wire: FaultyServer, minor: int
    ) -> None:
        """To PortOne V1 an amount of 0 means everything."""
        with pytest.raises(InvalidRequest) as refused:
            await wired.refund(replace(WHOLE, amount=Money(minor, "KRW")))
        assert refused.value.errors[0][0] == "amount"
        assert wire.arrived == []

    @pytest.mark.parametrize(("pg", "told"), [("paymentwall", {}), ("other", {"tax_free": 500, "vat_amount": 100})])
    async def test_taxes_go_to_those_who_were_told_them_at_the_sale(
        self, make: Make, wire: FaultyServer, pg: str, told: dict[str, int]
    ) -> None:
        wire.behave = answers(200, cancelled())
        portone = make(wire.url, pg=pg)
        assert isinstance(portone, PortOneV1)
        await portone.refund(replace(WHOLE, tax=Tax(vat=100, tax_free=500)))
        sent = wire.arrived[0].json
        assert {name: sent[name] for name in ("tax_free", "vat_amount") if name in sent} == told

    @pytest.mark.parametrize(("phone", "told"), [("010-1", {"refund_tel": "010-1"}), (None, {})])
    async def test_the_money_of_a_deposit_goes_back_to_the_account_that_is_named(
        self, make: Make, wire: FaultyServer, phone: str | None, told: dict[str, str]
    ) -> None:
        wire.behave = answers(200, cancelled())
        asked = replace(WHOLE, account=RefundAccount("04", "110-2", "김민지", phone))
        await refunding(make(wire.url, pg="other")).refund(asked)
        sent = wire.arrived[0].json
        known = {"refund_bank": "04", "refund_account": "110-2", "refund_holder": "김민지"}
        assert {name: value for name, value in sent.items() if name.startswith("refund")} == known | told

    async def test_a_deposit_goes_back_as_it_came_after_paymentwall_was_set(
        self, make: Make, wire: FaultyServer
    ) -> None:
        """By the PG that took it: to the account that is named, with the tax parts that it was told."""
        wire.behave = answers(200, cancelled())
        opened = make(wire.url, pg="other").account
        today = make(wire.url, pg="paymentwall").as_opened(opened)
        assert today is not None
        asked = replace(WHOLE, account=RefundAccount("04", "110-2", "김민지"), tax=Tax(vat=100))
        refunding(today).check_refund(asked)
        await refunding(today).refund(asked)
        sent = wire.arrived[0].json
        assert (sent["refund_account"], sent["vat_amount"]) == ("110-2", 100)

    async def test_paymentwall_has_no_deposits_so_an_account_is_refused_before_any_call(
        self, wired: PortOneV1, wire: FaultyServer
    ) -> None:
        asked = replace(WHOLE, account=RefundAccount("04", "110-2", "김민지"))
        with pytest.raises(InvalidRequest) as refused:
            wired.check_refund(asked)
        with pytest.raises(InvalidRequest):
            await wired.refund(asked)
        assert [field for field, _ in refused.value.errors] == ["refund_account"]
        assert wire.arrived == []

    # -- yes

    async def test_a_refund_that_the_answer_shows_is_done(self, wired: PortOneV1, wire: FaultyServer) -> None:
        wire.behave = answers(200, cancelled())
        answer = await wired.refund(WHOLE)
        assert (answer.is_done, answer.failure, answer.refund_ref) == (True, None, "can1")
        assert answer.evidence["cancel"] == "done"

    @pytest.mark.parametrize(
        "shown",
        [
            {"status": "paid"},
            {"status": "paid", "cancel_amount": 0, "cancel_history": []},
            {"status": "something_new"},
            {"status": "ready"},
            {"status": None},
            {"amount": None},
            {"currency": None},
            {"amount": "24000"},
            {"imp_uid": "imp_other"},
            {"imp_uid": None},
            {"cancel_amount": 25_000},
            {"cancel_amount": 23_000},
        ],
    )
    async def test_what_the_answer_does_not_show_is_accepted_only(
        self, wired: PortOneV1, wire: FaultyServer, shown: dict[str, object]
    ) -> None:
        """Paymentwall's word comes later: until then the payment stays `paid`."""
        wire.behave = answers(200, cancelled(**shown))
        answer = await wired.refund(WHOLE)
        assert (answer.is_done, answer.failure, answer.refund_ref) == (False, None, None)
        assert answer.evidence["cancel"] == "accepted"

    @pytest.mark.parametrize("response", [None, [], "cancelled", {}, 5])
    async def test_a_yes_without_a_payment_is_still_a_yes(
        self, wired: PortOneV1, wire: FaultyServer, response: object
    ) -> None:
        wire.behave = answers(200, envelope(response))
        answer = await wired.refund(WHOLE)
        assert (answer.is_done, answer.failure) == (False, None)

    @pytest.mark.parametrize(
        ("shown", "is_done"),
        [
            ({"cancel_amount": 14_000}, True),
            ({"cancel_amount": 10_000}, False),
            ({"cancel_amount": 0}, False),
            ({"cancel_amount": 24_000}, False),
            ({"cancel_amount": 14_000, "status": "cancelled"}, False),
        ],
    )
    async def test_a_part_is_done_when_the_rest_is_what_we_expect(
        self, wired: PortOneV1, wire: FaultyServer, shown: dict[str, object], is_done: bool
    ) -> None:
        history = [
            {"amount": 4000, "cancelled_at": 1_795_000_000, "cancellation_id": "older"},
            {"amount": 4000.0, "cancelled_at": 1_795_000_600, "cancellation_id": "newest"},
            {"amount": 2000, "cancelled_at": 1_795_000_900, "cancellation_id": "another"},
        ]
        wire.behave = answers(200, cancelled(**({"status": "paid", "cancel_history": history} | shown)))
        answer = await wired.refund(PART)
        assert answer.is_done is is_done
        assert answer.refund_ref == ("newest" if is_done else None)

    @pytest.mark.parametrize(
        ("history", "ref"),
        [
            ([{"amount": 24_000, "pg_tid": "pg1"}], "pg1"),
            ([{"amount": 24_000, "pg_tid": "pg1", "cancellation_id": None}], "pg1"),
            ([{"amount": 23_000, "cancellation_id": "can1"}], None),
            ([{"amount": 24_000, "cancellation_id": 7}], None),
            ([{"cancellation_id": "can1"}], None),
            ([5], None),
            ({}, None),
            ([], None),
            (None, None),
        ],
    )
    async def test_the_name_of_a_refund_is_read_where_it_is_told(
        self, wired: PortOneV1, wire: FaultyServer, history: object, ref: str | None
    ) -> None:
        wire.behave = answers(200, cancelled(cancel_history=history))
        answer = await wired.refund(WHOLE)
        assert (answer.is_done, answer.refund_ref) == (True, ref)

    # -- no

    @pytest.mark.parametrize(
        ("status", "body", "code", "raw_code", "message"),
        [
            (
                200,
                no("취소할 결제건이 존재하지 않습니다."),
                Refusal.DECLINED,
                "1",
                "취소할 결제건이 존재하지 않습니다.",
            ),
            (200, no("PG사에서 거절", -1), Refusal.DECLINED, "-1", "PG사에서 거절"),
            (200, envelope(code=7), Refusal.DECLINED, "7", None),
            (400, no("파라미터 오류", -1), Refusal.INVALID, "-1", "파라미터 오류"),
            (404, no("없음", -1), Refusal.UNKNOWN_PAYMENT, "-1", "없음"),
            (400, b"Bad Request", Refusal.INVALID, "400", None),
            (405, {}, Refusal.INVALID, "405", None),
            (404, {"code": 0, "message": None}, Refusal.UNKNOWN_PAYMENT, "404", None),
            (402, no("한도 초과", -1), Refusal.DECLINED, "-1", "한도 초과"),
            (200, no("x" * 5000), Refusal.DECLINED, "1", "x" * 300),
            (200, envelope(code=1, message={"ko": "실패"}), Refusal.DECLINED, "1", None),
        ],
    )
    async def test_an_explicit_no_is_a_value_in_its_own_words(
        self,
        wired: PortOneV1,
        wire: FaultyServer,
        status: int,
        body: object,
        code: Refusal,
        raw_code: str,
        message: str | None,
    ) -> None:
        wire.behave = answers(status, body)
        answer = await wired.refund(WHOLE)
        assert answer.failure is not None
        assert (answer.is_done, answer.failure.code) == (False, code)
        assert (answer.failure.raw_code, answer.failure.message) == (raw_code, message)
        assert answer.evidence["cancel"] == "refused"
        assert len(wire.arrived) == 1

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (200, {}),
            (200, {"message": "ok"}),
            (200, {"code": "0"}),
            (200, {"code": True}),
            (200, {"code": 0.5}),
            (200, {"code": None}),
            (200, [0]),
            (201, envelope()),
            (204, b""),
            (207, envelope()),
            (408, no("시간 초과", -1)),
            (409, no("처리 중", -1)),
            (425, b""),
            (500, no("오류", -1)),
            (503, envelope()),
        ],
    )
    async def test_what_is_neither_yes_nor_no_leaves_it_open(
        self, wired: PortOneV1, wire: FaultyServer, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayTimeout):
            await wired.refund(WHOLE)
        assert len(wire.arrived) == 1

    async def test_a_refusal_of_our_rights_is_no_decline(self, wired: PortOneV1, wire: FaultyServer) -> None:
        wire.behave = answers(403, no("권한 없음", -1))
        with pytest.raises(GatewayRefused) as refused:
            await wired.refund(WHOLE)
        assert refused.value.details["raw_code"] == "403"

    # -- at the gateway itself

    async def test_another_pg_gives_back_at_once(self, make: Make, hands: Hands, charge: ChargeRequest) -> None:
        portone = make(pg="other")
        assert Capability.ASYNC_REFUND not in portone.capabilities
        ref = await self.finished(portone, hands, charge)
        part = charge.amount.minor // 3
        assert refunding(portone).refund_policy(captured_payment_of(charge), utc_now()) == RefundPolicy()
        for left, amount in ((24_000, part), (24_000 - part, 24_000 - part)):
            answer = await refunding(portone).refund(refund_of(charge, ref, amount, left))
            assert (answer.is_done, answer.failure) == (True, None)
            assert answer.refund_ref
        held = await portone.fetch_payment(question(charge, ref))
        assert_shows(held, charge, GatewayStatus.CANCELED)
        assert held.refunded == charge.amount
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (24_000, 2)

    async def test_a_refund_by_another_pg_that_is_asked_again_gives_nothing_back_twice(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        """The terms allow it at once, because the balance has changed: `checksum` does not fit any more."""
        portone = make(pg="other")
        asked = refund_of(charge, await self.finished(portone, hands, charge), 4000)
        await hands.plan("accept_then_hang", call="cancel")
        with pytest.raises(GatewayTimeout):
            await refunding(make(pg="other", deadline_s=IMPATIENT_S)).refund(asked)
        assert (await refunding(portone).refund(asked)).failure is not None
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (4000, 1)

    async def test_paymentwalls_cancel_is_not_seen_before_it_is_done(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        """PortOne's object says nothing of a cancel that waits for Paymentwall's word: that is ours to remember."""
        ref = await self.captured(gateway, hands, charge)
        assert not (await refunding(gateway).refund(refund_of(charge, ref, 4000))).is_done
        before = await gateway.fetch_payment(question(charge, ref))
        assert (before.status, before.refunded) == (GatewayStatus.CAPTURED, Money(0, "KRW"))
        await hands.advance(self.refund_batch_s)
        after = await gateway.fetch_payment(question(charge, ref))
        assert (after.status, after.refunded) == (GatewayStatus.CAPTURED, Money(4000, "KRW"))

    async def test_a_part_that_paymentwall_cannot_give_back_is_refused_and_the_whole_is_not(
        self, gateway: Gateway, hands: Hands, charge: ChargeRequest
    ) -> None:
        """Where Paymentwall settles in another currency (docs/gateways/portone-v1.md §7)."""
        ref = await self.finished(gateway, hands, charge, "partial_cancel_refused")
        refused = await refunding(gateway).refund(refund_of(charge, ref, 4000))
        assert refused.failure is not None
        assert refused.failure.raw_code == "-1"
        assert (await refunding(gateway).refund(refund_of(charge, ref))).is_done

    async def test_a_deposit_goes_back_only_with_an_account(
        self, make: Make, hands: Hands, charge: ChargeRequest
    ) -> None:
        portone = make(pg="other")
        ref = await self.finished(portone, hands, charge, "virtual_account")
        await self.buyer_pays(hands, charge)
        assert (await portone.fetch_payment(question(charge, ref))).is_deposit
        asked = refund_of(charge, ref)
        assert (await refunding(portone).refund(asked)).failure is not None
        account = RefundAccount("04", "110-2", "김민지", "010-5555-7788")
        assert (await refunding(portone).refund(replace(asked, account=account))).is_done
