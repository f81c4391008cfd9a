"""A name server on loopback, by UDP: says what a test put into it, and nothing at all about names that begin with `hang`."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_address
from typing import Any

A, AAAA = 1, 28
TTL_S = 0


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """`addresses` of each name, one list after the other, the last one again and again; `otherwise` of any other name."""

    otherwise: str = "127.0.0.1"
    addresses: dict[str, list[list[str]]] = field(default_factory=dict)
    asked: "Counter[tuple[str, int]]" = field(default_factory=Counter)
    """How often for each name and type."""
    port: int = 0

    @property
    def servers(self) -> list[str]:
        """Where it is, as a resolver takes it."""
        return [f"127.0.0.1:{self.port}"]

    def connection_made(self, transport: Any) -> None:
        """It listens."""
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question (RFC 1035, 4.1)."""
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode())
            at += 1 + data[at]
        name, (kind,), end = ".".join(labels).lower(), struct.unpack(">H", data[at + 1 : at + 3]), at + 5
        self.asked[name, kind] += 1
        if name.startswith("hang"):
            return
        answers = self.addresses.get(name, [[self.otherwise]])
        said = answers[min(self.asked[name, kind], len(answers)) - 1]
        found = [ip_address(each) for each in said]
        records = [each.packed for each in found if kind == (A if isinstance(each, IPv4Address) else AAAA)]
        answer = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(records), 0, 0) + data[12:end]
        for each in records:
            answer += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, TTL_S, len(each)) + each
        self._transport.sendto(answer, addr)


@asynccontextmanager
async def serving_names() -> AsyncIterator[NameServer]:
    """A name server on a port of its own."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
