"""No address inside is reached by a shop's URL, however it is written and whatever its name leads to: no socket connects (SSRF).

What connects is heard by Python's own audit events, below every library. `example` names lead where the test says.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from app.notifications.delivery import Deliverer
from app.notifications.guard import Guard, Refused
from app.notifications.model import Delivery
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import wrong_fields
from tests.flows.notifications.house import endpoint
from tests.support import Shop
from tests.support.databases import Urls
from tests.support.receiver import Receiver
from tests.support.settings import settings_for

CLOCK = datetime(2026, 11, 28, tzinfo=UTC)
PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"

INSIDE = {
    "loopback": "127.0.0.1", "loopback, its end": "127.255.255.254", "loopback 6": "::1",
    "private 10": "10.0.0.1", "private 172": "172.16.0.1", "private 172, its end": "172.31.255.255",
    "private 192": "192.168.1.1", "unique local 6": "fd12:3456:789a::1",
    "link-local": "169.254.1.1", "link-local 6": "fe80::1", "site-local 6": "fec0::1",
    "metadata": "169.254.169.254", "metadata 6": "fd00:ec2::254", "metadata, elsewhere": "100.100.100.200",
    "metadata of pods": "fd00:ec2::23", "metadata 6, elsewhere": "fd20:ce::254", "metadata in public": "168.63.129.16",
    "shared 100.64/10": "100.64.0.1", "shared, its end": "100.127.255.255",
    "benchmarks 198.18/15": "198.18.0.1", "benchmarks, their end": "198.19.255.255",
    "reserved 240/4": "240.0.0.1", "broadcast": "255.255.255.255", "this network 0/8": "0.0.0.1", "0/8, its end": "0.255.255.255",
    "unspecified": str(IPv4Address(0)), "unspecified 6": "::", "multicast": "224.0.0.1", "multicast 6": "ff02::1",
    "protocols 192.0.0/24": "192.0.0.8", "documentation": "192.0.2.1", "documentation 6": "2001:db8::1",
    "documentation 6, new": "3fff::1", "discard 6": "100::1", "relay of 6to4": "192.88.99.1",
    "mapped": "::ffff:127.0.0.1", "mapped private": "::ffff:10.0.0.1", "mapped public": f"::ffff:{PUBLIC}",
    "compatible": "::127.0.0.1", "translated": "::ffff:0:127.0.0.1",
    "6to4": "2002:7f00:1::", "6to4 private": "2002:a00:1::1", "NAT64": "64:ff9b::7f00:1", "NAT64 local": "64:ff9b:1::a00:1",
    "Teredo": "2001:0:4136:e378:8000:63bf:80ff:fffe", "ORCHID": "2001:20::1", "segment routing": "5f00::1",
}  # fmt: skip
"""Addresses that nothing is sent to."""

SPELLED = {
    "decimal": "http://2130706433/", "decimal, with a dot": "http://2130706433./", "octal": "http://0177.0.0.1/",
    "octal, whole": "http://017700000001/", "hexadecimal": "http://0x7f000001/", "hexadecimal parts": "http://0x7f.0.0.0x1/",
    "short": "http://127.1/", "shorter": "http://127.0.1/", "zero": "http://0/", "leading zeros": "http://127.0.0.01/",
    "a dot behind": "http://127.0.0.1./", "too large": "http://4294967297/", "many digits": "http://00000000000000177.0.0.1/",
    "full width": "http://１２７.０.０.１/", "circled": "http://①②⑦.0.0.1/", "ideographic dots": "http://127。0。0。1/",
    "encoded": "http://127%2e0%2e0%2e1/", "encoded digits": "http://%31%32%37.0.0.1/",
    "zoned": "http://[fe80::1%25lo]/", "zoned, bare": "http://[fe80::1%lo]/", "zoned loopback": "http://[::1%25lo]/",
    "long 6": "http://[0:0:0:0:0:0:0:1]/", "future": "http://[v1.127]/", "no bracket": "http://::1/",
    "a user": "http://shop.example@127.0.0.1/", "a user of a name": "http://user:secret@public.example/",
    "a user, empty": "http://@public.example/", "a backslash": "http://public.example\\@127.0.0.1/",
    "a tab": "http://127.0.0.1\t/", "a line": "http://127.0.0.1\r\nhost: x/", "a blank": "http://public.example /",
    "a fragment": "http://public.example/#@127.0.0.1/", "no host": "http:///events", "one slash": "http:/127.0.0.1/",
    "another scheme": "ftp://public.example/", "gopher": "gopher://127.0.0.1:6379/_x", "a file": "file:///etc/passwd",
    "a socket": "unix:///var/run/docker.sock", "no scheme": "//127.0.0.1/", "a port of ours": "http://public.example:5432/",
    "a port of mail": "http://public.example:25/", "port 0": "http://public.example:0/", "a wide port": "http://public.example:99999/",
    "a port of an address": f"http://{PUBLIC}:6379/",
}  # fmt: skip
"""URLs that are refused for what is written there."""

VECTORS = {name: f"http://[{each}]/" if ":" in each else f"http://{each}/" for name, each in INSIDE.items()} | SPELLED


class Names(AbstractResolver):
    """A name server: says one list of addresses after the other, the last one again and again."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=10 if ":" in each else 2, proto=6, flags=4)
            for each in found
        ]

    async def close(self) -> None:
        pass


_heard: list[list[str]] = []


def _hear(event: str, details: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _heard:
        where = str(details[1][0])
        _heard[-1].append(where)
        if where in {PUBLIC, PUBLIC_6}:
            raise ConnectionRefusedError("a test calls nobody outside")


sys.addaudithook(_hear)


@contextmanager
def connections() -> Iterator[list[str]]:
    """The addresses to which anything connects meanwhile."""
    _heard.append([])
    yield _heard[-1]
    _heard.pop()


async def delivered(url: str, names: Names | None = None, *, allow_private: bool = False) -> Delivery:
    guard = Guard(https_only=False, ports={80, 443}, allow_private=allow_private, names=names)
    deliverer = Deliverer(guard)
    try:
        return await deliverer.deliver(url, "evt_1", "{}", ["whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTA="], CLOCK)
    finally:
        await deliverer.close()
        await guard.close()


@pytest.mark.parametrize("vector", VECTORS)
async def test_no_url_leads_inside(vector: str) -> None:
    with connections() as made:
        ended = await delivered(VECTORS[vector], Names([PUBLIC]))
    assert ended.error is not None
    assert ended.error.startswith("the URL "), ended
    assert (made, ended.status) == ([], None)


@pytest.mark.parametrize("vector", INSIDE)
async def test_no_name_leads_inside(vector: str) -> None:
    for answers in ([INSIDE[vector]], [PUBLIC, INSIDE[vector]], [INSIDE[vector], PUBLIC]):
        names = Names(answers)
        with connections() as made:
            ended = await delivered("http://rebound.example/", names)
        assert ended.error == "the URL leads to an address that is not public"
        assert (made, names.asked) == ([], 1)


@pytest.mark.parametrize("address", [PUBLIC, PUBLIC_6])
async def test_a_public_address_is_connected_to_and_nothing_else(address: str) -> None:
    """What the vectors are measured by: a good one gets as far as the socket, by its name and as it stands."""
    for url in ("http://shop.example/", f"http://[{address}]/" if ":" in address else f"http://{address}/"):
        with connections() as made:
            ended = await delivered(url, Names([address]))
        assert (made, ended.error) == ([address], "nobody listens there")


async def test_a_name_that_changes_between_check_and_connect_leads_nowhere_else() -> None:
    """Rebinding: the address that was judged is the one that is connected to; a name that turned inside is refused."""
    inside = Names([PUBLIC], ["127.0.0.1"])
    guard = Guard(https_only=False, ports={80}, allow_private=False, names=inside)
    with connections() as made:
        await guard.check("http://rebound.example/")
        deliverer = Deliverer(guard)
        ended = await deliverer.deliver("http://rebound.example/", "evt_1", "{}", [], CLOCK)
        await deliverer.close()
    assert (made, ended.error) == ([], "the URL leads to an address that is not public")
    turning = Names([PUBLIC], ["127.0.0.1"], ["127.0.0.1"])
    with connections() as made:
        await delivered("http://rebound.example/", turning)
    assert (made, turning.asked) == ([PUBLIC], 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0177.0.0.1", "0"])
async def test_the_socket_judges_what_no_resolver_is_asked_for(host: str, receiver: Receiver) -> None:
    """aiohttp asks no resolver for digits and dots. Without the check of the text, the socket is still the last word."""
    port = urlsplit(receiver.url).port or 0
    async with Guard(https_only=False, ports={port}, allow_private=False).open_session() as session:
        with connections() as made, pytest.raises(aiohttp.ClientError) as caught:
            await session.post(f"http://{host}:{port}/events", data=b"{}")
    assert (made, receiver.got) == ([], [])
    assert isinstance(caught.value, aiohttp.InvalidURL) or isinstance(caught.value.__cause__, Refused)


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answer = lambda _: web.Response(
        status=307, headers={"Location": "http://169.254.169.254/latest/meta-data"}
    )
    with connections() as made:
        ended = await delivered(receiver.url, allow_private=True)
    assert (ended.status, ended.is_taken, made, len(receiver.got)) == (307, False, ["127.0.0.1"], 1)


@pytest.mark.parametrize(
    "where",
    [*(name for name in INSIDE if name.startswith("metadata")), "link-local", "multicast", "6to4", "NAT64"],
)
async def test_metadata_and_tunnels_stay_closed_where_private_addresses_are_allowed(where: str) -> None:
    with connections() as made:
        ended = await delivered("http://rebound.example/", Names([INSIDE[where]]), allow_private=True)
        assert ended.error == "the URL leads to an address that is not public"
        ended = await delivered(VECTORS[where], allow_private=True)
        assert ended.error == "the URL leads to an address that is not public"
    assert made == []


async def test_private_networks_are_open_one_by_one(receiver: Receiver) -> None:
    """Any port of those that are named, nothing else inside, and no metadata in their midst."""
    networks = ["127.0.0.1/32", "100.64.0.0/10", "fd00:ec2::/64"]
    guard = Guard(
        https_only=False, ports={80}, allow_private=False, private_networks=networks, names=Names(["127.0.0.1"])
    )
    deliverer = Deliverer(guard)
    port = urlsplit(receiver.url).port
    for host in ("127.0.0.1", "beside.example"):
        assert (await deliverer.deliver(f"http://{host}:{port}/events", "evt_1", "{}", [], CLOCK)).is_taken
    guard.check_address("100.64.0.1", 9999)
    guard.check_address("fd00:ec2::1", 9999)
    with connections() as made:
        for name, address in INSIDE.items():
            if address not in {"127.0.0.1", "100.64.0.1", "100.127.255.255"}:
                ended = await deliverer.deliver(VECTORS[name], "evt_1", "{}", [], CLOCK)
                assert ended.error == "the URL leads to an address that is not public", name
        with pytest.raises(Refused, match="port 9999"):
            guard.check_address(PUBLIC, 9999)
    assert made == []
    await deliverer.close()
    await guard.close()


async def test_live_mode_sends_by_https_only() -> None:
    guard = Guard(https_only=True, ports={80, 443}, allow_private=False, names=Names([PUBLIC]))
    with pytest.raises(Refused, match="https"):
        guard.check_url("http://shop.example/")
    await guard.check("https://shop.example/")


class TestByTheApi:
    """Refused when the endpoint is made, so that the developer reads why."""

    @pytest.fixture
    def settings(self, urls: Urls, simulator: Simulator) -> Settings:
        return settings_for(urls, simulator)

    async def test_every_vector_is_refused(self, shop: Shop) -> None:
        for vector, url in VECTORS.items():
            with connections() as made:
                answer = await shop.client.post("/notification-endpoints", json={"url": url})
            assert wrong_fields(answer) == ["url"], vector
            assert not [each for each in made if each != "127.0.0.1"], vector
        assert (await shop.client.get("/notification-endpoints")).json()["data"] == []

    async def test_a_name_of_this_machine_is_refused_now_and_later(self, shop: Shop) -> None:
        answer = await shop.client.post("/notification-endpoints", json={"url": "http://localhost/"})
        assert wrong_fields(answer) == ["url"]
        made = await endpoint(shop, "https://not-there-yet.invalid/")
        answer = await shop.client.patch(f"/notification-endpoints/{made['id']}", json={"url": "http://127.0.0.1/"})
        assert wrong_fields(answer) == ["url"]
