"""What every adapter over HTTP has: its manifest's words, its account's deadline, and one pool of connections."""

from collections.abc import Callable
from typing import Any

from app.domain.language import Language
from app.domain.text import shown_line
from app.gateways.http import GatewayHttp, HttpAnswer, is_ill
from app.gateways.manifest import AdapterContext, GatewaySettings, Manifest
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest, Fact, PageSources


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
        self.title = manifest.title
        self._known_as = manifest.known_as or (manifest.title, manifest.title)
        self._labels: dict[Language, str | None] = {"en": account.label, "ko": account.label_ko or account.label}
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

    def buyers_name(self, request: ChargeRequest, language: Language) -> str:
        """The label of the settings; without one, the way to pay in everyday words."""
        english, korean = self.way_to_pay(request)
        return shown_line(self._labels[language] or "") or (korean if language == "ko" else english)

    def way_to_pay(self, _: ChargeRequest, /) -> tuple[str, str]:
        """What this charge is paid by here, in everyday words of English and Korean."""
        return self._known_as

    async def close(self) -> None:
        """Close the connections. Calls under way end as lost."""
        await self.http.close()
