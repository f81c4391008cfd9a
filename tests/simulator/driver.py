"""A merchant and a tester in one: real HTTP to a running simulator."""

import ssl
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from simulator.server import Simulator

Json = dict[str, Any]

IMPATIENT = httpx.Timeout(5, read=0.3)
"""For an answer that never comes: connecting gets its time, and so does what the simulator does before it holds back."""
TIMEOUT_S = 30
"""A machine with other work answers late; a test that wants a call to end without an answer says so itself."""
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Unused, but httpx would load every certificate authority for each client, which is slow."""


def order(reference: str = "order1", total: int = 12_000, **changes: object) -> Json:
    """A right order; `changes` make it the one that the test is about."""
    vat = max(1, total // 11)
    return {
        "clientGeneratedUserId": "user1",
        "totalCharge": total,
        "orderIdFromClient": reference,
        "cultureExpenseType": "a",
        "cashReceiptType": "a",
        "clientBusinessNum": "1234567890",
        "clientNickname": "온틸 상점",
        "purchasingProductName": "Coffee beans",
        "taxFreeAmount": total - vat,
        "vat": vat,
        **changes,
    }


class Driver:
    def __init__(self, simulator: Simulator) -> None:
        point3 = simulator.gateways["point3"]
        self.simulator = simulator
        self.admin = httpx.AsyncClient(base_url=simulator.url, timeout=TIMEOUT_S, verify=TLS)
        self.http = httpx.AsyncClient(base_url=point3["base_url"], timeout=TIMEOUT_S, verify=TLS)
        self.use_secret(point3["secret"])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.admin.aclose()
        await self.http.aclose()

    def use_secret(self, secret: str) -> None:
        self.http.headers["Authorization"] = f"Basic {secret}"

    async def token(self, reference: str = "order1", total: int = 12_000, **changes: object) -> str:
        answer = await self.http.post("/purchase/token", json=order(reference, total, **changes))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["result"]["token"])

    async def pay(self, reference: str = "order1", scenario: str | None = None) -> Json:
        body = {"gateway": "point3", "reference": reference}
        answer = await self.admin.post("/_sim/pay", json=body | ({"scenario": scenario} if scenario else {}))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def paid(self, reference: str = "order1", scenario: str | None = None, **changes: Any) -> str:
        """A payment that the buyer finished in the widget; returns what the browser calls the signature."""
        await self.token(reference, **changes)
        return str((await self.pay(reference, scenario))["signature"])

    async def confirm(self, signature: str, **options: Any) -> httpx.Response:
        return await self.http.post("/purchase/confirm", json={"signature": signature}, **options)

    async def look(self, signature: str) -> httpx.Response:
        return await self.http.get(f"/api/payments/{quote(signature, safe='')}")

    async def by_order(self, reference: str = "order1") -> list[Json]:
        answer = await self.http.get(f"/api/payments/orderid/{quote(reference, safe='')}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["result"])

    async def cancel(self, signature: str) -> httpx.Response:
        return await self.http.post(f"/api/payments/{quote(signature, safe='')}/cancel")

    async def plan(self, scenario: str, **fields: object) -> Json:
        answer = await self.admin.post("/_sim/scenario", json={"gateway": "point3", "scenario": scenario, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def advance(self, seconds: float) -> None:
        answer = await self.admin.post("/_sim/advance", json={"seconds": seconds})
        assert answer.status_code == 200, answer.text

    async def journal(self) -> list[Json]:
        return list((await self.admin.get("/_sim/journal", params={"gateway": "point3"})).json())

    async def truth(self, reference: str = "order1") -> Json:
        (row,) = [row for row in await self.journal() if row["reference"] == reference]
        return dict(row)

    async def until_captured(self, count: int) -> None:
        """Return once this many captures happened, although their calls may still be without an answer."""
        for _ in range(500):
            if sum(row["captures"] for row in await self.journal()) >= count:
                return
        raise AssertionError(f"{count} captures did not happen")

    async def calls(self, call: str) -> list[Json]:
        return [row for row in (await self.admin.get("/_sim/calls")).json() if row["call"] == call]
