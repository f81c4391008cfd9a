from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest

from .driver import Driver

FIELDS = {
    "signature",
    "orderIdFromClient",
    "totalCharge",
    "vat",
    "taxFreeAmount",
    "status",
    "clientGeneratedUserId",
    "purchasingProductName",
    "createdAt",
    "confirmedAt",
    "cancelledAt",
}


def korean_now(**shift: int) -> str:
    return (datetime.now(ZoneInfo("Asia/Seoul")) + timedelta(**shift)).strftime("%Y-%m-%dT%H:%M:%S")


async def test_a_look_up_shows_the_payment_with_korean_times(sim: Driver) -> None:
    signature = await sim.paid(total=12_000, vat=1_000, taxFreeAmount=11_000)
    shown = (await sim.look(signature)).json()["result"]
    assert set(shown) == FIELDS
    assert shown["signature"] == signature
    assert (shown["orderIdFromClient"], shown["clientGeneratedUserId"]) == ("order1", "user1")
    assert (shown["totalCharge"], shown["vat"], shown["taxFreeAmount"]) == (12_000, 1_000, 11_000)
    assert shown["status"] == "WIDGET_DONE"
    assert korean_now(seconds=-10) <= shown["createdAt"] <= korean_now()
    assert (shown["confirmedAt"], shown["cancelledAt"]) == (None, None)


async def test_a_signature_must_be_percent_encoded(sim: Driver) -> None:
    signature = await sim.paid()
    assert {"+", "/", "="} <= set(signature)
    assert (await sim.http.get(f"/api/payments/{quote(signature, safe='')}")).status_code == 200
    assert (await sim.http.get(f"/api/payments/{quote(signature, safe='').lower()}")).status_code == 404
    assert (await sim.http.get(f"/api/payments/{signature}")).status_code == 404
    assert (await sim.http.get(f"/api/payments/{quote(quote(signature, safe=''), safe='')}")).status_code == 404


async def test_an_unknown_signature_is_404_with_the_envelope(sim: Driver) -> None:
    answer = await sim.look("nobody's")
    assert answer.status_code == 404
    assert answer.json() == {"statusCode": 404, "message": "payment not found"}


async def test_an_unknown_order_id_is_an_empty_list(sim: Driver) -> None:
    assert await sim.by_order("nobody's") == []


async def test_a_session_nobody_paid_is_listed_without_a_signature(sim: Driver) -> None:
    await sim.token()
    (shown,) = await sim.by_order()
    assert (shown["signature"], shown["status"], shown["totalCharge"]) == (None, "TOKEN_ISSUED", 12_000)


async def test_an_order_id_with_reserved_characters_is_one_segment(sim: Driver) -> None:
    await sim.token("2026/11 a+b=%2F?")
    (shown,) = await sim.by_order("2026/11 a+b=%2F?")
    assert shown["orderIdFromClient"] == "2026/11 a+b=%2F?"


async def test_look_up_by_user_lists_only_that_users_payments(sim: Driver) -> None:
    await sim.token("a", clientGeneratedUserId="kim/1")
    await sim.token("b", clientGeneratedUserId="kim/1")
    await sim.token("c", clientGeneratedUserId="lee")
    shown = (await sim.http.get("/api/payments/userId/kim%2F1")).json()["result"]
    assert [payment["orderIdFromClient"] for payment in shown] == ["a", "b"]
    assert (await sim.http.get("/api/payments/userId/nobody")).json()["result"] == []


async def by_date(sim: Driver, **query: Any) -> list[str]:
    answer = await sim.http.get("/api/payments/date", params=query)
    assert answer.status_code == 200, answer.text
    return [payment["orderIdFromClient"] for payment in answer.json()["result"]]


async def test_look_up_by_date_has_pages_from_1_and_30_on_each(sim: Driver) -> None:
    for number in range(32):
        await sim.token(f"n{number}")
    start = korean_now(minutes=-1)
    everything = [f"n{number}" for number in range(32)]
    assert await by_date(sim, startDate=start) == everything[:30]
    assert await by_date(sim, startDate=start, endDate="", page=2, count="") == everything[30:]
    assert await by_date(sim, startDate=start, page=3) == []
    assert await by_date(sim, startDate=start, page=2, count=5) == everything[5:10]


async def test_look_up_by_date_includes_both_ends(sim: Driver) -> None:
    await sim.token("now")
    (shown,) = await sim.by_order("now")
    created = shown["createdAt"]
    assert await by_date(sim, startDate=created, endDate=created) == ["now"]
    assert await by_date(sim, startDate=korean_now(hours=-2), endDate=korean_now(hours=-1)) == []
    assert await by_date(sim, startDate=korean_now(hours=1)) == []


async def test_skipped_time_dates_payments(sim: Driver) -> None:
    await sim.advance(86_400)
    await sim.token("tomorrow")
    assert await by_date(sim, startDate=korean_now(hours=23)) == ["tomorrow"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({}, "startDate"),
        ({"startDate": "2026-11-21"}, "startDate"),
        ({"startDate": "2026-11-21T10:00:00Z"}, "startDate"),
        ({"startDate": "2026-11-21T10:00:00", "endDate": "soon"}, "endDate"),
        ({"startDate": "2026-11-21T10:00:00", "page": "0"}, "page"),
        ({"startDate": "2026-11-21T10:00:00", "page": "x"}, "page"),
        ({"startDate": "2026-11-21T10:00:00", "page": "²"}, "page"),
        ({"startDate": "2026-11-21T10:00:00", "count": "-1"}, "count"),
        ({"startDate": "2026-11-21T10:00:00", "count": "9" * 5_000}, "count"),
    ],
)
async def test_a_wrong_date_query_is_400_and_named(sim: Driver, query: dict[str, str], field: str) -> None:
    answer = await sim.http.get("/api/payments/date", params=query)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(field)
