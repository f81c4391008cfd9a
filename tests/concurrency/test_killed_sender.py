"""`kill -9` of the worker at its messages to the database while it has something to tell; the next one goes on with it."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count

import pytest

from app.settings import NotificationSettings, Settings
from simulator.server import Simulator
from tests.concurrency.copies import Copy, copied, selling
from tests.concurrency.victims import Place, Victim, each, sample, victim
from tests.flows.notifications.house import endpoint, paid
from tests.support import MovableClock, key
from tests.support.databases import Urls
from tests.support.receiver import Receiver, receiving
from tests.support.settings import settings_for

pytestmark = pytest.mark.long

MOST = 24
OWN = re.compile("outbox|notification|deliver|COMMIT")
"""Messages of the relay and the sender, among all that a worker says."""
TOLD = "SELECT count(*) = 2 FROM notifications WHERE status = 'delivered'"


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    settings = settings_for(urls, simulator)
    return settings.model_copy(update={"notifications": NotificationSettings(allow_private=True)})


async def test_what_a_killed_worker_had_to_tell_is_told_by_the_next(
    urls: Urls, settings: Settings, simulator: Simulator, clock: MovableClock, size: int
) -> None:
    paths = (f"/{number}" for number in count())

    @asynccontextmanager
    async def copy_of(receiver: Receiver) -> AsyncIterator[tuple[Copy, str]]:
        """A database in which two events of a payment wait to be told, to an address of their own."""
        async with copied(urls) as copy:
            path = next(paths)
            url = receiver.url.removesuffix("/events") + path
            await copy.owner.execute("UPDATE notification_endpoints SET url = $1", url)
            yield copy, path

    def worker(copy: Copy) -> AbstractAsyncContextManager[Victim]:
        return victim("worker", copy.url, simulator, "portone_v2", NOTIFICATIONS__ALLOW_PRIVATE="true")

    def check(receiver: Receiver, path: str, where: str) -> None:
        taken = [each for each in receiver.taken if each.path == path]
        assert {each.event["type"] for each in taken} == {"payment.paid", "refund.succeeded"}, where
        assert len({each.body for each in taken}) == 2, where
        assert len(taken) <= 3, f"{where}: what had no answer may come twice, and nothing else"
        first = [each.event["sequence"] for each in taken]
        assert first == sorted(first), where

    async with receiving() as receiver:
        async with selling(settings, simulator, clock) as shop:
            await endpoint(shop, receiver.url)
            payment = await paid(shop)
            answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "x"}, headers=key())
            assert answer.status_code == 201, answer.text
        async with copy_of(receiver) as (copy, path), worker(copy) as watched:
            watched.record()
            await copy.until_so(TOLD, where="not killed")
            check(receiver, path, "not killed")
            places = [place for place in watched.places() if OWN.search(place.name)]
            places = sample(places, most=MOST, size=size)

        async def killed(number: int, place: Place) -> bool:
            async with copy_of(receiver) as (copy, path):
                async with worker(copy) as doomed:
                    doomed.doom(place)
                    came = await doomed.died()
                await copy.owner.execute("UPDATE notification_endpoints SET claimed_until = now()")  # its lease ends
                async with worker(copy):
                    await copy.until_so(TOLD, where=str(place))
                check(receiver, path, str(place))
            return came

        await each(places, killed)
