"""PortOne V1's twin: the parts of this folder, put together."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.simulator.calls import CallLog
from app.simulator.clock import SimClock
from app.simulator.holds import Delays, Holds
from app.simulator.portone_v1.account import PortOneV1Account
from app.simulator.scenarios import Plan, Rule
from app.simulator.twin import JournalRow, UnknownReferenceError
from app.simulator.web import RawPath
from app.simulator.webhooks import WebhookSender


class PortOneV1Twin:
    """SKELETON."""

    name = "portone_v1"
    rules: Mapping[str, Rule] = {}
    calls: tuple[str, ...] = ()
    base_url = ""

    def __init__(self, clock: SimClock, account: PortOneV1Account, delays: Delays, seed: int | None = None) -> None:
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self._account = account
        self._holds = Holds()
        self._sender = WebhookSender(clock)
        self.app: ASGIApp = RawPath(Starlette())

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        return {
            "imp_key": self._account.imp_key,
            "imp_secret": self._account.imp_secret,
            "user_code": self._account.user_code,
            "channel_key": self._account.channel_key,
        }

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        raise UnknownReferenceError(reference)

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        self._sender.set_mode(mode)
        return {"gateway": self.name, "mode": mode}

    def deliveries(self) -> list[dict[str, Any]]:
        return self._sender.rows()

    def journal(self) -> list[JournalRow]:
        return []

    def reset(self) -> None:
        self.plan.reset()
        self.log.reset()
        self._sender.reset()
        self._holds.let_go()

    def close(self) -> None:
        self._holds.close()
        self._sender.close()
