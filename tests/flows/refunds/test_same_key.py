"""Many refunds at once, and one refund many times: never more than was captured, and one key gives money back once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from app.domain import ids
from app.domain.clock import utc_now
from app.domain.schedule import KEYED_CALLS, KEYS_KEPT
from app.idempotency.service import Answered, Intent, TakeOver
from app.services import Services, build_services
from app.settings import Settings
from tests.api.checks import problem
from tests.api.running import running
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, V1, V2, Json, Till
from tests.support import MovableClock, key

at_once = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)


@pytest.fixture
async def second(settings: Settings, clock: MovableClock, api_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Another API process on the same database."""
    async with running(settings, clock, api_key) as client:
        yield client


class TestManyRefunds:
    @at_once
    async def test_20_at_once_never_give_back_more_than_was_captured(
        self, till: Till, kind: Kind, second: httpx.AsyncClient
    ) -> None:
        payment = await till.sold(kind)
        amount = payment["amount"] * 3 // 40  # 13 of them fit, and the 14th does not
        answers = await asyncio.gather(
            *(
                client.post(f"/payments/{payment['id']}/refunds", json={"reason": "r", "amount": amount}, headers=key())
                for client in (till.shop.client, second)
                for _ in range(10)
            )
        )
        taken = [answer.json() for answer in answers if answer.status_code in {201, 202}]
        for answer in answers:
            if answer.status_code not in {201, 202}:
                assert problem(answer, "refund_exceeds_balance")["refundable"] < amount
        assert len(taken) == len({refund["id"] for refund in taken}) == 13
        await till.wait_until_decided(payment)
        assert {await till.status(refund) for refund in taken} == {"succeeded"}
        await till.has_given(payment, 13 * amount, cancels=13)
        assert await till.asked(payment) == 13

    @at_once
    async def test_the_whole_asked_for_at_once_by_two_processes_goes_back_once(
        self, till: Till, kind: Kind, second: httpx.AsyncClient
    ) -> None:
        payment = await till.sold(kind)
        answers = await asyncio.gather(
            *(
                client.post(f"/payments/{payment['id']}/refunds", json={"reason": "r"}, headers=key())
                for client in (till.shop.client, second) * 3
            )
        )
        assert sorted(answer.status_code for answer in answers)[0] in {201, 202}
        assert [problem(answer, "already_refunded")["code"] for answer in answers if answer.status_code == 409] != []
        assert sum(answer.status_code < 300 for answer in answers) == 1
        await till.wait_until_decided(payment)
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_beliefs_about_the_balance_let_one_of_many_through(self, till: Till) -> None:
        payment = await till.sold(V2)
        believed = payment["amount"]
        answers = await asyncio.gather(*(till.refund(payment, 100, expected_refundable=believed) for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
        await till.has_given(payment, 100, cancels=1)


class TestOneKey:
    async def test_ten_calls_at_once_are_one_refund(self, till: Till, second: httpx.AsyncClient) -> None:
        payment, intent = await till.sold(V2), key()
        body = {"reason": "r", "amount": 500}
        answers = await asyncio.gather(
            *(
                client.post(f"/payments/{payment['id']}/refunds", json=body, headers=intent)
                for client in (till.shop.client, second)
                for _ in range(5)
            )
        )
        for answer in answers:
            if answer.status_code != 201:
                problem(answer, "idempotency_key_in_use")
        assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
        await till.has_given(payment, 500, cancels=1)
        assert await till.asked(payment) == 1

    async def test_a_repeated_call_gets_the_stored_answer(self, till: Till) -> None:
        for kind, amount, status in ((V1, 500, 201), (V2, 500, 201), (POINT3, None, 202)):
            payment, intent = await till.sold(kind), key()
            first = await till.refund(payment, amount, headers=intent)
            assert (first.status_code, "idempotency-replayed" in first.headers) == (status, False)
            await till.wait(BATCH_S + 10)
            again = await till.refund(payment, amount, headers=intent)
            assert (again.status_code, again.content) == (status, first.content), "as it was, whatever is true by now"
            assert again.headers["idempotency-replayed"] == "true"
            assert await till.asked(payment) == 1

    async def test_the_first_stored_answer_is_everybodys(self, till: Till, second: httpx.AsyncClient) -> None:
        """A gateway slower than any lease: who took the key over stored 202, and so the first caller hears no 201."""
        payment, intent = await till.sold(V2), key()
        await till.shop.scenario("slow", "portone_v2", call="cancel")
        first = asyncio.create_task(till.refund(payment, 500, headers=intent))
        await till.until_called(payment, "cancel")
        till.clock.advance(600)
        await till.shop.scenario("error_500", "portone_v2", call="lookup")
        body = {"reason": "broken", "amount": 500}
        taken = await second.post(f"/payments/{payment['id']}/refunds", json=body, headers=intent)
        assert not first.done()
        assert (taken.status_code, taken.json()["status"]) == (202, "unknown")
        late = await first
        assert (late.status_code, late.content) == (202, taken.content)
        assert late.headers["idempotency-replayed"] == "true"
        assert (await till.refund(payment, 500, headers=intent)).content == taken.content
        await till.has_given(payment, 500, cancels=1)

    async def test_an_answer_that_somebody_stored_stands_against_a_later_refusal(
        self, parts: Services, till: Till
    ) -> None:
        payment, keys = await till.load(await till.sold(V2)), parts.idempotency
        intent = Intent("shop", "k", bytes(32))
        await keys.claim(intent, payment.id)
        till.clock.advance(600)
        assert isinstance(await keys.claim(intent, payment.id), TakeOver)
        stored = Answered(202, b"{}")
        assert await keys.finish(intent, stored) == stored
        assert await keys.release(intent) == replace(stored, is_replay=True)
        assert await keys.finish(intent, Answered(201, b'{"id":1}')) == replace(stored, is_replay=True)

    @pytest.mark.parametrize("time_scale", [1.0, 60.0])
    def test_its_lease_is_longer_than_the_slowest_refund(self, settings: Settings, time_scale: float) -> None:
        """Waiting for somebody else, then a look, the refund, and a look why it was refused: 95 s with PortOne V2."""
        timeouts = {
            name: account.model_copy(update={"timeout_s": type(account).model_fields["timeout_s"].default})
            for name, account in ((each.name, account) for each, account in settings.accounts())
        }
        changed = settings.model_copy(update={"time_scale": time_scale} | timeouts)
        now = utc_now()
        services = build_services(changed, lambda: now)
        lease_s = (services.idempotency.lease_until() - now).total_seconds()
        for gateway in services.registry:
            assert lease_s > changed.confirm_wait_s + 3 * gateway.deadline_s, gateway.name
            assert lease_s >= changed.confirm_wait_s + KEYED_CALLS * gateway.deadline_s, gateway.name

    async def test_another_body_under_the_key_is_refused(self, till: Till) -> None:
        payment, other, intent = await till.sold(V2), await till.sold(V2), key()
        await till.gave(payment, 500, headers=intent)
        for changes in ({"amount": 501}, {"amount": None}, {"amount": 500, "reason": "another"}):
            problem(await till.refund(payment, headers=intent, **changes), "idempotency_key_reused")
        await till.has_given(payment, 500, cancels=1)
        # Another payment is another operation, with keys of its own.
        await till.gave(other, 500, headers=intent)

    @pytest.mark.parametrize("kind", [POINT3, V1, V2], ids=lambda kind: kind.name)
    async def test_a_key_that_was_forgotten_long_ago_still_is_the_same_refund(
        self, till: Till, kind: Kind, parts: Services
    ) -> None:
        payment, intent = await till.sold(kind), key()
        amount = None if kind is POINT3 else 500
        first = (await till.refund(payment, amount, headers=intent)).json()
        await till.wait(KEYS_KEPT.total_seconds() + 1)
        assert await parts.idempotency.old.forget(100) > 0
        again = await till.refund(payment, amount, headers=intent)
        assert (again.status_code, "idempotency-replayed" in again.headers) == (201, False)
        assert (again.json()["id"], again.json()["status"]) == (first["id"], "succeeded")
        await till.has_given(payment, amount or payment["amount"], cancels=1)
        assert await till.asked(payment) == 1
        if amount:
            await till.gave(payment, amount)  # with a key of its own it is another refund

    async def test_a_key_that_was_forgotten_does_not_stand_for_another_body(self, till: Till, parts: Services) -> None:
        payment, intent = await till.sold(V2), key()
        await till.gave(payment, 500, headers=intent)
        await till.wait(KEYS_KEPT.total_seconds() + 1)
        await parts.idempotency.old.forget(100)
        problem(await till.refund(payment, 2000, headers=intent), "idempotency_key_reused")
        await till.has_given(payment, 500, cancels=1)

    async def test_a_forgotten_key_of_a_refund_that_failed_says_so_again(self, till: Till, parts: Services) -> None:
        payment, intent = await till.sold(V1), key()
        await till.shop.scenario("lost_request", "portone_v1", call="cancel")
        refund = (await till.refund(payment, 500, headers=intent)).json()
        await parts.refunds.mark(ids.read(ids.Prefix.REFUND, refund["id"]), is_done=False, note="no trace of it")
        await till.wait(KEYS_KEPT.total_seconds() + 1)
        await parts.idempotency.old.forget(100)
        told = problem(await till.refund(payment, 500, headers=intent), "refund_declined")
        assert told["refund_id"] == refund["id"]
        assert "None" not in told["detail"]
        await till.has_given(payment, 0, cancels=0)

    async def test_the_same_key_of_a_refused_call_is_tried_anew(self, till: Till) -> None:
        payment, intent = await till.sold(V2), key()
        believed = payment["amount"] - 500
        problem(await till.refund(payment, 100, headers=intent, expected_refundable=believed), "refundable_mismatch")
        await till.gave(payment, 500)
        await till.gave(payment, 100, headers=intent, expected_refundable=believed)
        await till.has_given(payment, 600, cancels=2)


@pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)
async def test_a_caller_who_leaves_and_comes_back_finds_its_one_refund(till: Till, kind: Kind) -> None:
    """The shop's server hangs up while the gateway works, and tries again with its key."""
    payment, intent = await till.sold(kind), key()
    await till.shop.scenario("slow", kind.name, call="cancel")
    asking = asyncio.create_task(till.refund(payment, 500, headers=intent))
    await till.until_called(payment, "cancel")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    refunds: list[Json] = []
    while [each["status"] for each in refunds] != ["succeeded"]:
        refunds = await till.refunds(payment)
        await asyncio.sleep(0.02)
    till.clock.advance(61)  # the lease of the call that was left
    again = await till.refund(payment, 500, headers=intent)
    assert (again.status_code, again.json()["id"]) == (201, refunds[0]["id"])
    await till.has_given(payment, 500, cancels=1)
    assert await till.asked(payment) == 1
