"""`GET /payments`: keyset pages that lose and repeat nothing, and filters that never mislead."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.api.pagination import cursor
from app.db.database import Database
from app.domain.clock import utc_now
from app.domain.ids import uuid7
from app.settings import Settings
from tests.api.checks import wrong_fields
from tests.api.running import running
from tests.support import MovableClock, Shop, key, order


async def _list(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/payments{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def _walk(client: httpx.AsyncClient, query: str, *, arriving: bool = False) -> list[str]:
    """The ids of all pages, in order; with `arriving`, a payment is created before each further page."""
    found, page = [], await _list(client, f"?{query}")
    while True:
        found += [row["id"] for row in page["data"]]
        if page["next_cursor"] is None:
            return found
        if arriving:
            assert (await client.post("/payments", json=order(), headers=key())).status_code == 201
        page = await _list(client, f"?{query}&cursor={quote(page['next_cursor'])}")


async def _ids(client: httpx.AsyncClient, query: str) -> set[str]:
    return {row["id"] for row in (await _list(client, query))["data"]}


async def test_pages_walk_all_payments_once_newest_first_while_new_ones_arrive(shop: Shop) -> None:
    created = [(await shop.create())["id"] for _ in range(7)]
    assert await _walk(shop.client, "limit=3", arriving=True) == created[::-1]
    assert (await _walk(shop.client, "limit=100"))[-7:] == created[::-1]


@pytest.mark.parametrize("limit", [1, 6, 7, 8])
async def test_a_page_boundary_loses_nothing(shop: Shop, limit: int) -> None:
    created = [(await shop.create())["id"] for _ in range(7)]
    assert await _walk(shop.client, f"limit={limit}") == created[::-1]


async def test_payments_of_one_moment_are_told_apart(settings: Settings, api_key: str) -> None:
    moment = utc_now()
    async with running(settings, lambda: moment, api_key) as client:
        created = [(await client.post("/payments", json=order(), headers=key())).json()["id"] for _ in range(5)]
        assert await _walk(client, "limit=2") == created[::-1]


async def test_no_payments_are_one_empty_page(client: httpx.AsyncClient) -> None:
    assert await _list(client) == {"data": [], "next_cursor": None}


async def test_a_listed_payment_is_the_one_that_is_read(shop: Shop) -> None:
    payment = await shop.create(metadata={"cart": "1"})
    assert (await _list(shop.client))["data"] == [await shop.get(payment)]


async def test_each_filter_narrows(shop: Shop, clock: MovableClock, database: Database) -> None:
    one = await shop.create(order_id="first order", customer={"id": "user 1"})
    clock.advance(100)
    two = await shop.create(customer={"id": "user 2"})
    await shop.complete(two, **await shop.buyer_pays(two))
    three = await shop.create()
    strange = await shop.buyer_pays(three, "unknown_status")
    await shop.complete(three, **strange)
    everything = {one["id"], two["id"], three["id"]}
    assert await _ids(shop.client, "") == everything
    assert await _ids(shop.client, "?order_id=first%20order") == {one["id"]}
    assert await _ids(shop.client, "?order_id=first") == set()
    assert await _ids(shop.client, "?customer=user+1") == {one["id"]}
    assert await _ids(shop.client, "?status=paid") == {two["id"]}
    assert await _ids(shop.client, "?status=review") == set()
    assert await _ids(shop.client, "?gateway=point3") == everything
    assert await _ids(shop.client, "?gateway=other") == set()
    assert await _ids(shop.client, "?needs_attention=true") == {three["id"]}
    assert await _ids(shop.client, "?needs_attention=false") == {one["id"], two["id"]}
    assert await _ids(shop.client, f"?created_from={two['created_at']}") == {two["id"], three["id"]}
    assert await _ids(shop.client, f"?created_before={two['created_at']}") == {one["id"]}
    assert await _ids(shop.client, f"?created_from={two['created_at']}&created_before={three['created_at']}") == {
        two["id"]
    }
    assert await _ids(shop.client, "?status=paid&customer=user+1") == set()


async def test_a_moment_may_come_in_any_zone(shop: Shop) -> None:
    payment = await shop.create()
    created = datetime.fromisoformat(payment["created_at"])
    for zone in ("+09:00", "-03:30", "Z"):
        offset = datetime.fromisoformat(f"2026-01-01T00:00:00{zone}").tzinfo
        text = created.astimezone(offset).isoformat()
        assert await _ids(shop.client, f"?created_from={quote(text)}") == {payment["id"]}
        later = (created + timedelta(microseconds=1)).astimezone(offset).isoformat()
        assert await _ids(shop.client, f"?created_from={quote(later)}") == set()


WRONG: list[tuple[str, str]] = [
    ("colour=red", "colour"),
    ("Status=paid", "Status"),
    ("status=paid&status=open", "status"),
    ("limit=5&limit=5", "limit"),
    ("status=PAID", "status"),
    ("status=", "status"),
    ("status=null", "status"),
    ("needs_attention=null", "needs_attention"),
    ("needs_attention=perhaps", "needs_attention"),
    ("needs_attention=", "needs_attention"),
    *((f"limit={bad}", "limit") for bad in ["0", "101", "-1", "1.5", "ten", "", "null", "%2B5", "9" * 400, "%D9%A5"]),
    *((f"order_id={bad}", "order_id") for bad in ["", "%00", "a%0A", "x" * 129]),
    *((f"customer={bad}", "customer") for bad in ["", "%00", "x" * 101]),
    *((f"gateway={bad}", "gateway") for bad in ["", "Point3", "%00", "point3%0A"]),
    *(
        (f"{name}={bad}", name)
        for name in ("created_from", "created_before")
        for bad in [
            "",
            "yesterday",
            "2026-11-21",
            "2026-11-21T08:30:00",
            "20261121T083000Z",
            "2026-W47-6T08:30:00Z",
            "2026-11-21T08:30Z",
            "2026-13-21T08:30:00Z",
            "2026-11-21T24:30:00Z",
            "2026-11-21T08:30:00+09:00",  # a plus that was not encoded is a space
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00%2B14:00",
            "9999-12-31T23:59:59-14:00",
            "2026-11-21T08:30:00%2B25:00",
            "٢٠٢٦-11-21T08:30:00Z",
            "null",
            "%00",
        ]
    ),
]


async def test_a_wrong_parameter_is_named_and_never_left_out(
    client: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for query, named in WRONG:
        with subtests.test(query[:80]):
            assert wrong_fields(await client.get(f"/payments?{query}")) == [named]


async def test_an_unknown_parameter_is_answered_with_those_that_there_are(client: httpx.AsyncClient) -> None:
    answer = await client.get("/payments?size=big&colour=red&limit=5")
    assert wrong_fields(answer) == ["colour", "size"]
    names = "limit, cursor, order_id, status, gateway, customer, created_from, created_before, needs_attention"
    assert answer.json()["errors"][0]["message"] == f"is no parameter of this call; it takes {names}"


async def test_a_cursor_that_we_did_not_make_is_refused(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    made = cursor(datetime(2026, 11, 21, tzinfo=UTC), uuid7())
    no_clock_shows = "_" * 32
    for text in [
        "",
        "x",
        "null",
        "A" * 31,
        "A" * 33,
        "!" * 32,
        "é" * 16,
        no_clock_shows,
        made + "!",
        made + "=",
        "x" * 101,
    ]:
        with subtests.test(text):
            assert wrong_fields(await client.get("/payments", params={"cursor": text})) == ["cursor"]
    assert (await client.get("/payments", params={"cursor": made})).status_code == 200


async def test_the_first_and_last_moments_that_can_be_written_find_nothing_wrong(client: httpx.AsyncClient) -> None:
    await _list(client, "?created_from=0001-01-01T00:00:00Z&created_before=9999-12-31T23:59:59.999999Z")
