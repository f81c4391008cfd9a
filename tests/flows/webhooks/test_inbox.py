"""What becomes of a kept webhook: looked into once for all of its payment, tried again, parked; and never believed."""

import asyncio
import time
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.schedule import JITTER, REPEAT_AFTER_S, UNANSWERED_AGAIN, UNKNOWN_AGAIN
from app.jobs.worker import Worker
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME, ONE_STEP, Kind
from tests.flows.webhooks.senders import UNIFI_PATH, Post, unifi, unifi_body, v1, v2, v2_body
from tests.flows.webhooks.test_arrival import rows
from tests.support import MovableClock, Shop
from tests.support.databases import Urls

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)

V1, V2 = BY_NAME["portone_v1"], BY_NAME["portone_v2"]


async def post(shop: Shop, given: Post) -> httpx.Response:
    answer = await shop.client.post(given.path, content=given.content, headers=given.headers)
    assert answer.status_code == 200, answer.text
    return answer


def told(
    shop: Shop,
    clock: MovableClock,
    payment: dict[str, Any],
    status: str = "paid",
    *,
    number: int = 1,
    ref: str | None = None,
) -> Post:
    """What the payment's gateway would post about it; another `number` is another message."""
    attempt = payment["attempts"][-1]
    reference, gateway_ref = attempt["reference"], ref or attempt["gateway_ref"]
    if attempt["gateway"] == "portone_v1":
        return v1(reference, ref, status, cancellation_id=str(number))
    if attempt["gateway"] == "portone_v2":
        body = v2_body(reference, ref, f"Transaction.{status.title()}")
        return v2(shop.settings, body, webhook_id=f"wh-{number}-{reference}", at=clock())
    return unifi(shop.settings, unifi_body(gateway_ref, reference, f"{status.upper()}{number}"), at=clock())


def signed_for_nobody(shop: Shop, clock: MovableClock, reference: str | None = None) -> Post:
    """PortOne V2 tells of a payment that we do not have."""
    return v2(shop.settings, v2_body(reference or ids.reference(ids.uuid7(), 1)), at=clock())


async def look_ups(shop: Shop, gateway: str) -> int:
    """How often the gateway was asked about payments."""
    calls = await shop.sim("GET", f"/_sim/calls?gateway={gateway}")
    return sum(call["call"] == "lookup" for call in calls)


async def until_asked(shop: Shop, gateway: str) -> None:
    deadline = time.monotonic() + 60
    while not await look_ups(shop, gateway):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def apply_all(parts: Services, database: Database, gateway: str) -> None:
    await asyncio.gather(*(parts.webhooks.apply(row["id"]) for row in await rows(database, gateway)))


class TestNobodyKnowsIt:
    async def test_it_is_tried_by_the_schedule_and_then_parked_for_a_person(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        await post(shop, signed_for_nobody(shop, clock))
        (row,) = await rows(database, "portone_v2")
        assert row["next_try_at"] == row["received_at"], "due at once"
        assert row["claimed_until"] is None
        for tries, wait_s in enumerate(UNKNOWN_AGAIN, 1):
            assert await Worker(parts).sweep() == 1
            (row,) = await rows(database, "portone_v2")
            left_s = (row["next_try_at"] - clock()).total_seconds()
            assert row["apply_attempts"] == tries
            assert wait_s - 3 <= left_s <= wait_s * (1 + JITTER)
            assert row["note"] == "no payment of ours has this reference"
            assert await Worker(parts).sweep() == 0, "not before its time"
            clock.advance(left_s + 1)
        assert await Worker(parts).sweep() == 1
        (row,) = await rows(database, "portone_v2")
        assert (row["next_try_at"], row["applied_at"]) == (None, None)
        assert row["parked_at"] is not None
        assert row["note"] == "no payment of ours has this reference"
        assert (await parts.gauges())["onetill_webhooks_parked_now"][1] == 1
        clock.advance(365 * 86_400)
        assert await Worker(parts).sweep() == 0
        assert await parts.chore("webhooks").forget(100) == 0, "it waits for a person as long as it takes"

    @pytest.mark.parametrize(
        "given",
        [
            v1("0" * 32 + "a1", "imp_1"),
            Post(UNIFI_PATH, {}, unifi_body("t-1")),
            Post(UNIFI_PATH, {}, b'{"another":"shape"}'),
        ],
        ids=["v1", "unifi", "names_nobody"],
    )
    async def test_an_unsigned_one_is_kept_for_a_day_and_then_leaves(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock, given: Post
    ) -> None:
        """Anybody may have sent it, and many of them: no person is called."""
        await post(shop, given)
        sql = "SELECT received_at, next_try_at, parked_at FROM webhook_inbox"
        kept_s = 0.0
        while row := await database.row(sql):
            assert row["parked_at"] is None
            kept_s = (row["next_try_at"] - row["received_at"]).total_seconds()
            clock.advance((row["next_try_at"] - clock()).total_seconds() + 1)
            await Worker(parts).sweep()
        assert 86_400 <= kept_s <= 3 * 86_400
        assert (await parts.gauges())["onetill_webhooks_waiting"][1] == 0
        assert (await parts.gauges())["onetill_webhooks_parked_now"][1] == 0

    async def test_one_that_comes_again_while_it_is_let_go_stays(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        given = v1("0" * 32 + "a1", "imp_1")
        await post(shop, given)
        (row,) = await rows(database, "portone_v1")
        seen = await parts.webhooks.inbox.get(row["id"])
        assert seen is not None
        await post(shop, given)
        await parts.webhooks.inbox.drop(seen)
        assert len(await rows(database, "portone_v1")) == 1

    async def test_a_reference_that_is_none_of_ours_is_treated_alike(
        self, shop: Shop, parts: Services, database: Database
    ) -> None:
        for number, reference in enumerate(("order-of-another-system", "0" * 32 + "a0", "'; --", "주문")):
            await post(shop, v1(reference, f"imp_{number}"))
        await apply_all(parts, database, "portone_v1")
        assert {(row["apply_attempts"], row["payment_id"]) for row in await rows(database, "portone_v1")} == {(1, None)}

    async def test_one_that_was_parked_and_comes_again_is_tried_again(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        reference = ids.reference(ids.uuid7(), 1)
        await post(shop, signed_for_nobody(shop, clock, reference))
        for _ in range(len(UNKNOWN_AGAIN) + 1):
            clock.advance(86_400)
            await Worker(parts).sweep()
        (row,) = await rows(database, "portone_v2")
        assert row["parked_at"] is not None
        await post(shop, signed_for_nobody(shop, clock, reference))
        (row,) = await rows(database, "portone_v2")
        assert (row["parked_at"], row["apply_attempts"], row["times_received"]) == (None, 0, 2)
        clock.advance(REPEAT_AFTER_S + 1)
        assert await Worker(parts).sweep() == 1


class TestItFails:
    @one_step
    async def test_a_look_up_that_fails_is_made_again(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "lost_webhook")
        await shop.scenario("error_500", kind.name, call="lookup", times=-1)
        await post(shop, told(shop, clock, payment))
        await apply_all(parts, database, kind.name)
        (row,) = await rows(database, kind.name)
        assert (row["apply_attempts"], row["note"]) == (1, "the gateway did not answer the look-up")
        assert row["applied_at"] is None
        await shop.scenario("error_500", kind.name, call="lookup", times=0)
        clock.advance(UNANSWERED_AGAIN[0] * (1 + JITTER) + 1)
        assert await Worker(parts).sweep() >= 1
        (row,) = await rows(database, kind.name)
        assert (row["applied_at"] is not None, row["note"]) == (True, None)
        assert (await shop.get(payment))["status"] == "paid"

    async def test_a_gateway_that_stays_away_parks_it_and_the_sweep_of_attempts_goes_on(
        self, shop: Shop, parts: Services, settings: Settings, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(expires_in_s=7 * 86_400, **V1.order)
        await shop.buyer_pays(payment, "lost_webhook")
        await shop.scenario("error_500", "portone_v1", call="lookup", times=-1)
        await post(shop, told(shop, clock, payment))
        for _ in range(len(UNANSWERED_AGAIN) + 1):
            clock.advance(86_400 * 1.3)
            await Worker(parts).sweep()
        (row,) = await rows(database, "portone_v1")
        assert row["parked_at"] is not None
        await shop.scenario("error_500", "portone_v1", call="lookup", times=0)
        clock.advance(86_400)
        restarted = build_services(settings, clock)  # the old one's breaker counts in real time
        await restarted.database.open()
        await Worker(restarted).sweep()
        await restarted.close()
        assert (await shop.get(payment))["status"] == "paid", "the webhook was a hint; what is undecided is looked at"

    async def test_without_its_gateways_settings_it_waits_for_them(
        self, shop: Shop, settings: Settings, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**V1.order)
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, told(shop, clock, payment))
        parts = build_services(settings.model_copy(update={"portone_v1": None}), clock)
        await parts.database.open()
        try:
            await apply_all(parts, database, "portone_v1")
        finally:
            await parts.close()
        (row,) = await rows(database, "portone_v1")
        assert (row["apply_attempts"], row["note"]) == (1, "its gateway is not configured here")

    async def test_rows_that_break_the_code_do_not_stand_in_the_way_of_others(
        self, shop: Shop, parts: Services, database: Database, urls: Urls, clock: MovableClock
    ) -> None:
        """The broken one comes first, in the inbox and among the attempts, and is put off."""
        broken, good, late = [await shop.create(**V1.order) for _ in range(3)]
        for payment in (broken, good, late):
            await shop.buyer_pays(payment, "lost_webhook")
        owner = await asyncpg.connect(urls.owner)
        try:
            await owner.execute("ALTER TABLE payments DROP CONSTRAINT IF EXISTS payments_currency_check")
            sql = "UPDATE payments SET currency = 'ZZZ' WHERE id = $1"
            await owner.execute(sql, ids.read(ids.Prefix.PAYMENT, broken["id"]))
        finally:
            await owner.close()
        await post(shop, told(shop, clock, broken))
        await post(shop, told(shop, clock, good))
        clock.advance(61)
        await Worker(parts).sweep()
        assert (await shop.get(good))["status"] == "paid"
        assert (await shop.get(late))["status"] == "paid", "found by the sweep of attempts"
        first, second = await rows(database, "portone_v1")
        assert first["next_try_at"] > clock()
        assert first["note"]
        assert second["applied_at"] is not None
        assert await Worker(parts).sweep() == 0, "the broken ones do not fill every batch"

    async def test_a_payment_whose_row_somebody_holds_does_not_stand_in_the_way_of_others(
        self, shop: Shop, parts: Services, database: Database, urls: Urls, clock: MovableClock
    ) -> None:
        held, good, late = [await shop.create(**V1.order) for _ in range(3)]
        for payment in (held, good, late):
            await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, told(shop, clock, held))
        await post(shop, told(shop, clock, good))
        clock.advance(61)
        owner = await asyncpg.connect(urls.owner)
        try:
            async with owner.transaction():
                sql = "SELECT 1 FROM payments WHERE id = $1 FOR UPDATE"
                await owner.execute(sql, ids.read(ids.Prefix.PAYMENT, held["id"]))
                await Worker(parts).sweep()
        finally:
            await owner.close()
        assert [(await shop.get(payment))["status"] for payment in (good, late)] == ["paid", "paid"]
        clock.advance(400)
        await Worker(parts).sweep()
        assert (await shop.get(held))["status"] == "paid"


class TestOneLook:
    @one_step
    async def test_all_that_came_for_one_payment_is_answered_by_one_look_up(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "lost_webhook")
        for number in range(5):
            await post(shop, told(shop, clock, payment, number=number))
        assert 0 < await Worker(parts).sweep() <= 5, "those that wait for a hand are answered meanwhile"
        assert all(row["applied_at"] for row in await rows(database, kind.name))
        assert await look_ups(shop, kind.name) == 1
        assert (await shop.get(payment))["status"] == "paid"

    @one_step
    async def test_what_comes_during_a_verification_leads_to_another_look(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        """The look-up under way has seen the time before the money: it must not answer the news of the money."""
        payment = await shop.create(**kind.order)
        await post(shop, told(shop, clock, payment, "ready", number=1))
        await shop.scenario("slow", kind.name, call="lookup")
        (first,) = await rows(database, kind.name)
        early = asyncio.create_task(parts.webhooks.apply(first["id"]))
        await until_asked(shop, kind.name)
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, told(shop, clock, payment, number=2))
        second = next(row for row in await rows(database, kind.name) if row["id"] != first["id"])
        late = asyncio.create_task(parts.webhooks.apply(second["id"]))
        await asyncio.gather(early, late)
        assert (await shop.get(payment))["status"] == "paid"

    async def test_the_same_news_again_during_a_verification_leads_to_another_look(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**V1.order)
        given = told(shop, clock, payment)
        await post(shop, given)
        await shop.scenario("slow", "portone_v1", call="lookup")
        (row,) = await rows(database, "portone_v1")
        early = asyncio.create_task(parts.webhooks.apply(row["id"]))
        await until_asked(shop, "portone_v1")
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, given)
        await early
        (row,) = await rows(database, "portone_v1")
        assert row["applied_at"] is None
        clock.advance(REPEAT_AFTER_S + 1)
        await Worker(parts).sweep()
        assert (await shop.get(payment))["status"] == "paid"

    @one_step
    async def test_a_repeat_of_what_was_looked_into_is_counted_and_looked_into_again(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        given = told(shop, clock, payment)
        await post(shop, given)
        await apply_all(parts, database, kind.name)
        (row,) = await rows(database, kind.name)
        assert row["applied_at"] is not None
        assert (await shop.get(payment))["status"] == "open"
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, given)
        (row,) = await rows(database, kind.name)
        assert (row["times_received"], row["applied_at"]) == (2, None)
        clock.advance(REPEAT_AFTER_S + 1)
        await Worker(parts).sweep()
        assert (await shop.get(payment))["status"] == "paid"


class TestNothingIsBelieved:
    @one_step
    async def test_what_claims_money_that_nobody_paid_changes_nothing(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        before = await shop.events(payment)
        for number, status in enumerate(("paid", "confirmed", "failed", "cancelled", "cancelPending", "made-up")):
            await post(shop, told(shop, clock, payment, status, number=number))
        await apply_all(parts, database, kind.name)
        stored = await shop.get(payment)
        assert (stored["status"], stored["captured_amount"]) == ("open", 0)
        assert await shop.events(payment) == before

    @one_step
    async def test_what_claims_that_money_is_gone_changes_nothing(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))
        before = await shop.get(payment), await shop.events(payment)
        for number, status in enumerate(("failed", "cancelled", "ready")):
            await post(shop, told(shop, clock, payment, status, number=number))
        await apply_all(parts, database, kind.name)
        assert (await shop.get(payment), await shop.events(payment)) == before
        assert before[0]["status"] == "paid"

    async def test_a_forged_hint_does_not_use_up_the_true_one(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        """PortOne V1 signs nothing: a stranger may name our order together with somebody else's imp_uid."""
        other, payment = await shop.create(**V1.order), await shop.create(**V1.order)
        foreign = await shop.buyer_pays(other, "lost_webhook")
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, told(shop, clock, payment, ref=foreign["imp_uid"]))
        await post(shop, told(shop, clock, payment, number=2))
        forged, true = await rows(database, "portone_v1")
        await parts.webhooks.apply(forged["id"])
        await parts.webhooks.apply(true["id"])
        assert (await shop.get(payment))["status"] == "paid"
        assert (await shop.get(other))["status"] == "open"

    async def test_an_imp_uid_that_nobody_knows_does_not_hide_our_order(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**V1.order)
        await shop.buyer_pays(payment, "lost_webhook")
        for number, ref in enumerate(("imp_nobody", "../../users/getToken", "imp_1?x=1#", "'; DROP TABLE payments")):
            await post(shop, told(shop, clock, payment, number=number, ref=ref))
        await apply_all(parts, database, "portone_v1")
        assert (await shop.get(payment))["status"] == "paid"
