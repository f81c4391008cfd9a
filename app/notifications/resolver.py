"""Names of endpoints, resolved without a thread: a name whose servers never answer holds up its own endpoints and no other's.

`getaddrinfo` has no deadline and holds a thread until it is done, so that a few dead names take all threads there are. c-ares
(aiodns) waits for any number of names at once and reads what the system's resolver reads: hosts file, servers, search domains.
docs/decisions/0024-the-outbox.md has the numbers.
"""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

LOOK_UP_DEADLINE_S = 8.0
"""How long a look-up may take: less than an attempt, so that the shop reads what is wrong."""

ATTEMPTS: dict[str, Any] = {"tries": 5}
"""How often each server is asked: after a quarter of a second for the first time where answers are quick, then ever later."""

Found = tuple[int, str]
"""The family of an address, and the address."""


class MachinesResolver(AbstractResolver):
    """Asks whom this machine asks. Of one name there is one look-up at a time, and all who want it share that."""

    def __init__(self, servers: Sequence[str] | None = None) -> None:
        """`servers`, as `host:port`, instead of the machine's."""
        self._servers = servers
        self._resolver: aiodns.DNSResolver | None = None
        self._under_way: dict[tuple[str, int], asyncio.Task[list[Found]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses, the best first as RFC 6724 has it. Raises OSError where there is none, or no answer in time."""
        key = (host.lower(), family)
        search = self._under_way.get(key)
        if search is None:
            search = self._under_way[key] = asyncio.create_task(self._ask(host, family))
            search.add_done_callback(lambda done: self._ended(key, done))
        found = await asyncio.shield(search)  # whoever stops waiting leaves it to the others
        return [
            ResolveResult(hostname=host, host=address, port=port, family=of, proto=0, flags=socket.AI_NUMERICHOST)
            for of, address in found
        ]

    async def close(self) -> None:
        """Wait for no name that hangs."""
        for each in list(self._under_way.values()):
            each.cancel()
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None

    async def _ask(self, host: str, family: int) -> list[Found]:
        if self._resolver is None:  # not before: it belongs to the loop that runs
            self._resolver = aiodns.DNSResolver(nameservers=self._servers, **ATTEMPTS)
        try:
            async with asyncio.timeout(LOOK_UP_DEADLINE_S):
                answer = await self._resolver.getaddrinfo(
                    host, family=socket.AddressFamily(family), type=socket.SOCK_STREAM
                )
        except TimeoutError as error:  # aiohttp would take it for its own
            raise OSError(f"no answer within {LOOK_UP_DEADLINE_S:g} s") from error
        except aiodns.error.DNSError as error:
            raise OSError(str(error.args[-1])) from error
        return [(each.family, each.addr[0].decode()) for each in answer.nodes]

    def _ended(self, key: tuple[str, int], done: "asyncio.Task[list[Found]]") -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # seen, also where nobody waits for it any more
