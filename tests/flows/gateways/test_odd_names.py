"""A gateway's answer that names itself oddly: never a 500, no such name is bound or asked by, and the next right answer heals."""

import random
import string
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI

from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop, key, order
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import settings_for

NAMES = {"point3": "signature", "portone_v1": "imp_uid", "portone_v2": "transactionId", "unifi_pay": "transactionId"}
LONG = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=20_000))  # noqa: S311  no secret
"""More than the database's index takes, however it is compressed."""
ODD: list[Any] = [
    ".",
    "..",
    "date",
    "a/../b\n",
    "a\x00b",
    "",
    "x" * 300,
    LONG,
    "\u202eabc",
    "e\u0301",
    7,
    True,
    [],
    {"a": 1},
]


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator) -> AsyncIterator[Fronts]:
    async with fronts_of(settings_for(urls, simulator), *NAMES) as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


@pytest.mark.parametrize("is_hinted", [True, False])
@pytest.mark.parametrize("name", NAMES)
async def test_an_odd_name_was_not_told(
    shop: Shop, product: FastAPI, fronts: Fronts, name: str, is_hinted: bool, subtests: pytest.Subtests
) -> None:
    for odd in ODD:
        with subtests.test(ascii(odd)[:20]):
            fronts.change = None
            payment = await shop.create(**BY_NAME[name].order)
            brought = await shop.buyer_pays(payment, "lost_webhook" if name != "point3" else "paid")
            opened = payment["attempts"][-1]["gateway_ref"]

            def change(shown: dict[str, Any], odd: Any = odd) -> None:
                shown[NAMES[name]] = odd

            fronts.change = change
            for _ in range(2):
                answer = await shop.complete(payment, **(brought if is_hinted else {}))
                assert answer.status_code < 500, answer.text
            stored = await shop.get(payment)
            told = {"date"} if name == "portone_v2" else set()  # V2 is asked by our reference: a name like others
            assert stored["attempts"][-1]["gateway_ref"] in {None, opened, *brought.values(), *told}
            fronts.change = None
            for _ in range(3):
                answer = await shop.complete(payment, **brought)
            assert answer.json()["status"] == "paid", answer.text


async def test_a_refund_that_names_itself_oddly_is_recorded_without_a_name(
    shop: Shop, product: FastAPI, fronts: Fronts
) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    brought = await shop.buyer_pays(payment)
    assert (await shop.complete(payment, **brought)).json()["status"] == "paid"
    row = {"status": "SUCCEEDED", "id": LONG, "totalAmount": 500}
    fronts.change = lambda shown: shown["amount"].update(cancelled=500) or shown.update(cancellations=[row])
    answer = await shop.sync(payment)
    assert (answer.status_code, answer.json()["refunded_amount"]) == (200, 500)
    listed = (await shop.client.get(f"/payments/{payment['id']}/refunds", headers=key())).json()
    assert [each["gateway_ref"] for each in listed["data"]] == [None]


@pytest.mark.parametrize(
    ("name", "member", "odd"),
    [
        *(("unifi_pay", "transactionId", odd) for odd in ("..", "a/b", "x" * 300, LONG, 7)),
        *(
            ("unifi_pay", "startPageUrl", odd)
            for odd in ("https://evil.example\\@x/", "http://user@x/", LONG, "x:1", 7)
        ),
        *(("point3", "token", odd) for odd in (LONG, "a\r\nb", "", 7)),
    ],
    ids=lambda each: ascii(each)[:30],
)
async def test_an_odd_opening_leads_no_buyer_anywhere_and_locks_no_key(
    shop: Shop, fronts: Fronts, name: str, member: str, odd: object
) -> None:
    fronts.method, fronts.changes = "POST", member
    fronts.change = lambda opened: opened.update({member: odd})
    body, once = order(**BY_NAME[name].order), key()
    first = await shop.client.post("/payments", json=body, headers=once)
    assert (first.status_code, first.json().get("next_action")) == (504, None)
    again = await shop.client.post("/payments", json=body, headers=once)
    assert again.json().get("code") != "idempotency_key_in_use"
    assert again.status_code in {201, 504}
    fronts.change = None
    payment = await shop.create(**BY_NAME[name].order)
    assert payment["next_action"]["url"]
