"""Six ways in which webhooks have cost other shops money, as they were told in public. Each ends in the truth here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.schedule import JITTER, UNANSWERED_AGAIN, UNKNOWN_AGAIN
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BY_NAME, ONE_STEP, Kind
from tests.flows.webhooks.test_arrival import rows, until_kept
from tests.flows.webhooks.test_inbox import look_ups, post, told, until_asked
from tests.support import MovableClock, Shop
from tests.support.databases import Urls

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)

V1, V2, UNIFI = BY_NAME["portone_v1"], BY_NAME["portone_v2"], BY_NAME["unifi_pay"]
TABLES = ("payments", "attempts", "payment_events", "order_claims", "gateway_refs")
"""What a create has written, in the order in which it can be put back."""


async def comes_back(shop: Shop, kind: Kind, payment: dict[str, Any], query: dict[str, Any]) -> httpx.Response:
    """The buyer's browser, which opened the checkout, is redirected to us."""
    assert (await shop.client.get(f"/checkout/{payment['client_token']}")).status_code == 200
    return await shop.client.get(
        f"/checkout/return/{kind.name.replace('_', '-')}", params=query, headers={"Accept": "text/html"}
    )


async def apply_kept(parts: Services, database: Database, kind: Kind) -> None:
    for row in await rows(database, kind.name):
        await parts.webhooks.apply(row["id"])


async def paid_once(shop: Shop, payment: dict[str, Any]) -> list[str]:
    """The payment is paid, by one event and one capture; returns the causes of its trail."""
    stored, truth = await shop.get(payment), await shop.journal(payment)
    trail = await shop.events(payment)
    assert (stored["status"], stored["captured_amount"]) == ("paid", payment["amount"])
    assert (truth["captures"], truth["refunded"], truth["cancels"]) == (1, 0, 0)
    assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1))
    assert sum(event["to"] == "paid" and event["from"] != "paid" for event in trail) == 1
    return [event["cause"] for event in trail if event["to"] == "paid"]


class TestWebhookAndRedirect:
    @one_step
    async def test_the_webhook_comes_100_ms_before_the_redirect(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database
    ) -> None:
        payment = await shop.create(**kind.order)
        browser = await shop.buyer_pays(payment)
        await until_kept(database, kind.name)
        await apply_kept(parts, database, kind)
        await asyncio.sleep(0.1)
        assert (await comes_back(shop, kind, payment, browser)).status_code == 303
        assert (await shop.complete(payment, **browser)).json()["status"] == "paid"
        assert await paid_once(shop, payment) == ["webhook"]

    @one_step
    async def test_the_webhooks_look_up_is_still_under_way_when_the_redirect_comes(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        browser = await shop.buyer_pays(payment, "lost_webhook")
        await shop.scenario("slow", kind.name, call="lookup")
        await post(shop, told(shop, clock, payment))
        webhook = asyncio.create_task(apply_kept(parts, database, kind))
        await until_asked(shop, kind.name)
        await asyncio.sleep(0.1)
        assert (await comes_back(shop, kind, payment, browser)).status_code == 303
        assert (await shop.get(payment))["status"] == "paid", "the buyer does not wait for the webhook's look-up"
        await webhook
        await paid_once(shop, payment)
        assert all(row["applied_at"] for row in await rows(database, kind.name))

    @one_step
    async def test_the_webhook_comes_after_the_redirect(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        browser = await shop.buyer_pays(payment, "lost_webhook")
        assert (await comes_back(shop, kind, payment, browser)).status_code == 303
        before = await shop.events(payment)
        await asyncio.sleep(0.1)
        await post(shop, told(shop, clock, payment))
        await apply_kept(parts, database, kind)
        assert await shop.events(payment) == before
        assert len(await paid_once(shop, payment)) == 1
        assert all(row["applied_at"] for row in await rows(database, kind.name))


class TestBeforeOurCommit:
    @one_step
    async def test_a_webhook_that_is_faster_than_our_commit_finds_its_payment_later(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, urls: Urls, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "lost_webhook")
        async with not_committed_yet(urls, payment):
            await post(shop, told(shop, clock, payment))
            await apply_kept(parts, database, kind)
            (row,) = await rows(database, kind.name)
            assert (row["apply_attempts"], row["note"]) == (1, "no payment of ours has this reference")
        clock.advance(UNKNOWN_AGAIN[0] * (1 + JITTER) + 1)
        await Worker(parts).sweep()
        assert await paid_once(shop, payment) == ["webhook"]

    async def test_a_callback_before_we_know_the_gateways_id_waits_for_the_create(
        self, shop: Shop, served: str, parts: Services, database: Database
    ) -> None:
        """The gateway has opened it and its answer is on its way; the buyer, told by nobody, has paid already."""
        await shop.scenario("slow", "unifi_pay", call="create")
        creating = asyncio.create_task(shop.create(**UNIFI.order))
        while not (opened := await shop.sim("GET", "/_sim/journal?gateway=unifi_pay")):  # noqa: ASYNC110  another server
            await asyncio.sleep(0.01)
        await shop.sim("POST", "/_sim/pay", {"gateway": "unifi_pay", "reference": opened[0]["reference"]})
        await until_kept(database, "unifi_pay")
        assert not creating.done()
        await apply_kept(parts, database, UNIFI)
        payment = await creating
        await parts.payments.verify(ids.read(ids.Prefix.PAYMENT, payment["id"]), trigger="sweep")
        await paid_once(shop, payment)

    async def test_a_callback_by_the_gateways_id_alone_is_found_once_that_is_stored(
        self, shop: Shop, parts: Services, database: Database, urls: Urls, clock: MovableClock
    ) -> None:
        payment = await shop.create(**UNIFI.order)
        await shop.buyer_pays(payment, "lost_webhook")
        attempt = payment["attempts"][0]
        by_id_alone = told(shop, clock, {"attempts": [attempt | {"reference": None}]})
        async with not_committed_yet(urls, payment):
            await post(shop, by_id_alone)
            await apply_kept(parts, database, UNIFI)
            (row,) = await rows(database, "unifi_pay")
            assert (row["payment_id"], row["apply_attempts"]) == (None, 1)
        clock.advance(UNKNOWN_AGAIN[0] * (1 + JITTER) + 1)
        await Worker(parts).sweep()
        assert await paid_once(shop, payment) == ["webhook"]


@asynccontextmanager
async def not_committed_yet(urls: Urls, payment: dict[str, Any]) -> AsyncIterator[None]:
    """Within, the database is as it was before the payment's create was committed; afterwards that commit has landed."""
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    owner = await asyncpg.connect(urls.owner)
    try:
        columns = {table: await _columns(owner, table) for table in TABLES}
        async with owner.transaction():
            for table in TABLES:
                key = "id" if table == "payments" else "payment_id"
                rows_of = f"FROM {table} WHERE {key} = '{payment_id}'"
                await owner.execute(f"CREATE TEMP TABLE kept_{table} AS SELECT {columns[table]} {rows_of}")
            for table in reversed(TABLES):
                key = "id" if table == "payments" else "payment_id"
                await owner.execute(f"DELETE FROM {table} WHERE {key} = $1", payment_id)  # noqa: S608
        yield
        async with owner.transaction():
            for table in TABLES:
                names = columns[table]
                await owner.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept_{table}")  # noqa: S608
    finally:
        await owner.close()


async def _columns(owner: Any, table: str) -> str:
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_generated = 'NEVER'"
    return ", ".join(row["column_name"] for row in await owner.fetch(sql, table))


class TestHandlerFailsOnce:
    @one_step
    async def test_what_is_stored_and_not_yet_applied_is_applied_though_its_repeat_is_a_duplicate(
        self, shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        """Elsewhere: the row was stored, the handler failed, and every repeat was waved through as "already seen"."""
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "lost_webhook")
        given = told(shop, clock, payment)
        await post(shop, given)
        await shop.scenario("error_500", kind.name, call="lookup", times=2)
        await apply_kept(parts, database, kind)
        await post(shop, given)
        (row,) = await rows(database, kind.name)
        assert (row["times_received"], row["apply_attempts"], row["applied_at"]) == (2, 1, None)
        await shop.scenario("error_500", kind.name, call="lookup", times=0)
        clock.advance(UNANSWERED_AGAIN[0] * (1 + JITTER) + 1)
        await Worker(parts).sweep()
        assert await paid_once(shop, payment) == ["webhook"]

    async def test_what_a_worker_died_over_is_looked_into_when_its_lease_ends(
        self, shop: Shop, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**V2.order)
        await shop.buyer_pays(payment, "lost_webhook")
        await post(shop, told(shop, clock, payment))
        (webhooks,) = [kind for kind in parts.due_work if kind.name == "webhooks_portone_v2"]
        due, ends = await webhooks.rows.due(clock(), 10), clock() + timedelta(seconds=webhooks.lease_s)
        assert await webhooks.rows.claim(due, clock(), ends) == [replace(row, claimed_until=ends) for row in due]
        assert await Worker(parts).sweep() == 0, "somebody has it"
        clock.advance(webhooks.lease_s)
        assert await Worker(parts).sweep() == 1
        assert await paid_once(shop, payment) == ["webhook"]


class TestDoneAndAborted:
    @pytest.mark.parametrize("last_first", [False, True], ids=["in_order", "swapped"])
    @one_step
    async def test_paid_and_failed_46_ms_apart_leave_the_truth(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database, last_first: bool
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "contradiction")
        kept = await until_kept(database, kind.name, 2)
        for row in sorted(kept, key=lambda row: row["received_at"], reverse=last_first):
            await parts.webhooks.apply(row["id"])
        assert await paid_once(shop, payment) == ["webhook"]

    @one_step
    async def test_both_at_the_same_moment_on_two_workers(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "contradiction")
        kept = await until_kept(database, kind.name, 2)
        await asyncio.gather(*(parts.webhooks.apply(row["id"]) for row in kept for _ in range(3)))
        await paid_once(shop, payment)


class TestDepositReturned:
    @pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)
    async def test_money_that_the_gateway_gives_back_after_paid_becomes_a_refund(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        """Nobody asked for it here; it is recorded all the same, and nothing is given back once more."""
        payment = await shop.create(**kind.order)
        await shop.complete(payment, **await shop.buyer_pays(payment))
        trail = await shop.events(payment)
        known = len(await until_kept(database, kind.name))
        asked = await look_ups(shop, kind.name)
        await shop.buyer_pays(payment, "console_cancel")
        await until_kept(database, kind.name, known + 1)
        await apply_kept(parts, database, kind)
        assert await look_ups(shop, kind.name) > asked
        stored, truth = await shop.get(payment), await shop.journal(payment)
        assert (truth["refunded"], truth["cancels"]) == (payment["amount"], 1)
        assert (stored["status"], stored["captured_amount"], stored["refunded_amount"]) == (
            "refunded",
            payment["amount"],
            payment["amount"],
        )
        assert not stored["needs_attention"]
        assert [event["reason"] for event in (await shop.events(payment))[len(trail) :]] == ["refund_found"]
        (refund,) = (await shop.client.get(f"/payments/{payment['id']}/refunds")).json()["data"]
        assert (refund["cause"], refund["status"], refund["amount"]) == ("gateway", "succeeded", payment["amount"])
        assert all(row["applied_at"] for row in await rows(database, kind.name))
        assert any("ancel" in row["kind"] for row in await rows(database, kind.name))

    async def test_a_deposit_that_is_returned_before_we_saw_it_is_never_paid(
        self, shop: Shop, served: str, parts: Services, database: Database
    ) -> None:
        payment = await shop.create(**V2.order)
        await shop.buyer_pays(payment, "virtual_account")
        await until_kept(database, "portone_v2")
        await apply_kept(parts, database, V2)
        assert (await shop.get(payment))["status"] == "awaiting_deposit"
        known = len(await rows(database, "portone_v2"))
        await shop.buyer_pays(payment)
        await shop.buyer_pays(payment, "console_cancel")
        await until_kept(database, "portone_v2", known + 2)
        await apply_kept(parts, database, V2)
        stored = await shop.get(payment)
        assert (stored["status"], stored["captured_amount"]) == ("open", 0)
        assert stored["attempts"][0]["status"] == "canceled"


class TestFailedThenApproved:
    @one_step
    async def test_a_failure_that_is_approved_later_is_paid_by_its_webhook(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        """Paymentwall says failed, and approves seconds later."""
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "late_approval")
        await post(shop, told(shop, clock, payment, "failed"))
        await apply_kept(parts, database, kind)
        stored = await shop.get(payment)
        assert (stored["status"], stored["attempts"][0]["status"]) == ("open", "failed")
        await approved_late(shop, payment)
        await post(shop, told(shop, clock, payment, number=2))
        await apply_kept(parts, database, kind)
        assert await paid_once(shop, payment) == ["webhook"]

    @one_step
    async def test_approved_after_the_shop_canceled_goes_back(
        self, shop: Shop, kind: Kind, served: str, parts: Services, database: Database, clock: MovableClock
    ) -> None:
        payment = await shop.create(**kind.order)
        await shop.buyer_pays(payment, "late_approval")
        await post(shop, told(shop, clock, payment, "failed"))
        await apply_kept(parts, database, kind)
        answer = await shop.client.post(f"/payments/{payment['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
        await approved_late(shop, payment)
        await post(shop, told(shop, clock, payment, number=2))
        await apply_kept(parts, database, kind)
        stored, truth = await shop.get(payment), await shop.journal(payment)
        assert stored["attempts"][0]["status"] == "rejected"
        assert stored["captured_amount"] == 0
        assert truth["captures"] == 1
        if kind.can_refund:
            assert (stored["status"], truth["refunded"]) == ("canceled", payment["amount"])
        else:
            assert (stored["status"], stored["needs_attention"]) == ("review", True)


async def approved_late(shop: Shop, payment: dict[str, Any]) -> None:
    """The gateway thinks again, seconds after it said no."""
    assert (await shop.journal(payment))["captures"] == 0
    await shop.sim("POST", "/_sim/advance", {"seconds": 6})
    assert (await shop.journal(payment))["captures"] == 1
