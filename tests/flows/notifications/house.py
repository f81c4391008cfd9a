"""What these tests do again and again: endpoints, paid payments, the feed, and time that passes."""

import asyncio
from typing import Any
from uuid import UUID

from app.db.pool import Connection
from app.domain import ids
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop


async def endpoint(shop: Shop, url: str, **fields: Any) -> dict[str, Any]:
    """A new endpoint, with its secret."""
    answer = await shop.client.post("/notification-endpoints", json={"url": url, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def change(shop: Shop, made: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The endpoint, changed."""
    answer = await shop.client.patch(f"/notification-endpoints/{made['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def state(shop: Shop, made: dict[str, Any]) -> dict[str, Any]:
    """The endpoint as it is now."""
    answer = await shop.client.get(f"/notification-endpoints/{made['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def paid(shop: Shop, gateway: str = "portone_v2") -> dict[str, Any]:
    """A payment that is paid: one event."""
    payment = await shop.create(**BY_NAME[gateway].order)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert answer.json()["status"] == "paid", answer.text
    return payment


async def feed(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    """One page of `GET /events`."""
    answer = await shop.client.get("/events", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def notifications(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    """One page of `GET /notifications`."""
    answer = await shop.client.get("/notifications", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def id_of(made: dict[str, Any]) -> UUID:
    """The endpoint's id as the database has it."""
    return ids.read(ids.Prefix.ENDPOINT, made["id"])


async def somebody_waits(connection: Connection) -> None:
    """Return once another session waits for what this one has locked."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    async with asyncio.timeout(30):
        while True:
            if await connection.fetchval(waiting):
                return
            await asyncio.sleep(0.01)


async def pass_time(parts: Services, clock: MovableClock, *, seconds: float, step_s: float) -> None:
    """Time passes, in steps, and the worker looks after each."""
    worker = Worker(parts)
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        await worker.sweep()
