"""Our commands as processes that are killed at a certain message, and the places where they can be killed.

A run without a kill records what was said on each wire. A place is the n-th message of one name, before it is passed on
or once it was answered: so it is the same place in every run, whatever else the process does meanwhile.
"""

import asyncio
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from app.demo.run import accounts
from app.paths import ROOT
from app.ports import free_ports
from simulator.server import Simulator
from tests.concurrency.forked import Forked
from tests.concurrency.messages import HttpNames, PostgresNames
from tests.concurrency.wiretap import Cut, Moment, Wiretap
from tests.support import TLS
from tests.support.settings import SECRET_KEY

WAIT_S = 120
"""For what must come, however busy the machine is."""
MUST_COME_S = 60
"""For the place where a process dies; what takes longer is tried once more."""
MAY_COME_S = 10
"""For what comes in most runs."""
QUIET_S = 0.3
AT_ONCE = 4
"""Victims at one time. Most of the time each waits for something: a lease, a heartbeat, a sweep."""


_WRITES = re.compile(r"[A-Za-z]*[EQ][A-Za-z]* .*\b(INSERT|UPDATE|DELETE) ")
"""Statements that are executed, not only parsed, and may write."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a process dies: at the `number`-th message of this name on this wire."""

    wire: str
    name: str
    number: int
    moment: Moment

    @property
    def has_effect(self) -> bool:
        """Whether what is said there may change something."""
        return self.wire != "Postgres" or bool(_WRITES.match(self.name))

    def __str__(self) -> str:
        return f"killed {self.moment} message {self.number} of its name to the {self.wire}: {self.name[:100]}"


class Victim:
    """One command. Its messages to Postgres, to a gateway and from its callers are counted, and can be where it dies."""

    def __init__(self, wires: Mapping[str, Wiretap], arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self.wires = wires
        self.process = Forked(arguments, environment)
        self._must_come = True

    @property
    def url(self) -> str:
        """Where its callers find it, through the wire."""
        return f"http://127.0.0.1:{self.wires['caller'].port}"

    async def ready(self) -> None:
        """Wait until it serves."""
        async with asyncio.timeout(WAIT_S), httpx.AsyncClient(base_url=self.url, timeout=WAIT_S, verify=TLS) as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.02)

    async def quiet(self) -> None:
        """Wait until it has not said anything for a while."""
        before = -1
        while (said := sum(wire.messages for wire in self.wires.values())) != before:
            before = said
            await asyncio.sleep(QUIET_S)

    def record(self) -> None:
        """Count messages from now on."""
        for wire in self.wires.values():
            wire.messages, wire.is_counting = 0, True
            wire.names.clear()

    def places(self) -> list[Place]:
        """Where it could have been killed since `record`, in the order of each wire."""
        found = []
        for wire, tap in self.wires.items():
            tap.is_counting = False
            seen: Counter[str] = Counter()
            for name in tap.names:
                seen[name] += 1
                found += [Place(wire, name, seen[name], "before"), Place(wire, name, seen[name], "after")]
        return found

    def doom(self, place: Place) -> None:
        """Let it be killed there."""
        self.record()
        self._must_come = place.number == 1
        self.wires[place.wire].cut = Cut(place.number, place.moment, self.process.kill, of=place.name)

    async def died(self) -> bool:
        """Whether it came to the place where it was to be killed. It is gone in any case when this returns."""
        try:
            return await self.process.ended(MUST_COME_S if self._must_come else MAY_COME_S) == -signal.SIGKILL
        except TimeoutError:
            self.process.kill()
            await self.process.ended(WAIT_S)
            return False


def environment_of(database_url: str, simulator: Simulator, gateway: str, **settings: str) -> dict[str, str]:
    """The variables of a process that knows one gateway; `settings` are more of them."""
    own = f"ONETILL_{gateway.upper()}__"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")}
    environment |= {name: value for name, value in accounts(simulator).items() if name.startswith(own)}
    return environment | {
        "PYTHONPATH": str(ROOT),
        "ONETILL_DATABASE_URL": database_url,
        "ONETILL_SECRET_KEY": SECRET_KEY,
        "ONETILL_LOG_LEVEL": "error",
        **{f"ONETILL_{name}": value for name, value in settings.items()},
    }


@asynccontextmanager
async def victim(
    command: str, database_url: str, simulator: Simulator, gateway: str, **settings: str
) -> AsyncIterator[Victim]:
    """`onetill serve` or `onetill worker` for one gateway, with its wires tapped; `settings` are more variables."""
    database, port = urlsplit(database_url).port, free_ports()
    far = urlsplit(simulator.gateways[gateway]["base_url"]).port
    assert database is not None
    assert far is not None
    async with (
        Wiretap(database, PostgresNames) as postgres,
        Wiretap(far, HttpNames) as at_gateway,
        Wiretap(port, HttpNames) as caller,
    ):
        tapped = database_url.replace(f":{database}/", f":{postgres.port}/")
        environment = environment_of(tapped, simulator, gateway, **settings) | {
            f"ONETILL_{gateway.upper()}__BASE_URL": f"http://127.0.0.1:{at_gateway.port}"
        }
        arguments = [command, "--port", str(port)] if command == "serve" else [command]
        found = Victim({"Postgres": postgres, "gateway": at_gateway, "caller": caller}, arguments, environment)
        try:
            if command == "serve":
                await found.ready()
            yield found
        finally:
            found.process.kill()
            await found.process.ended(WAIT_S)


async def until(condition: Callable[[], Awaitable[object]], pause_s: float = 0.02) -> None:
    """Ask until it says yes. Raises TimeoutError after WAIT_S."""
    async with asyncio.timeout(WAIT_S):
        while True:
            if await condition():
                return
            await asyncio.sleep(pause_s)


def sample(
    places: Sequence[Place], most: int, size: int, *, every_effect: bool = False, known: Collection[str] = ()
) -> list[Place]:
    """Every message by its name once, the first and the last of each wire, and evenly up to `most` of all places.

    What writes, and what is said to a gateway or by a caller, is cut on both sides, with `every_effect` each time that it is
    said; a read, if there is no room for both, on one: nobody outside can tell them apart. Reads of a name that is `known`
    are cut elsewhere. At a `size` above 1 every place is taken. Prints how many were.
    """
    if size > 1:
        print(f"all {len(places)} places taken")
        return list(places)
    new = [place for place in places if place.has_effect or place.name not in known]
    kept = {place for place in new if place.has_effect and (every_effect or place.number == 1)}
    for wire in {place.wire for place in new}:
        own = [place for place in new if place.wire == wire]
        kept |= {own[0], own[-1]}
    reads = {place.name: place for place in new if place.number == 1 and not place.has_effect}
    kept |= {replace(place, moment=("before", "after")[at % 2]) for at, place in enumerate(reads.values())}
    others = [place for place in new if place not in kept]
    room = min(max(0, most - len(kept)), len(others))
    kept |= {others[i * len(others) // room] for i in range(room)}
    names = {(place.wire, place.name) for place in places}
    elsewhere = f", {len(places) - len(new)} more elsewhere" if len(new) < len(places) else ""
    print(f"{len(kept)} of {len(places)} places taken{elsewhere}, with all of the {len(names)} different messages")
    return [place for place in places if place in kept]


async def each(places: Sequence[Place], run: Callable[[int, Place], Awaitable[bool]]) -> None:
    """Run every place, a few at a time. `run` says whether the process came to its place.

    It must come to the first message of every name, but for claims of due rows: the look at an attempt may carry its refund
    out before the refund's own lane sees it due. How often it says the same again may differ from run to run.
    """
    free = asyncio.Semaphore(AT_ONCE)

    async def one(number: int, place: Place) -> bool:
        async with free:
            return await run(number, place)

    async with asyncio.TaskGroup() as group:
        runs = [group.create_task(one(number, place)) for number, place in enumerate(places)]
    came = [done.result() for done in runs]
    for number, place in enumerate(places):
        came[number] = came[number] or (_must_come(place) and await run(number, place))
    missed = [place for place, done in zip(places, came, strict=True) if not done]
    print(f"{len(places) - len(missed)} of {len(places)} were killed where they should be")
    print(*(f"not {place}" for place in missed), sep="\n")
    assert not [place for place in missed if _must_come(place)]
    assert len(missed) <= len(places) // 4, "too many were not killed at all"


def _must_come(place: Place) -> bool:
    return place.number == 1 and "SET claimed_until" not in place.name
