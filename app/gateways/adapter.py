"""What every adapter over HTTP has: its manifest's words, its account's deadline, and one pool of connections."""

from collections.abc import Callable
from typing import Any

from app.gateways.http import GatewayHttp, HttpAnswer, is_ill
from app.gateways.manifest import AdapterContext, GatewaySettings, Manifest
from app.gateways.port import Gateway
from app.gateways.values import Fact, PageSources


class Adapter(Gateway):
    """One account at `base_url`, in this process. `counts_as_ill`: the answers that count against the gateway's health."""

    proves = Fact.REFERENCE | Fact.AMOUNT
    page = PageSources()

    def __init__(
        self,
        manifest: Manifest[Any],
        account: GatewaySettings,
        context: AdapterContext,
        base_url: str,
        counts_as_ill: Callable[[HttpAnswer], bool] = is_ill,
    ) -> None:
        self.name = manifest.name
        self.title = account.label or manifest.title
        self.capabilities = manifest.capabilities(account)
        self.account = manifest.account_of(account)
        self.deadline_s = context.deadline_s
        self.http = GatewayHttp(
            self.name,
            base_url,
            deadline_s=context.deadline_s,
            connections=account.connections,
            breaker=context.breaker,
            is_ill=counts_as_ill,
        )

    @property
    def is_available(self) -> bool:
        """Whether its calls have not failed in a row."""
        return not self.http.breaker.is_open

    async def close(self) -> None:
        """Close the connections. Calls under way end as lost."""
        await self.http.close()
