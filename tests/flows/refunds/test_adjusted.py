"""A yes for another amount than was asked is a yes: V2 adjusts a partial cancel under a promotion (portone-v2.md §8)."""

import asyncio
from dataclasses import replace
from functools import partial

import msgspec
import pytest

from app.domain import ids
from app.domain.money import Money
from app.gateways.portone_v2.refunds import answer_of, cancel_key
from app.gateways.portone_v2.response import ApiResponse
from app.gateways.values import RefundRequest
from app.services import Services
from tests.flows.refunds.till import V2, Json, Till
from tests.support import key

ASKED, GIVEN = 10_000, 9_200
won = partial(Money, currency="KRW")


@pytest.fixture
async def payment(till: Till) -> Json:
    return await till.sold(V2)


async def adjusted(till: Till, payment: Json, *also: str) -> Json:
    """A part is asked for, of which a promotion keeps 8 %."""
    for scenario in ("adjusted_cancel", *also):
        await till.shop.scenario(scenario, "portone_v2", call="cancel")
    answer = await till.refund(payment, ASKED)
    assert answer.status_code in {201, 202}, answer.text
    return dict(answer.json())


async def calls_a_person(till: Till, payment: Json, code: str) -> bool:
    stored = await till.shop.get(payment)
    return bool(stored["needs_attention"] and stored["attention_code"] == code)


class TestItIsAnswered:
    async def test_it_is_recorded_with_the_amount_that_it_names_and_a_person_is_called(
        self, till: Till, payment: Json
    ) -> None:
        refund = await adjusted(till, payment)
        assert (refund["status"], refund["amount"], refund["requested_amount"]) == ("succeeded", GIVEN, ASKED)
        assert refund["tax"] == {"vat": None, "tax_free": 0}
        assert await calls_a_person(till, payment, "adjusted_refund")
        await till.wait(3601)
        await till.has_given(payment, GIVEN, cancels=1)
        assert await till.refunds(payment) == [refund]
        assert await till.asked(payment) == 1

    async def test_a_person_who_has_seen_it_ends_its_call(self, till: Till, payment: Json) -> None:
        await adjusted(till, payment)
        said = {"action": "close", "note": "the promotion kept 800"}
        answer = await till.shop.client.post(f"/payments/{payment['id']}/resolve", json=said)
        assert answer.status_code == 200, answer.text
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["needs_attention"]) == ("partially_refunded", False)
        await till.has_given(payment, GIVEN, cancels=1)

    async def test_what_is_left_goes_back_afterwards(self, till: Till, payment: Json) -> None:
        await adjusted(till, payment)
        rest = await till.gave(payment)
        assert rest["amount"] == payment["amount"] - GIVEN
        await till.has_given(payment, payment["amount"], cancels=2)

    @pytest.mark.parametrize(("status", "is_done"), [("SUCCEEDED", True), ("REQUESTED", False)])
    @pytest.mark.parametrize("total", [GIVEN, ASKED, ASKED + 1, None])
    def test_both_words_for_yes_say_the_amount(self, status: str, is_done: bool, total: int | None) -> None:
        request = RefundRequest("a" * 32, "r", "tx", won(ASKED), refundable=won(24_000), reason="broken")
        said = {"cancellation": {"status": status, "id": "c1"} | ({} if total is None else {"totalAmount": total})}
        answer = answer_of(ApiResponse(200, msgspec.json.encode(said), None), request)
        assert (answer.failure, answer.is_done, answer.refund_ref) == (None, is_done, "c1")
        assert answer.amount == (None if total in {ASKED, None} else won(total))

    async def test_of_many_at_once_none_takes_more_than_there_is(self, till: Till, payment: Json) -> None:
        await till.shop.scenario("adjusted_cancel", "portone_v2", call="cancel")
        await asyncio.gather(*(till.refund(payment, ASKED) for _ in range(4)))
        await till.wait_until_decided(payment)
        done = [each["amount"] for each in await till.refunds(payment) if each["status"] == "succeeded"]
        assert sorted(done) == [GIVEN, ASKED]
        await till.has_given(payment, GIVEN + ASKED, cancels=2)


class TestItsAnswerIsLost:
    async def test_nothing_is_asked_for_again_and_a_person_says_which_it_is(
        self, till: Till, payment: Json, parts: Services
    ) -> None:
        refund = await adjusted(till, payment, "accept_then_hang")
        assert refund["status"] == "unknown"
        for seconds in (6, 16, 61, 301, 901, 3601, 4 * 3600, 86_400):
            await till.wait(seconds)
        assert await till.asked(payment) == 1, "a cancel that nothing explains may be ours"
        assert await till.status(refund) == "unknown"
        assert await calls_a_person(till, payment, "unexplained_refund")
        assert len(await till.refunds(payment)) == 1, "it is not booked as somebody else's"
        refund_id = ids.read(ids.Prefix.REFUND, refund["id"])
        await parts.refunds.mark(refund_id, is_done=True, note="a promotion", amount_minor=GIVEN)
        await till.shop.sync(payment)
        told = await till.read(refund)
        assert (told["status"], told["amount"], told["gateway_ref"] is not None) == ("succeeded", GIVEN, True)
        await till.has_given(payment, GIVEN, cancels=1)

    async def test_a_person_may_find_that_it_was_somebody_elses(
        self, till: Till, payment: Json, parts: Services
    ) -> None:
        refund = await adjusted(till, payment, "accept_then_hang")
        await till.wait(6)
        await parts.refunds.mark(ids.read(ids.Prefix.REFUND, refund["id"]), is_done=False, note="another system")
        await till.shop.sync(payment)
        assert await till.status(refund) == "failed"
        assert [(each["cause"], each["amount"]) for each in await till.refunds(payment)][1:] == [("gateway", GIVEN)]
        await till.has_given(payment, GIVEN, cancels=1)

    async def test_its_answer_cannot_be_read(self, till: Till, payment: Json) -> None:
        await adjusted(till, payment, "garbage")
        for seconds in (6, 16, 61):
            await till.wait(seconds)
        assert await till.asked(payment) == 1
        assert await calls_a_person(till, payment, "unexplained_refund")

    async def test_it_was_not_done_and_is_adjusted_when_it_is_asked_for_again(self, till: Till, payment: Json) -> None:
        refund = await adjusted(till, payment, "lost_request")
        await till.wait_until_decided(payment)
        assert (await till.read(refund))["amount"] == GIVEN
        await till.has_given(payment, GIVEN, cancels=1)


class TestOneIdentity:
    def test_its_key_is_its_own_whatever_the_balance(self) -> None:
        """A second key would be a second cancel."""
        asked = RefundRequest("a" * 32, "r", "tx", won(500), refundable=won(24_000), reason="broken")
        assert cancel_key(asked) == cancel_key(replace(asked, refundable=won(23_300)))

    async def test_it_is_done_after_somebody_else_changed_the_balance(self, till: Till, payment: Json) -> None:
        await till.shop.scenario("lost_request", "portone_v2", call="cancel", times=2)
        refund = (await till.refund(payment, 500, headers=key())).json()
        await till.wait(6)
        await till.past_us(payment, 700)
        await till.wait_until_decided(payment)
        assert await till.status(refund) == "succeeded"
        await till.has_given(payment, 1200, cancels=2)
