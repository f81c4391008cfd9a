"""What strangers and impatient callers set off (law 15): calls to gateways and transactions are few, whatever they hint at."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.domain.clock import utc_now
from app.gateways.http import GatewayHttp
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME, FOUR, Kind
from tests.support import Shop, key, order
from tests.support.databases import Urls
from tests.support.settings import settings_for

HINTS: dict[str, list[dict[str, Any]]] = {
    "point3": [{"orderId": "{reference}", "signature": f"sig{n:05}"} for n in range(60)],
    "portone_v1": [{"merchant_uid": "{reference}", "imp_uid": f"imp_{n:012}"} for n in range(60)],
    "portone_v2": [{"paymentId": "{reference}", "txId": f"tx-{n}"} for n in range(60)],
    "unifi_pay": [{"orderId": "{reference}", "transactionId": str(10**17 + n)} for n in range(60)],
}
"""Sixty callbacks of each gateway that name the same attempt and, each, a payment that there is not."""


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


class Calls:
    """The calls that went out to gateways."""

    def __init__(self) -> None:
        self.made = 0


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    counted, send = Calls(), GatewayHttp._send

    async def counting(self: GatewayHttp, *arguments: Any) -> Any:
        counted.made += 1
        return await send(self, *arguments)

    monkeypatch.setattr(GatewayHttp, "_send", counting)
    return counted


@pytest.fixture
async def strangers(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=product)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


def filled(fields: dict[str, Any], payment: dict[str, Any]) -> dict[str, Any]:
    return {name: text.format(reference=payment["attempts"][-1]["reference"]) for name, text in fields.items()}


@pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
async def test_sixty_strange_returns_cost_a_handful_of_calls(
    shop: Shop, strangers: httpx.AsyncClient, calls: Calls, kind: Kind
) -> None:
    payment = await shop.create(**kind.order)
    calls.made = 0
    path = f"/checkout/return/{kind.name}"
    answers = await asyncio.gather(*(strangers.get(path, params=filled(f, payment)) for f in HINTS[kind.name]))
    assert {answer.status_code for answer in answers} <= {200, 404, 429}
    for _ in range(60):
        await strangers.get(path, params=filled(HINTS[kind.name][0], payment))
    assert calls.made == 0, "strangers set off no look in the process that serves shops"
    assert (await shop.get(payment))["status"] in {"open", "processing"}


@pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
async def test_strangers_use_up_none_of_the_buyers_look_ups(
    shop: Shop, strangers: httpx.AsyncClient, kind: Kind
) -> None:
    payment = await shop.create(**kind.order)
    told = {"merchant_uid": payment["attempts"][-1]["reference"], "imp_uid": "imp_1"}
    for _ in range(12):
        await strangers.get(f"/checkout/return/{kind.name}", params=filled(HINTS[kind.name][0], payment))
        hint = await strangers.post("/webhooks/portone-v1", json=told)
    assert hint.status_code == 429, "theirs are used up"
    token = {"Authorization": f"Bearer {payment['client_token']}"}
    for _ in range(5):
        answer = await strangers.post("/payments/complete", json={"payment_id": payment["id"]}, headers=token)
        assert answer.status_code == 202, answer.text


@pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
async def test_sixty_equal_completes_cost_one_look(shop: Shop, calls: Calls, kind: Kind) -> None:
    payment = await shop.create(**kind.order)
    calls.made = 0
    fields = filled(HINTS[kind.name][0], payment) if kind.name != "point3" else {"signature": "sig00000"}
    fields = {name: value for name, value in fields.items() if name != "orderId"}
    answers = await asyncio.gather(*(shop.complete(payment, **fields) for _ in range(60)))
    assert {answer.status_code for answer in answers} <= {200, 202, 409}, answers[0].text
    assert calls.made <= 6


async def test_forty_slow_strangers_leave_a_shops_create_alone(
    shop: Shop, strangers: httpx.AsyncClient, settings: Settings, calls: Calls
) -> None:
    """Each looks at a payment of its own, at a gateway that takes its time."""
    kind = BY_NAME["portone_v2"]
    payments = [await shop.create(**kind.order) for _ in range(40)]
    calls.made = 0
    await shop.scenario("slow", gateway="portone_v2", times=200)
    looks = [
        asyncio.create_task(strangers.get("/checkout/return/portone-v2", params=filled(HINTS[kind.name][0], payment)))
        for payment in payments
    ]
    await asyncio.sleep(0.1)
    assert calls.made <= 4 * 3
    answer = await shop.client.post("/payments", json=order(**kind.order), headers=key())
    assert answer.status_code == 201, answer.text
    assert {each.status_code for each in await asyncio.gather(*looks)} <= {200, 429, 503}


async def test_twenty_completes_on_a_busy_attempt_wait_and_do_not_poll(
    shop: Shop, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the attempt: 1,070 transactions it was once."""
    payment = await shop.create(**BY_NAME["point3"].order)
    attempt = payment["attempts"][-1]
    await database.row(
        "UPDATE attempts SET busy_until = $1 WHERE reference = $2",
        utc_now() + timedelta(seconds=60),
        attempt["reference"],
    )
    made, run = [0], Database._run

    async def counting(self: Database, *arguments: Any) -> Any:
        made[0] += 1
        return await run(self, *arguments)

    monkeypatch.setattr(Database, "_run", counting)
    fields = [{"signature": f"sig{n:05}"} for n in range(20)]
    answers = await asyncio.gather(*(shop.complete(payment, **each) for each in fields))
    assert {answer.status_code for answer in answers} == {202}
    assert made[0] <= 60
