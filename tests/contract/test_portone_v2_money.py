"""How PortOne V2 gives money back, and closes accounts that wait for it (docs/gateways/portone-v2.md §3)."""

import asyncio
from dataclasses import replace

import pytest

from app.domain.errors import GatewayRefused, GatewayTimeout, GatewayUnavailable, InvalidRequest, Refusal
from app.domain.money import Money
from app.domain.order import Tax
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import ChargeRequest, GatewayStatus, RefundAccount, RefundState
from tests.contract.bench import assert_shows, question, refund_of
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.contract.hands import Hands
from tests.contract.portone_v2_bench import ABSENT, STORE, TX, PortOneV2Bench, amount, no, shown

ACCOUNT = RefundAccount("shinhan", "110123456789", "김민지", "010-5555-7788")


def cancellation(status: str = "SUCCEEDED", total: int = 24_000, **changes: object) -> dict[str, object]:
    told: dict[str, object] = {"status": status, "id": "c-1", "totalAmount": total, "reason": "rejected"}
    return {"cancellation": told | changes}


class TestPortOneV2Money(PortOneV2Bench):
    async def test_a_cancel_says_what_and_of_which_balance(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, cancellation(total=6000))
        asked = replace(refund_of(charge, TX, 6000, 20_000), tax=Tax(vat=300, tax_free=2000), account=ACCOUNT)
        answer = await wired.refund(asked)
        assert (answer.is_done, answer.failure, answer.refund_ref) == (True, None, "c-1")
        (sent,) = wire.arrived
        assert (sent.method, sent.target) == ("POST", f"/payments/{charge.reference}/cancel")
        assert sent.json == {
            "storeId": STORE,
            "amount": 6000,
            "currentCancellableAmount": 20_000,
            "taxFreeAmount": 2000,
            "vatAmount": 300,
            "reason": "rejected",
            "requester": "ADMIN",
            "refundAccount": {
                "bank": "SHINHAN",
                "number": "110123456789",
                "holderName": "김민지",
                "holderPhoneNumber": "010-5555-7788",
            },
        }
        for personal in ("110123456789", "김민지", "5555"):
            assert personal not in repr(answer) + repr(asked)

    @pytest.mark.parametrize("key", ["r", "ref_01J", "k" * 200, "k" * 255, "주문-1", 'a"b c'])
    async def test_a_refunds_own_name_is_its_idempotency_key(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, key: str
    ) -> None:
        wire.behave = answers(200, cancellation())
        for each in (key, key, key + "x"):
            await wired.refund(replace(refund_of(charge, TX), key=each))
        first, again, other = (sent.headers["idempotency-key"] for sent in wire.arrived)
        assert first == again != other
        assert first.startswith('"onetill-refund-')
        assert first.endswith('"')
        inside = first[1:-1]
        assert 16 <= len(inside) <= 256
        assert set(inside) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")

    async def test_a_refund_keeps_its_key_at_every_balance_and_at_the_same_one_its_bytes(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        """Under one key PortOne carries out one request, so that no refund is done twice, whatever became of the balance."""
        wire.behave = answers(200, cancellation(total=6000))
        asked = refund_of(charge, TX, 6000, 24_000)
        for left in (24_000, 24_000, 20_000):
            await wired.refund(replace(asked, refundable=Money(left, "KRW")))
        first, again, other = ((sent.headers["idempotency-key"], sent.body) for sent in wire.arrived)
        assert first == again
        assert (first[0] == other[0], first[1] != other[1]) == (True, True)

    async def test_a_refund_goes_on_after_somebody_else_has_changed_the_balance(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(portone, hands, charge)
        ours, theirs = refund_of(charge, ref, 6000, 24_000), refund_of(charge, ref, 4000, 24_000)
        assert (await portone.refund(theirs)).is_done
        refused = await portone.refund(ours)
        assert refused.failure is not None
        assert refused.failure.code == Refusal.BALANCE_CHANGED
        anew = replace(ours, key=f"{ours.key}2", refundable=Money(20_000, "KRW"))
        assert (await portone.refund(anew)).is_done
        truth = await hands.truth(charge.reference)
        assert (truth["refunded"], truth["cancels"]) == (10_000, 2)

    async def test_a_yes_that_names_another_amount_is_a_yes_for_that_one(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, cancellation(total=23_999))
        answer = await wired.refund(refund_of(charge, TX, 24_000, 24_000))
        assert (answer.is_done, answer.failure, answer.amount) == (True, None, Money(23_999, "KRW"))

    @pytest.mark.parametrize(
        ("status", "body", "code"),
        [
            (400, no("INVALID_REQUEST"), Refusal.INVALID),
            (400, no("NEGATIVE_PROMOTION_ADJUSTED_CANCEL_AMOUNT"), Refusal.INVALID),
            (400, no("PROMOTION_DISCOUNT_RETAIN_OPTION_SHOULD_NOT_BE_CHANGED"), Refusal.INVALID),
            (400, no("SOMETHING_NEW"), Refusal.DECLINED),
            (404, ABSENT, Refusal.UNKNOWN_PAYMENT),
            (409, no("PAYMENT_NOT_PAID"), Refusal.NOT_CAPTURED),
            (409, no("PAYMENT_ALREADY_CANCELLED"), Refusal.ALREADY_REFUNDED),
            (409, no("CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN"), Refusal.BALANCE_CHANGED),
            (409, no("CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT"), Refusal.EXCEEDS_BALANCE),
            (409, no("SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT"), Refusal.TAX_MISMATCH),
            (409, no("CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT"), Refusal.TAX_MISMATCH),
            (409, no("CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT"), Refusal.TAX_MISMATCH),
            (502, no("PG_PROVIDER", pgCode="PARTIAL_CANCEL_NOT_ALLOWED", pgMessage="부분 취소 불가"), Refusal.DECLINED),
        ],
    )
    async def test_an_explicit_no_is_a_refusal_in_its_own_words(
        self,
        wired: PortOneV2,
        wire: FaultyServer,
        charge: ChargeRequest,
        status: int,
        body: dict[str, object],
        code: Refusal,
    ) -> None:
        wire.behave = answers(status, body)
        answer = await wired.refund(refund_of(charge, TX))
        assert answer.failure is not None
        assert (answer.failure.code, answer.failure.raw_code) == (code, body["type"])
        assert answer.failure.message == body.get("pgMessage", body["message"])
        assert answer.is_done is False
        assert answer.evidence.get("pg_code") == body.get("pgCode")

    async def test_a_long_message_is_cut_and_one_that_is_no_text_is_left_out(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        for message, told in (("x" * 5000, "x" * 300), (["x"], None), ("", None)):
            wire.behave = answers(409, no("PAYMENT_NOT_PAID", message=message))
            failure = (await wired.refund(refund_of(charge, TX))).failure
            assert failure is not None
            assert failure.message == told

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (409, no("IDEMPOTENCY_OUTSTANDING_REQUEST")),
            (409, no("SOMETHING_NEW")),
            (409, {}),
            (422, no("INVALID_REQUEST")),
            (400, {"message": "bad"}),
            (408, no("INVALID_REQUEST")),
            (404, b"Not Found"),
            (502, no("SOMETHING_ELSE")),
            (503, no("PG_PROVIDER")),
            (200, {}),
            (200, {"cancellation": {}}),
            (200, {"cancellation": None}),
            (200, cancellation("DONE")),
            (200, cancellation(totalAmount="24000")),
            (201, cancellation()),
        ],
    )
    async def test_what_is_neither_yes_nor_no_leaves_it_open(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, status: int, body: object
    ) -> None:
        wire.behave = answers(status, body)
        with pytest.raises(GatewayTimeout):
            await wired.refund(refund_of(charge, TX))

    async def test_a_cancel_that_portone_says_has_failed_is_a_no(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(portone, hands, charge, "cancel_failed")
        answer = await portone.refund(refund_of(charge, ref))
        assert answer.failure is not None
        assert (answer.failure.code, answer.failure.raw_code) == (Refusal.DECLINED, "FAILED")
        assert (await hands.truth(charge.reference))["refunded"] == 0
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert (held.refunded, [each.state for each in held.refunds]) == (Money(0, "KRW"), [RefundState.FAILED])

    async def test_an_accepted_cancel_is_done_when_the_look_up_says_so(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(portone, hands, charge, "async_cancel")
        asked = refund_of(charge, ref)
        answer = await portone.refund(asked)
        assert (answer.is_done, answer.failure) == (False, None)
        assert answer.refund_ref
        assert await portone.refund(asked) == answer
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.REFUND_PENDING)
        assert [(each.state, each.ref) for each in held.refunds] == [(RefundState.PENDING, answer.refund_ref)]
        await hands.advance(300)
        assert_shows(await portone.fetch_payment(question(charge)), charge, GatewayStatus.CANCELED)
        assert (await hands.truth(charge.reference))["cancels"] == 1

    async def test_an_accepted_part_leaves_the_payment_captured(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(portone, hands, charge, "async_cancel")
        assert (await portone.refund(refund_of(charge, ref, 6000, 24_000))).is_done is False
        held = await portone.fetch_payment(question(charge))
        assert_shows(held, charge, GatewayStatus.CAPTURED)
        assert (held.refunded, held.doubt) == (Money(0, "KRW"), None)
        await hands.advance(300)
        assert (await portone.fetch_payment(question(charge))).refunded == Money(6000, "KRW")

    async def test_a_refused_part_is_a_no_and_the_whole_still_goes(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        ref = await self.finished(portone, hands, charge, "partial_cancel_refused")
        answer = await portone.refund(refund_of(charge, ref, 6000, 24_000))
        assert answer.failure is not None
        assert answer.failure.raw_code == "PG_PROVIDER"
        assert (await portone.refund(refund_of(charge, ref))).is_done

    async def test_a_cancel_that_still_runs_is_not_begun_again(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        asked = refund_of(charge, await self.finished(portone, hands, charge, "slow"))
        first = asyncio.create_task(portone.refund(asked))
        await self.has_arrived(hands, "cancel")
        with pytest.raises(GatewayTimeout):
            await portone.refund(asked)
        done = await first
        assert done.is_done
        assert await portone.refund(asked) == done
        assert (await hands.truth(charge.reference))["cancels"] == 1

    async def test_a_deposit_goes_back_to_the_account_that_is_named_for_it(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "virtual_account")
        await hands.pay(charge.reference)
        assert (await portone.fetch_payment(question(charge))).is_deposit
        refused = await portone.refund(refund_of(charge, TX))
        assert refused.failure is not None
        assert refused.failure.raw_code == "INVALID_REQUEST"
        assert (await portone.refund(replace(refund_of(charge, TX), account=ACCOUNT))).is_done

    async def test_what_portone_could_not_carry_out_is_refused_before_any_call(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        nowhere = replace(refund_of(charge, TX), account=replace(ACCOUNT, bank="신한"))
        for wrong, field in ((nowhere, "refund_account.bank"), (refund_of(charge, TX, 0), "amount")):
            with pytest.raises(InvalidRequest) as refused:
                portone.check_refund(wrong)
            assert [name for name, _ in refused.value.errors] == [field]
            with pytest.raises(InvalidRequest):
                await portone.refund(wrong)
        assert await hands.calls() == []

    # -- virtual accounts

    async def test_a_closed_account_takes_no_deposit_and_closing_it_again_is_harmless(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "virtual_account")
        for _ in range(2):
            assert await portone.void(question(charge)) is None
        assert (await portone.fetch_payment(question(charge))).status is GatewayStatus.CANCELED
        truth = await hands.truth(charge.reference)
        assert (truth["status"], truth["captures"]) == ("CANCELLED", 0)

    async def test_an_account_whose_deposit_has_come_is_not_closed(
        self, portone: PortOneV2, hands: Hands, charge: ChargeRequest
    ) -> None:
        await self.finished(portone, hands, charge, "virtual_account")
        await hands.pay(charge.reference)
        failure = await portone.void(question(charge))
        assert failure is not None
        assert (failure.code, failure.raw_code) == ("declined", "PAYMENT_NOT_WAITING_FOR_DEPOSIT")
        assert_shows(await portone.fetch_payment(question(charge)), charge, GatewayStatus.CAPTURED)

    async def test_closing_names_our_store_in_the_query(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest
    ) -> None:
        wire.behave = answers(200, {"closedAt": "2026-11-21T08:30:00Z"})
        assert await wired.void(question(charge)) is None
        (sent,) = wire.arrived
        path = f"/payments/{charge.reference}/virtual-account/close?storeId={STORE}"
        assert (sent.method, sent.target, sent.body) == ("POST", path, b"")

    @pytest.mark.parametrize(("status", "is_closed"), [("CANCELLED", True), ("FAILED", True), ("READY", False)])
    async def test_whether_none_waits_because_it_is_closed_is_asked(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, status: str, is_closed: bool
    ) -> None:
        now = shown(charge, status=status, amount=amount(24_000, paid=0), paidAt=None)
        wire.behave = in_turn(answers(409, no("PAYMENT_NOT_WAITING_FOR_DEPOSIT")), answers(200, now))
        assert (await wired.void(question(charge)) is None) is is_closed

    @pytest.mark.parametrize(
        ("status", "body", "raw_code"),
        [
            (404, ABSENT, "PAYMENT_NOT_FOUND"),
            (400, no("INVALID_REQUEST"), "INVALID_REQUEST"),
            (502, no("PG_PROVIDER", pgCode="X", pgMessage="거절"), "PG_PROVIDER"),
        ],
    )
    async def test_an_account_that_cannot_be_closed_says_why(
        self, wired: PortOneV2, wire: FaultyServer, charge: ChargeRequest, status: int, body: object, raw_code: str
    ) -> None:
        wire.behave = answers(status, body)
        failure = await wired.void(question(charge))
        assert failure is not None
        assert failure.raw_code == raw_code

    @pytest.mark.parametrize(
        ("status", "body", "raised"),
        [
            (500, {}, GatewayUnavailable),
            (429, b"slow down", GatewayUnavailable),
            (401, no("UNAUTHORIZED"), GatewayRefused),
            (409, no("SOMETHING_NEW"), GatewayRefused),
            (200, b"OK", GatewayTimeout),
        ],
    )
    async def test_an_answer_that_does_not_say_whether_it_is_closed(
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
            await wired.void(question(charge))
