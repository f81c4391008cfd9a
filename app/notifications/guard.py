"""What keeps a shop's URL from leading into our own network (SSRF): one transport for every call to an endpoint.

A name is resolved once and its addresses are judged. The address for which a socket is made is judged again: no way of writing
one and no second answer of a name server goes round that. Redirects are not followed, nothing is read from the environment, no
cookie is kept. Sources: IANA's special-purpose address registries (RFC 6890), RFC 3056 (6to4), RFC 4380 (Teredo), RFC 6052
(NAT64); the host parser of the WHATWG's URL standard (a host that ends in a number is an IPv4 address).
"""

import asyncio
import re
import socket
from collections.abc import Iterable
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohappyeyeballs import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler

from app.notifications.resolver import MachinesResolver
from app.setting_types import PRIVATE

Address = IPv4Address | IPv6Address

NO_LIMIT = 0
"""Of the pool: whoever waited for a place would wait for those that hang. What is under way is limited by endpoint."""

RESOLVED_WITHIN_S = 3.0
"""Who makes an endpoint waits so long for what its name leads to."""

KEPT_OPEN_S = 2.0
"""How long an idle connection is kept: shorter than servers keep theirs, so that none is closed under a request."""

MOST_READ_BYTES = 32_768
"""Of one answer, with its head and all around it."""

_INTERNET = IPv6Network("2000::/3")
"""The only IPv6 that anybody is given."""
_CLOSED = tuple(
    ip_network(each)
    for each in ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16")
)
"""Public by its form, and yet nobody's server: tunnels that carry an IPv4 address inside, and examples."""
_METADATA = frozenset(
    ip_address(each) for each in ("100.100.100.200", "168.63.129.16", "fd00:ec2::23", "fd00:ec2::254", "fd20:ce::254")
)
"""Clouds hand out credentials there, in the midst of private networks or of public ones; 169.254/16 is closed as a whole."""
_NUMBER = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\.?\Z", re.IGNORECASE)


class Refused(OSError):
    """Nothing is sent there. The text says why, goes on after "the URL", and is for the shop."""


class Guard:
    """What the settings allow. Its methods raise Refused for what they do not."""

    def __init__(
        self,
        *,
        https_only: bool,
        ports: Iterable[int],
        allow_private: bool,
        private_networks: Iterable[str] = (),
        names: AbstractResolver | None = None,
    ) -> None:
        """`names` resolves names; by default the machine's own resolver does."""
        self._https_only = https_only
        self._ports = frozenset(ports)
        self._private = PRIVATE if allow_private else tuple(map(ip_network, private_networks))
        self._resolver = _Resolver(self, names or MachinesResolver())

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()

    async def check(self, url: str) -> None:
        """Judge a URL with what its name leads to now. One that does not resolve yet may come later."""
        parts = self.check_url(url)
        try:
            async with asyncio.timeout(RESOLVED_WITHIN_S):
                await self._resolver.resolve(parts.hostname or "", _port(parts))
        except Refused:
            raise
        except (OSError, TimeoutError, UnicodeError):
            return

    def check_url(self, url: str) -> SplitResult:
        """Judge a URL by its text alone."""
        try:
            parts = urlsplit(url)
            port = _port(parts)
        except ValueError as error:
            raise Refused("is not a URL") from error
        host = parts.hostname or ""
        if parts.scheme not in ({"https"} if self._https_only else {"https", "http"}):
            raise Refused("must be an https URL" if self._https_only else "must be an http or https URL")
        if not host or not url.isascii() or not url.isprintable() or set(url) & set("\\ "):
            raise Refused("is not a URL of printable ASCII with a host (write international names as xn--…)")
        if "@" in parts.netloc:
            raise Refused("must not name a user")
        if "%" in parts.netloc:
            raise Refused("must not name a network zone, nor encode its host")
        if "#" in url:
            raise Refused("must not have a fragment")
        literal = _literal(host)
        if literal is None and (":" in host or _NUMBER.match(host.rstrip(".").rpartition(".")[2])):
            raise Refused("must write an address as four decimal numbers, or as IPv6 in brackets")
        if literal is not None:
            self.check_address(str(literal), port)
        elif port not in self._ports and not self._private:
            raise self._port_refused(port)
        return parts

    def check_address(self, host: str, port: int) -> None:
        """Judge where a connection would go. Private addresses, where they are allowed, may have any port."""
        address = _literal(host)
        if address is not None and is_public(address):
            if port not in self._ports:
                raise self._port_refused(port)
        elif address is None or not _within(address, self._private) or not _is_private(address):
            raise Refused("leads to an address that is not public")

    def open_session(self) -> aiohttp.ClientSession:
        """A session for endpoints alone."""
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            socket_factory=self._socket,
            use_dns_cache=False,
            limit=NO_LIMIT,
            keepalive_timeout=KEPT_OPEN_S,
        )
        connector._factory = partial(_Bounded, asyncio.get_running_loop())  # type: ignore[assignment]  # a kind of it
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"User-Agent": "onetill", "Accept": "*/*"},
            skip_auto_headers=("Accept-Encoding",),
        )

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for this address and no other: whatever led here, it is judged last of all."""
        family, kind, protocol, _, where = info
        self.check_address(str(where[0]), int(where[1]))
        return socket.socket(family, kind, protocol)

    def _port_refused(self, port: int) -> Refused:
        return Refused(f"names port {port}; allowed are {', '.join(map(str, sorted(self._ports)))}")


def is_public(address: Address) -> bool:
    """Whether anybody on the Internet may be reached there."""
    if isinstance(address, IPv6Address) and (address not in _INTERNET or address.scope_id is not None):
        return False
    is_closed = address in _METADATA or _within(address, _CLOSED)
    return address.is_global and not address.is_multicast and not address.is_reserved and not is_closed


def _is_private(address: Address) -> bool:
    is_zoned = isinstance(address, IPv6Address) and address.scope_id is not None
    return _within(address, PRIVATE) and address not in _METADATA and not is_zoned


def _within(address: Address, networks: Iterable[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]  # of either family


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _port(parts: SplitResult) -> int:
    """Raises ValueError for what is no port."""
    return (443 if parts.scheme == "https" else 80) if parts.port is None else parts.port


class _Bounded(ResponseHandler):
    """A connection that reads so much of an answer, in all, and leaves the rest to the deadline.

    aiohttp bounds what it keeps and not what it reads: it takes endless `103` answers, or the text behind a chunk's size, without
    letting anybody else have a turn.
    """

    _read = 0

    def set_response_params(self, **how: Any) -> None:
        """Another answer begins."""
        self._read = 0
        super().set_response_params(**how)

    def data_received(self, data: bytes) -> None:
        """As it comes, up to the bound."""
        left = MOST_READ_BYTES - self._read
        self._read += len(data)
        if left > 0:
            super().data_received(data[:left])
        elif self.transport is not None:
            self.force_close()
            self.transport.pause_reading()


class _Resolver(AbstractResolver):
    """Resolves, and judges."""

    def __init__(self, guard: Guard, names: AbstractResolver) -> None:
        self._guard = guard
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of a host. A name that leads to both kinds is nobody's shop."""
        found = await self._names.resolve(host, port, family)
        for each in found:
            self._guard.check_address(each["host"], port)
        return found

    async def close(self) -> None:
        """Close the resolver below."""
        await self._names.close()
