"""Names that hang hold up nobody else's: a real name server on loopback, asked as the machine's own is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from aiohttp.abc import AbstractResolver

from app.domain.schedule import DELIVERY_DEADLINE_S
from app.notifications import resolver
from app.notifications.delivery import Deliverer
from app.notifications.guard import Guard
from app.notifications.model import Delivery
from app.notifications.resolver import LOOK_UP_DEADLINE_S, MachinesResolver
from tests.flows.notifications.test_guard import CLOCK, INSIDE, PUBLIC, connections
from tests.support.name_server import AAAA, A, NameServer, serving_names
from tests.support.receiver import Receiver

HANGING = 100
LEAST_P99_S = 0.1
"""Below it a busy machine says nothing of us."""
SECRET = "whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with serving_names() as server:
        yield server


@asynccontextmanager
async def deliverer(names: AbstractResolver, *, allow_private: bool = True) -> AsyncIterator[Deliverer]:
    guard = Guard(https_only=False, ports={80}, allow_private=allow_private, names=names)
    made = Deliverer(guard)
    try:
        yield made
    finally:
        await made.close()
        await guard.close()


async def deliver(made: Deliverer, host: str, receiver: Receiver) -> Delivery:
    port = urlsplit(receiver.url).port
    return await made.deliver(f"http://{host}:{port}/events", "evt_1", "{}", [SECRET], CLOCK)


async def p99_s(made: Deliverer, receiver: Receiver, tag: str) -> float:
    """Of deliveries to endpoints of as many names, four at a time. The best of three, for the machine does other things, too."""
    return min([await _p99_s(made, receiver, f"{tag}-{number}") for number in range(3)])


async def _p99_s(made: Deliverer, receiver: Receiver, tag: str) -> float:
    took = list[float]()

    async def some(first: int) -> None:
        for number in range(first, 100, 4):
            began = time.perf_counter()
            assert (await deliver(made, f"shop-{tag}-{number}.example", receiver)).is_taken
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(some(first) for first in range(4)))
    return sorted(took)[len(took) * 99 // 100 - 1]


async def test_a_hundred_endpoints_at_names_that_hang_delay_no_other(names: NameServer, receiver: Receiver) -> None:
    async with deliverer(MachinesResolver(names.servers)) as made:
        quiet_s = await p99_s(made, receiver, "quiet")
        hanging = [asyncio.create_task(deliver(made, f"hang-{number}.example", receiver)) for number in range(HANGING)]
        while len({name for name, _ in names.asked if name.startswith("hang")}) < HANGING:  # noqa: ASYNC110  asked by c-ares
            await asyncio.sleep(0.01)
        beside_s = await p99_s(made, receiver, "beside")
        assert not any(each.done() for each in hanging), "measured while they hang"
        for each in hanging:
            each.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        gone_s = await p99_s(made, receiver, "gone")
    assert max(beside_s, gone_s) <= 2 * max(quiet_s, LEAST_P99_S)


async def test_a_name_is_asked_for_once_whoever_wants_it(names: NameServer, receiver: Receiver) -> None:
    machines = MachinesResolver(names.servers)
    for times in (1, 2):
        async with deliverer(machines) as made:
            ended = await asyncio.gather(*(deliver(made, "shop.example", receiver) for _ in range(20)))
        assert all(each.is_taken for each in ended)
        assert (names.asked["shop.example", A], names.asked["shop.example", AAAA]) == (times, times)


async def test_who_stops_waiting_takes_the_answer_from_nobody(names: NameServer) -> None:
    machines = MachinesResolver(names.servers)
    first, second = (asyncio.create_task(machines.resolve("shop.example", port)) for port in (80, 443))
    await asyncio.sleep(0)
    first.cancel()
    (found,) = await second
    assert (found["host"], found["port"], first.cancelled()) == ("127.0.0.1", 443, True)
    await machines.close()


async def test_a_look_up_ends_and_the_next_one_asks_anew(
    names: NameServer, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert LOOK_UP_DEADLINE_S < DELIVERY_DEADLINE_S
    monkeypatch.setattr(resolver, "LOOK_UP_DEADLINE_S", 0.2)
    async with deliverer(MachinesResolver(names.servers)) as made:
        for number in range(2):
            began = time.perf_counter()
            ended = await deliver(made, "hang.example", receiver)
            assert (ended.status, ended.error) == (None, "its name does not resolve")
            assert time.perf_counter() - began < 2
            assert names.asked["hang.example", A] > number
        assert (await deliver(made, "shop.example", receiver)).is_taken


@pytest.mark.parametrize("vector", INSIDE)
async def test_no_answer_of_a_name_server_leads_inside(vector: str, names: NameServer, receiver: Receiver) -> None:
    for answer in ([INSIDE[vector]], [PUBLIC, INSIDE[vector]]):
        names.addresses["rebound.example"] = [answer]
        async with deliverer(MachinesResolver(names.servers), allow_private=False) as made:
            with connections() as heard:
                ended = await made.deliver("http://rebound.example/", "evt_1", "{}", [SECRET], CLOCK)
        assert (ended.error, heard) == ("the URL leads to an address that is not public", [])


async def test_a_name_that_turns_inside_is_refused_at_the_next_connection(
    names: NameServer, receiver: Receiver
) -> None:
    names.addresses["rebound.example"] = [[PUBLIC], ["127.0.0.1"]]
    async with deliverer(MachinesResolver(names.servers), allow_private=False) as made:
        with connections() as heard:
            for error in ("nobody listens there", "the URL leads to an address that is not public"):
                ended = await made.deliver("http://rebound.example/", "evt_1", "{}", [SECRET], CLOCK)
                assert ended.error == error
    assert (heard, receiver.got) == ([PUBLIC], [])
