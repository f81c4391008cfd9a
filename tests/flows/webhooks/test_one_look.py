"""Hints that wait about one payment are one look, whatever each of them names it by, and whenever that name became known."""

from typing import Any

import pytest

from app.db.database import Database
from app.domain.schedule import JITTER, UNANSWERED_HINT_AGAIN, UNKNOWN_HINT_AGAIN
from app.jobs.worker import Worker
from app.services import Services
from tests.api.test_hint_budgets import about
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.test_arrival import rows
from tests.flows.webhooks.test_inbox import apply_all, look_ups, post
from tests.support import MovableClock, Shop

gateways = pytest.mark.parametrize("gateway", ["portone_v1", "unifi_pay"])


async def bought(shop: Shop, gateway: str) -> dict[str, Any]:
    payment = await shop.create(**BY_NAME[gateway].order)
    await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))
    return await shop.get(payment)


async def hints(shop: Shop, gateway: str, reference: str | None, ref: str | None, numbers: range) -> None:
    for number in numbers:
        await post(shop, about(gateway, reference, ref, number))


@gateways
@pytest.mark.parametrize("named", ["ours", "the gateway's", "both in turn"])
async def test_hints_about_one_payment_are_one_look(
    shop: Shop, parts: Services, database: Database, gateway: str, named: str
) -> None:
    attempt = (await bought(shop, gateway))["attempts"][-1]
    before = await look_ups(shop, gateway)
    for number in range(8):
        is_ours = named == "ours" or (named == "both in turn" and number % 2)
        ours, its = (attempt["reference"], None) if is_ours else (None, attempt["gateway_ref"])
        await hints(shop, gateway, ours, its, range(number, number + 1))
    await Worker(parts).sweep()
    assert [row["applied_at"] is not None for row in await rows(database, gateway)] == [True] * 8
    assert await look_ups(shop, gateway) == before + 1


async def test_so_are_those_that_came_before_anybody_knew_the_name_and_then_they_leave(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """A stranger's words stay no longer than they are needed, whomever they turn out to be about."""
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    brought = await shop.buyer_pays(payment, "lost_webhook")
    await hints(shop, "portone_v1", None, brought["imp_uid"], range(8))
    await Worker(parts).sweep()
    assert {row["note"] for row in await rows(database, "portone_v1")} == {"no payment of ours has this reference"}
    await shop.complete(payment, **brought)
    assert (await shop.get(payment))["status"] == "paid"
    before = await look_ups(shop, "portone_v1")
    clock.advance(UNKNOWN_HINT_AGAIN[0] * (1 + JITTER) + 1)
    await Worker(parts).sweep()
    assert await rows(database, "portone_v1") == []
    assert await look_ups(shop, "portone_v1") == before + 1


async def test_such_a_one_leaves_too_where_the_gateway_does_not_answer_for_days(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    brought = await shop.buyer_pays(payment, "lost_webhook")
    await hints(shop, "portone_v1", None, brought["imp_uid"], range(2))
    await apply_all(parts, database, "portone_v1")
    await shop.complete(payment, **brought)
    await shop.scenario("error_500", "portone_v1", call="lookup", times=-1)
    for _ in UNANSWERED_HINT_AGAIN:
        clock.advance(2 * 86_400)
        await apply_all(parts, database, "portone_v1")
    assert await rows(database, "portone_v1") == []


async def test_one_that_comes_again_while_its_look_is_under_way_stays_for_another(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    await hints(shop, "portone_v1", None, "imp_early", range(1))
    (row,) = await rows(database, "portone_v1")
    seen = await parts.webhooks.inbox.get(row["id"])
    assert seen is not None
    await hints(shop, "portone_v1", None, "imp_early", range(1))
    await parts.webhooks.inbox.applied([seen], row["id"], clock())
    assert len(await rows(database, "portone_v1")) == 1
