"""An acknowledgement is no wider than its check: a look-up answers the webhooks of its attempt, and no stronger ones (law 16)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.schedule import REPEAT_AFTER_S, UNANSWERED_AGAIN
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BUYER, BY_NAME, ONE_STEP, Kind
from tests.flows.webhooks.senders import UNIFI_PATH, Post, unifi, unifi_body, v1, v2, v2_body
from tests.flows.webhooks.test_arrival import rows
from tests.flows.webhooks.test_inbox import look_ups, post, told
from tests.support import MovableClock, Shop

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)

ORDER = {"currency": "USD", "amount": 1750, "customer": BUYER}
"""One that all three take."""


async def waiting(database: Database) -> list[tuple[str, str | None, str | None]]:
    """What is still to be looked into: gateway, reference, kind."""
    sql = "SELECT gateway, reference, kind FROM webhook_inbox WHERE next_try_at IS NOT NULL ORDER BY received_at, id"
    return [tuple(row) for row in await database.rows(sql)]


async def further(shop: Shop, payment: dict[str, Any], gateway: str) -> dict[str, Any]:
    """The payment with one more attempt."""
    answer = await shop.client.post(
        f"/payments/{payment['id']}/attempts",
        json={"gateway": gateway},
        headers={"Idempotency-Key": f"more-{payment['id']}-{len(payment['attempts'])}"},
    )
    assert answer.status_code == 201, answer.text
    return await shop.get(payment)


def of_attempt(shop: Shop, clock: MovableClock, payment: dict[str, Any], number: int, status: str) -> Post:
    """What the gateway of this attempt posts about it."""
    return told(shop, clock, payment | {"attempts": payment["attempts"][: number + 1]}, status, number=number)


async def attempt_of(database: Database) -> UUID:
    """The only attempt that there is."""
    row = await database.row("SELECT id FROM attempts")
    assert row is not None
    return UUID(str(row["id"]))


async def apply_first(parts: Services, database: Database, gateway: str) -> None:
    (first, *_) = await rows(database, gateway)
    await parts.webhooks.apply(first["id"])


@one_step
@pytest.mark.parametrize("second", ONE_STEP, ids=lambda kind: kind.name)
async def test_a_look_at_one_attempt_leaves_the_news_of_another_waiting(
    shop: Shop, kind: Kind, second: Kind, parts: Services, database: Database, clock: MovableClock
) -> None:
    """`Failed` of the first attempt and `Paid` of the second come together: each is looked into."""
    payment = await shop.create(gateway=kind.name, **ORDER)
    payment = await further(shop, payment, second.name)
    await shop.buyer_pays(payment, "lost_webhook")
    await post(shop, of_attempt(shop, clock, payment, 0, "failed"))
    await post(shop, of_attempt(shop, clock, payment, 1, "paid"))
    await apply_first(parts, database, kind.name)
    assert [(gateway, reference) for gateway, reference, _ in await waiting(database)] == [
        (second.name, payment["attempts"][1]["reference"])
    ]
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "paid"
    assert await waiting(database) == []


async def test_a_notice_of_an_old_attempt_uses_up_no_cancel_of_the_paid_one(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """V1 tells of the attempt that was left, V2 of the money that somebody gave back in its console."""
    payment = await further(shop, await shop.create(gateway="portone_v1", **ORDER), "portone_v2")
    await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))
    payment = await shop.get(payment)
    assert payment["status"] == "paid"
    await shop.sim("POST", "/_sim/refund", {"gateway": "portone_v2", "reference": payment["attempts"][1]["reference"]})
    await post(shop, of_attempt(shop, clock, payment, 0, "failed"))
    await post(shop, of_attempt(shop, clock, payment, 1, "cancelled"))
    await apply_first(parts, database, "portone_v1")
    assert [gateway for gateway, _, _ in await waiting(database)] == ["portone_v2"]
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "refunded"


async def test_a_hint_uses_up_no_signed_notice(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """Unifi Pay signs some callbacks and others not: what anybody may have posted answers nothing that was proven."""
    payment = await shop.create(**BY_NAME["unifi_pay"].order)
    attempt = payment["attempts"][0]
    body = unifi_body(attempt["gateway_ref"], attempt["reference"], "REFUNDED")
    await post(shop, Post(UNIFI_PATH, {}, body))
    await post(shop, unifi(shop.settings, body, at=clock()))
    assert [row["proof"] for row in await rows(database, "unifi_pay")] == ["hint", "signature"], "two rows, not one"
    await apply_first(parts, database, "unifi_pay")
    assert [row["proof"] for row in await rows(database, "unifi_pay") if row["next_try_at"]] == ["signature"]


async def test_a_signed_notice_answers_the_hints_of_its_attempt(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    payment = await shop.create(**BY_NAME["unifi_pay"].order)
    attempt = payment["attempts"][0]
    body = unifi_body(attempt["gateway_ref"], attempt["reference"], "PAID")
    await post(shop, unifi(shop.settings, body, at=clock()))
    await post(shop, Post(UNIFI_PATH, {}, body))
    await apply_first(parts, database, "unifi_pay")
    assert await waiting(database) == []
    assert await look_ups(shop, "unifi_pay") == 1


@pytest.mark.parametrize("kind", [BY_NAME["portone_v1"], BY_NAME["portone_v2"]], ids=lambda kind: kind.name)
async def test_a_look_that_decides_nothing_answers_all_of_its_attempt(
    shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
) -> None:
    """Every window of an order is a transaction of its own, and tells of its own."""
    payment = await shop.create(**kind.order)
    for number in range(3):
        await post(shop, told(shop, clock, payment, "ready", number=number, ref=f"window-{number}"))
    await apply_first(parts, database, kind.name)
    assert await waiting(database) == []
    assert (await shop.get(payment))["status"] == "open"


@one_step
async def test_a_reference_of_no_attempt_sets_off_no_look_and_answers_nothing(
    shop: Shop, kind: Kind, parts: Services, database: Database, clock: MovableClock
) -> None:
    """Our payment, a number that it has no attempt of, and another gateway's attempt: nobody there is to be asked about."""
    payment = await shop.create(**kind.order)
    reference = payment["attempts"][0]["reference"]
    other = "portone_v1" if kind.name != "portone_v1" else "portone_v2"
    invented = reference.rpartition("a")[0] + "a7"
    for gateway, named in ((kind.name, invented), (other, reference)):
        await database.row("DELETE FROM webhook_inbox")
        given = {
            "portone_v1": v1(named, "imp_none"),
            "portone_v2": v2(shop.settings, v2_body(named), webhook_id=named, at=clock()),
            "unifi_pay": unifi(shop.settings, unifi_body("t-none", named), at=clock()),
        }[gateway]
        await post(shop, given)
        await apply_first(parts, database, gateway)
        assert [reference for _, reference, _ in await waiting(database)] == [named]
        assert await look_ups(shop, gateway) == 0


async def test_a_look_that_was_under_way_when_it_came_answers_no_webhook(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """That one may have been answered before there was the news; it says that all is as it was."""
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    payment = (await shop.complete(payment, **await shop.buyer_pays(payment, "lost_webhook"))).json()
    payment_id = ids.payment_of_reference(payment["attempts"][0]["reference"])
    assert payment_id is not None
    before = await look_ups(shop, "portone_v2")
    await shop.scenario("slow", "portone_v2", call="lookup")
    look = asyncio.create_task(
        parts.payments.verify(payment_id, trigger="sweep", attempt_id=await attempt_of(database))
    )
    while await look_ups(shop, "portone_v2") == before:  # noqa: ASYNC110  a gateway tells nobody who calls it
        await asyncio.sleep(0.01)
    await shop.sim("POST", "/_sim/refund", {"gateway": "portone_v2", "reference": payment["attempts"][0]["reference"]})
    await post(shop, told(shop, clock, payment, "cancelled"))
    assert not look.done()
    await apply_first(parts, database, "portone_v2")
    await look
    assert await waiting(database) == []
    assert (await shop.get(payment))["status"] == "refunded"
    assert await look_ups(shop, "portone_v2") == before + 2


async def test_what_comes_again_while_a_look_goes_unanswered_keeps_its_own_time(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """After many tries the next one is a day away, and one more parks it: not where its gateway has just sent it again."""
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    given = told(shop, clock, payment)
    await post(shop, given)
    (row,) = await rows(database, "portone_v1")
    for attempts in (len(UNANSWERED_AGAIN) - 1, len(UNANSWERED_AGAIN)):
        await database.row("UPDATE webhook_inbox SET apply_attempts = $1, claimed_until = now()", attempts)
        seen = await parts.webhooks.inbox.get(row["id"])
        assert seen is not None
        await post(shop, given)
        if attempts < len(UNANSWERED_AGAIN):
            await parts.webhooks.inbox.put_off(seen, clock() + timedelta(days=1), "no answer")
        else:
            assert not await parts.webhooks.inbox.park(seen, clock(), "no answer")
        (row,) = await rows(database, "portone_v1")
        assert (row["next_try_at"] - clock()).total_seconds() <= REPEAT_AFTER_S


async def test_what_counts_is_what_was_read_before_the_look_whatever_the_clocks_say(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """A delivery that another machine took in, whose clock is an hour slow, came during the look all the same."""
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    given = told(shop, clock, payment)
    await post(shop, given)
    (row,) = await rows(database, "portone_v1")
    seen = await parts.webhooks.inbox.get(row["id"])
    assert seen is not None
    clock.advance(-3600)
    await post(shop, given)
    clock.advance(3600)
    await parts.webhooks.inbox.applied([seen], row["payment_id"], clock())
    (row,) = await rows(database, "portone_v1")
    assert row["applied_at"] is None
    clock.advance(REPEAT_AFTER_S + 1)
    await Worker(parts).sweep()
    assert await waiting(database) == []
