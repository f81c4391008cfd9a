"""The HTTP seam itself: what only it can be asked, below every adapter."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from app.domain.errors import GatewayError, GatewayTimeout, GatewayUnavailable
from app.gateways.breaker import FAILURES
from app.gateways.http import MAX_BODY_BYTES, GatewayHttp, HttpAnswer
from tests.contract import faulty_server as faults
from tests.contract.fault_contract import LEEWAY_S
from tests.contract.faulty_server import FaultyServer, answers, in_turn
from tests.unit.captured_logs import CapturedLogs, capture_logs

HEADERS = {"Authorization": "Basic s3cret-value", "Accept": "application/json"}


@pytest.fixture
async def server() -> AsyncIterator[FaultyServer]:
    async with FaultyServer(answers(200, b"fine")) as server:
        yield server


@pytest.fixture
async def http(server: FaultyServer) -> AsyncIterator[GatewayHttp]:
    http = GatewayHttp("acmepay", server.url, deadline_s=2.0, connections=1)
    yield http
    await http.close()


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    with capture_logs("debug") as captured:
        yield captured


async def get(http: GatewayHttp, path: str = "/status") -> HttpAnswer:
    return await http.request("fetch_payment", "GET", path, headers=HEADERS)


async def test_an_answer_is_its_status_and_its_bytes(http: GatewayHttp, server: FaultyServer) -> None:
    assert await get(http) == HttpAnswer(200, b"fine")
    for status in (201, 204, 302, 404, 418, 500, 503):
        server.behave = answers(status, b"")
        assert (await get(http)).status == status


async def test_what_goes_out_is_what_was_given_and_nothing_that_tells_more(
    http: GatewayHttp, server: FaultyServer
) -> None:
    await http.request("confirm", "POST", "/purchase/confirm", headers=HEADERS, body=b'{"signature":"s"}')
    (sent,) = server.arrived
    assert (sent.method, sent.target, sent.body) == ("POST", "/purchase/confirm", b'{"signature":"s"}')
    assert sent.headers["authorization"] == "Basic s3cret-value"
    assert sent.headers["user-agent"] == "onetill"
    assert "cookie" not in sent.headers


@pytest.mark.parametrize("path", ["/a%2Fb", "/a%2fb", "/a+b%20c", "/a?d=1%2F2&e=", "/%ED%95%9C", "/a;b,c@d:e"])
async def test_a_path_is_sent_as_it_is(http: GatewayHttp, server: FaultyServer, path: str) -> None:
    await get(http, path)
    assert server.arrived[0].target == path


async def test_a_base_url_may_have_a_path_of_its_own(server: FaultyServer) -> None:
    http = GatewayHttp("acmepay", f"{server.url}/v1/", deadline_s=2.0, connections=1)
    await get(http, "/status")
    await http.close()
    assert server.arrived[0].target == "/v1/status"


async def test_a_gateways_cookies_are_not_kept(http: GatewayHttp, server: FaultyServer) -> None:
    server.behave = answers(200, b"", headers="Set-Cookie: session=1\r\n")
    await get(http)
    await get(http)
    assert "cookie" not in server.arrived[1].headers


async def test_a_connection_is_used_again(http: GatewayHttp, server: FaultyServer) -> None:
    await asyncio.gather(*(get(http) for _ in range(20)))
    assert server.accepted == 1


async def test_a_body_may_have_exactly_a_megabyte(http: GatewayHttp, server: FaultyServer) -> None:
    server.behave = answers(200, b"x" * MAX_BODY_BYTES)
    assert len((await get(http)).body) == MAX_BODY_BYTES
    server.behave = answers(200, b"x" * (MAX_BODY_BYTES + 1))
    with pytest.raises(GatewayTimeout):
        await get(http)


async def test_who_finds_no_free_connection_in_time_was_never_sent(http: GatewayHttp, server: FaultyServer) -> None:
    server.behave = faults.hangs
    first = asyncio.create_task(get(http))
    await server.has_got(1)
    http.deadline_s = 0.1
    with pytest.raises(GatewayUnavailable):
        await get(http)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(server.arrived) == 1


@pytest.mark.parametrize("fault", [faults.drips_the_head, faults.drips_the_body], ids=lambda fault: fault.__name__)
async def test_the_deadline_is_a_total_and_not_a_pause_between_bytes(
    http: GatewayHttp, server: FaultyServer, fault: faults.Behaviour
) -> None:
    server.behave = fault
    http.deadline_s = 0.2
    started = time.monotonic()
    with pytest.raises(GatewayTimeout):
        await get(http)
    assert 0.15 < time.monotonic() - started < LEEWAY_S


async def test_after_a_fault_the_next_call_works(http: GatewayHttp, server: FaultyServer) -> None:
    for fault in (faults.resets_in_the_body, faults.sends_too_much, faults.speaks_no_http, faults.cuts_the_body):
        server.behave = in_turn(fault, answers(200, b"fine"))
        with pytest.raises(GatewayTimeout):
            await get(http)
        assert (await get(http)).body == b"fine"


async def test_a_secret_with_a_line_break_in_it_reaches_nobody(http: GatewayHttp, server: FaultyServer) -> None:
    with pytest.raises(GatewayError):
        await http.request("fetch_payment", "GET", "/", headers={"Authorization": "Basic two\r\nlines"})
    assert server.arrived == []


async def test_the_error_names_the_gateway_and_nothing_of_the_call(http: GatewayHttp, server: FaultyServer) -> None:
    server.behave = faults.speaks_no_http
    with pytest.raises(GatewayTimeout) as lost:
        await get(http, "/api/payments/sig12345")
    assert lost.value.details == {"gateway": "acmepay"}
    # The client's own error carries the URL: it must not travel along, not even as a cause.
    assert lost.value.__cause__ is None
    assert lost.value.__suppress_context__


async def test_each_call_is_one_line_that_tells_how_it_went(
    http: GatewayHttp, server: FaultyServer, captured: CapturedLogs
) -> None:
    await get(http, "/api/payments/sig12345?user=minji")
    server.behave = faults.closes
    with pytest.raises(GatewayTimeout):
        await get(http, "/api/payments/sig12345")
    good, bad = captured.lines()
    assert (good["event"], good["gateway"], good["operation"]) == ("gateway_call", "acmepay", "fetch_payment")
    assert (good["outcome"], bad["outcome"]) == (200, "ServerDisconnectedError")
    assert good["took_ms"] >= 0
    for hidden in ("sig12345", "minji", "s3cret-value"):
        assert hidden not in captured.text


async def test_closing_is_harmless_before_any_call_and_twice() -> None:
    http = GatewayHttp("acmepay", "http://127.0.0.1:1", deadline_s=0.1, connections=1)
    await http.close()
    await http.close()


async def test_a_wait_for_our_own_connections_is_bounded_and_no_ill_health(server: FaultyServer) -> None:
    """One connection, held by a slow answer: the others were never sent, and the gateway is well (law 15)."""
    http = GatewayHttp("acmepay", server.url, deadline_s=1.0, connections=1)
    held, release = asyncio.Event(), asyncio.Event()

    async def slow(writer: asyncio.StreamWriter) -> None:
        held.set()
        await release.wait()
        await answers(200, b"fine")(writer)

    server.behave = slow
    first = asyncio.create_task(get(http))
    await held.wait()
    started = time.monotonic()
    waiting = await asyncio.gather(*(get(http) for _ in range(2 * FAILURES)), return_exceptions=True)
    assert [type(each) for each in waiting] == [GatewayUnavailable] * (2 * FAILURES)
    assert 0.4 <= time.monotonic() - started < 0.5 + LEEWAY_S
    assert not http.breaker.is_open
    assert len(server.arrived) == 1
    release.set()
    assert (await first).body == b"fine"
    assert (await get(http)).body == b"fine", "the place is free again"
    await http.close()
