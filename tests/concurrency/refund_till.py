"""A shop that asks one process of the product for refunds, and tells it that buyers are done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.concurrency.refund_books import (
    Json,
    Road,
)
from tests.concurrency.victims import WAIT_S


@dataclass(frozen=True, slots=True)
class Till:
    """What a shop's server does at one process of the product."""

    client: httpx.AsyncClient
    road: Road

    async def refund(self, payment: Json, headers: dict[str, str]) -> httpx.Response | None:
        """Ask once; None for no answer."""
        body = {"reason": "broken"} | ({"amount": self.road.part} if self.road.part else {})
        try:
            return await self.client.post(f"/payments/{payment['id']}/refunds", json=body, headers=headers)
        except httpx.HTTPError:
            return None

    async def refund_in_the_end(self, payment: Json, headers: dict[str, str], where: str) -> Json:
        """Repeat the same call until its key is free."""
        async with asyncio.timeout(WAIT_S):
            while True:
                answer = await self.refund(payment, headers)
                assert answer is not None, where
                if answer.status_code in {201, 202}:
                    return dict(answer.json())
                assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use"), answer.text
                await asyncio.sleep(0.1)

    async def complete(self, payment: Json, browser: Json) -> httpx.Response | None:
        """Say that the buyer is done; None for no answer."""
        try:
            return await self.client.post("/payments/complete", json={"payment_id": payment["id"], **browser})
        except httpx.HTTPError:
            return None


@asynccontextmanager
async def till_at(url: str, api_key: str, road: Road) -> AsyncIterator[Till]:
    headers = {"Authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=WAIT_S) as client:
        yield Till(client, road)
