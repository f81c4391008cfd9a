"""`GET /payments/{id}/events`: the trail, its shape, and its pages."""

from typing import Any

import httpx
import pytest

from tests.api.checks import wrong_fields
from tests.support import Shop


async def _paid(shop: Shop) -> dict[str, Any]:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment))
    return payment


async def test_a_step_says_who_moved_what_and_on_which_evidence(shop: Shop) -> None:
    payment = await _paid(shop)
    trail = await shop.events(payment)
    assert [step["seq"] for step in trail] == [1, 2, 3, 4]
    assert [(step["from"], step["to"]) for step in trail] == [
        (None, "open"),
        ("open", "open"),
        ("open", "processing"),
        ("processing", "paid"),
    ]
    assert trail[0].keys() == {"seq", "at", "cause", "reason", "from", "to", "attempt", "evidence", "hash"}
    assert trail[0]["attempt"] == {"id": payment["attempts"][0]["id"], "from": None, "to": "created"}
    assert trail[0]["evidence"] == {"amount_minor": 24000, "currency": "KRW"}
    assert {step["cause"] for step in trail} == {"api"}
    assert len({step["hash"] for step in trail}) == 4
    assert trail[-1]["evidence"]["gateway"]["totalCharge"] == 24000


@pytest.mark.parametrize("limit", [1, 3, 4, 5])
async def test_pages_tell_the_trail_once_and_in_order(shop: Shop, limit: int) -> None:
    payment = await _paid(shop)
    told: list[Any] = []
    page: dict[str, Any] = {"next_cursor": 0}
    while page["next_cursor"] is not None:
        query = f"limit={limit}&cursor={page['next_cursor']}"
        page = (await shop.client.get(f"/payments/{payment['id']}/events?{query}")).json()
        told += page["data"]
    assert told == await shop.events(payment)


async def test_a_reader_at_the_end_finds_only_what_happened_since(shop: Shop) -> None:
    payment = await shop.create()
    read = len(await shop.events(payment))
    await shop.complete(payment, **await shop.buyer_pays(payment))
    answer = await shop.client.get(f"/payments/{payment['id']}/events?cursor={read}")
    assert [step["reason"] for step in answer.json()["data"]] == ["confirm_requested", "confirmed"]


async def test_a_cursor_beyond_the_end_is_an_empty_page(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.client.get(f"/payments/{payment['id']}/events?cursor=2000000000")
    assert answer.json() == {"data": [], "next_cursor": None}


async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    limits = ["limit=0", "limit=101", "limit=x", "limit=1&limit=2"]
    cursors = [f"cursor={bad}" for bad in ["-1", "x", "", "null", "2000000001", "9" * 20]]
    for query in ["colour=red", *limits, *cursors]:
        with subtests.test(query):
            answer = await client.get(f"/payments/pay_{'0' * 32}/events?{query}")
            assert wrong_fields(answer) == [query.partition("=")[0]]
