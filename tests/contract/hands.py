"""The tester's hand on one imitated gateway: `/_sim`, over HTTP, the same for every gateway."""

from types import TracebackType
from typing import Any, Self

import httpx

from simulator.server import Simulator
from tests.support import TLS

Json = dict[str, Any]


class Hands:
    """What the buyer does, what the gateway does wrong, what really happened, and which calls arrived."""

    def __init__(self, simulator: Simulator, gateway: str) -> None:
        self.gateway = gateway
        self.connection = simulator.gateways[gateway]
        self._http = httpx.AsyncClient(base_url=simulator.url, timeout=60, verify=TLS)

    async def __aenter__(self) -> Self:
        await self._ask("POST", "/_sim/reset")
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def pay(self, reference: str, scenario: str | None = None) -> Json:
        """The buyer finishes, or does what the scenario says; returns what the browser receives."""
        body = {"gateway": self.gateway, "reference": reference} | ({"scenario": scenario} if scenario else {})
        return dict(await self._ask("POST", "/_sim/pay", body))

    async def plan(self, scenario: str, **more: object) -> None:
        """How the next matching calls behave."""
        await self._ask("POST", "/_sim/scenario", {"gateway": self.gateway, "scenario": scenario, **more})

    async def advance(self, seconds: float) -> None:
        """Move the gateway's clock."""
        await self._ask("POST", "/_sim/advance", {"seconds": seconds})

    async def calls(self, call: str | None = None) -> list[Json]:
        """The API calls that arrived, oldest first."""
        rows: list[Json] = await self._ask("GET", f"/_sim/calls?gateway={self.gateway}")
        return [row for row in rows if call in {None, row["call"]}]

    async def journal(self, reference: str | None = None) -> list[Json]:
        """The truth."""
        rows: list[Json] = await self._ask("GET", f"/_sim/journal?gateway={self.gateway}")
        return [row for row in rows if reference in {None, row["reference"]}]

    async def truth(self, reference: str) -> Json:
        """The truth about the one payment of a reference."""
        (row,) = await self.journal(reference)
        return row

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        answer = await self._http.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()
