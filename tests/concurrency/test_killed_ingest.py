"""`kill -9` of the API at every message that it exchanges while it takes in a webhook, or completes at a one-step gateway.

The sender repeats what was not answered with 2xx, as the real one does, and nothing else: what was answered is kept. The
worker is started only afterwards, so what it knows, it knows from what was left behind.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from app.db.database import Database
from app.domain import ids
from app.settings import Settings
from simulator.server import Simulator
from tests.concurrency.victims import WAIT_S, Place, Victim, each, sample, until, victim
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.senders import Post
from tests.flows.webhooks.test_inbox import told
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for

pytestmark = pytest.mark.long

HOUR_S = 3600


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


def _form(post: Post, payment: dict[str, Any], imp_uid: str) -> Post:
    fields = {"imp_uid": imp_uid, "merchant_uid": payment["attempts"][-1]["reference"], "status": "paid"}
    return replace(
        post, headers={"Content-Type": "application/x-www-form-urlencoded"}, content=urlencode(fields).encode()
    )


@dataclass(frozen=True, slots=True)
class Sender:
    """One gateway's way of posting a webhook."""

    gateway: str
    is_form: bool = False

    def post(self, shop: Shop, payment: dict[str, Any], browser: dict[str, Any]) -> Post:
        """What it posts when the buyer has paid."""
        post = told(shop, MovableClock(), payment, ref=browser.get("imp_uid"))
        return _form(post, payment, browser["imp_uid"]) if self.is_form else post


SENDERS = {
    "portone_v2": Sender("portone_v2"),
    "portone_v1 json": Sender("portone_v1"),
    "portone_v1 form": Sender("portone_v1", is_form=True),
    "unifi_pay": Sender("unifi_pay"),
}


async def _deliver(url: str, post: Post, at_answer: Callable[[], None] = lambda: None) -> int | None:
    """One try of a sender: the status that it saw, None for no answer."""
    async with httpx.AsyncClient(base_url=url, timeout=WAIT_S) as client:
        try:
            answer = await client.post(post.path, content=post.content, headers=post.headers)
        except httpx.HTTPError:
            return None
        at_answer()
        return answer.status_code


async def _kept(database: Database, payment: dict[str, Any]) -> list[dict[str, Any]]:
    sql = "SELECT * FROM webhook_inbox WHERE payment_id = $1"
    return [dict(row) for row in await database.rows(sql, ids.read(ids.Prefix.PAYMENT, payment["id"]))]


async def _is_applied(database: Database, payment: dict[str, Any]) -> bool:
    return all(row["applied_at"] for row in await _kept(database, payment))


async def _paid_once(shop: Shop, payment: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """It is paid, the gateway took the money once, and the trail says so once; the trail."""

    async def is_paid() -> bool:
        return bool((await shop.get(payment))["status"] == "paid")

    await until(is_paid)
    stored = await shop.get(payment)
    assert stored["captured_amount"] == payment["amount"], where
    truth = await shop.journal(payment)
    assert (truth["captures"], truth["cancels"], truth["refunded"]) == (1, 0, 0), where
    trail = await shop.events(payment)
    assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1)), where
    assert [event["to"] for event in trail].count("paid") == 1, where
    return trail


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
async def test_a_webhook_is_kept_once_and_applied_wherever_the_api_is_killed(
    shop: Shop,
    urls: Urls,
    simulator: Simulator,
    sender: Sender,
    database: Database,
    clock: MovableClock,
    size: int,
) -> None:
    clock.advance(HOUR_S)  # payments are created as if in an hour: until then no sweep looks at them of its own accord

    async def bought() -> tuple[dict[str, Any], Post]:
        payment = await shop.create(**BY_NAME[sender.gateway].order)
        return payment, sender.post(shop, payment, await shop.buyer_pays(payment, "lost_webhook"))

    def fresh() -> AbstractAsyncContextManager[Victim]:
        return victim("serve", urls.app, simulator, sender.gateway)

    async with fresh() as watched:
        undisturbed = await bought()
        watched.record()
        assert await _deliver(watched.url, undisturbed[1]) == 200
        await watched.quiet()
        places = sample(watched.places(), most=100, size=size)
    assert {place.wire for place in places} == {"Postgres", "caller"}
    all_of_them = [(undisturbed[0], "not killed")]

    async with fresh() as survivor:

        async def killed(number: int, place: Place) -> bool:
            payment, post = await bought()
            all_of_them.append((payment, str(place)))
            async with fresh() as doomed:
                doomed.doom(place)
                answer = await _deliver(doomed.url, post)
                assert answer is None or "pg_notify" in place.name, place  # the workers are woken after the answer
                came = await doomed.died()
            if answer is not None or (place.wire == "caller" and place.moment == "after"):
                assert len(await _kept(database, payment)) == 1, "it had answered"
            status = await _deliver(survivor.url, post)
            assert status == 200, place
            return came

        await each(places, killed)
        payment, post = await bought()
        all_of_them.append((payment, "killed as soon as the sender has its 2xx, which is not repeated"))
        async with fresh() as doomed:
            assert await _deliver(doomed.url, post, doomed.process.kill) == 200
            assert await doomed.died()

    for payment, where in all_of_them:
        assert len(await _kept(database, payment)) == 1, where
        assert (await shop.get(payment))["status"] == "open", where
    async with victim("worker", urls.app, simulator, sender.gateway, TIME_SCALE="100"):
        for payment, where in all_of_them:
            trail = await _paid_once(shop, payment, where)
            assert [event["cause"] for event in trail if event["to"] == "paid"] == ["webhook"], where
            await until(partial(_is_applied, database, payment))
            (row,) = await _kept(database, payment)
            assert row["parked_at"] is None, where


async def test_complete_at_a_one_step_gateway_converges_wherever_the_api_is_killed(
    shop: Shop, urls: Urls, simulator: Simulator, api_key: str, clock: MovableClock, size: int
) -> None:
    """Every other time the shop says again that the buyer is done; else nobody does, and the worker finds the money."""
    clock.advance(-HOUR_S // 60 - 1)  # a minute ago: so every attempt is due for its first look

    async def bought() -> tuple[dict[str, Any], dict[str, Any]]:
        payment = await shop.create(**BY_NAME["portone_v2"].order)
        return payment, await shop.buyer_pays(payment, "lost_webhook")

    async def complete(by: Victim, payment: dict[str, Any], browser: dict[str, Any]) -> httpx.Response | None:
        headers = {"Authorization": f"Bearer {api_key}"}
        async with httpx.AsyncClient(base_url=by.url, headers=headers, timeout=WAIT_S) as client:
            try:
                return await Shop(client, simulator, shop.settings).complete(payment, **browser)
            except httpx.HTTPError:
                return None

    def fresh() -> AbstractAsyncContextManager[Victim]:
        return victim("serve", urls.app, simulator, "portone_v2", TIME_SCALE="100")

    async with fresh() as watched:
        undisturbed = await bought()
        watched.record()
        answer = await complete(watched, *undisturbed)
        assert answer is not None
        assert answer.json()["status"] == "paid"
        await watched.quiet()
        places = sample(watched.places(), most=100, size=size)
    assert {place.wire for place in places} == {"Postgres", "gateway", "caller"}
    all_of_them = [(undisturbed[0], "not killed")]

    async with fresh() as survivor:

        async def killed(number: int, place: Place) -> bool:
            payment, browser = await bought()
            all_of_them.append((payment, str(place)))
            async with fresh() as doomed:
                doomed.doom(place)
                answer = await complete(doomed, payment, browser)
                came = await doomed.died()
            if answer is not None or (place.wire == "caller" and place.moment == "after"):
                assert (await shop.get(payment))["status"] == "paid", place
            elif number % 2:
                again = await complete(survivor, payment, browser)
                assert again is not None, place
                assert (again.status_code, again.json()["status"]) == (200, "paid"), place
            return came

        await each(places, killed)

    async with victim("worker", urls.app, simulator, "portone_v2", TIME_SCALE="100"):
        for payment, where in all_of_them:
            await _paid_once(shop, payment, where)
