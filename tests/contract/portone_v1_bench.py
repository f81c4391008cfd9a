"""PortOne V1 on the bench: its adapter, its login, and a wire on which answers of any shape can be put."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from app.gateways.port import Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.values import ChargeRequest
from tests.contract.bench import Bench, Make, context
from tests.contract.faulty_server import Arrived, Behaviour, FaultyServer, answers, in_turn
from tests.contract.hands import Hands

SCRIPT_URL = "https://cdn.example/v1/iamport.js"
TOKEN = "a9ace025c90c0da2161075da6ddd3492a2fca776"


def envelope(response: object = None, *, code: object = 0, message: object = None) -> dict[str, object]:
    return {"code": code, "message": message, "response": response}


def no(message: str, code: int = 1) -> dict[str, object]:
    return envelope(code=code, message=message)


def access(token: str = TOKEN, *, now: int = 1_795_000_000, lasts_s: int = 1800) -> Behaviour:
    """What a login answers."""
    return answers(200, envelope({"access_token": token, "now": now, "expired_at": now + lasts_s}))


def payment(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    """A payment as look-ups show it; a member that is None is left out. The amount is whole in major units."""
    shown: dict[str, object] = {
        "imp_uid": "imp_448280090638",
        "merchant_uid": charge.reference,
        "status": "paid",
        "amount": int(charge.amount.to_major()),
        "cancel_amount": 0,
        "currency": charge.amount.currency,
        "sandbox": False,
        "paid_at": 1_795_000_000,
        "failed_at": 0,
        "cancelled_at": 0,
    }
    return {name: value for name, value in (shown | changes).items() if value is not None}


def page(*payments: dict[str, object]) -> dict[str, object]:
    return envelope({"total": len(payments), "previous": 0, "next": 0, "list": list(payments)})


class Desk:
    """Where everybody logs in: keeps who asked, and lets the other calls through."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.asked: list[Arrived] = []
        self.was_asked = asyncio.Event()
        self.behave = in_turn(*behaviours)

    def __call__(self, request: Arrived) -> Behaviour | None:
        if request.target != "/users/getToken":
            return None
        self.asked.append(request)
        self.was_asked.set()
        return self.behave


class PortOneV1Bench(Bench):
    """Builds PortOne V1's adapter, for a Paymentwall channel. Its cancels are accepted first and done five minutes later."""

    name = "portone_v1"
    currency = "KRW"
    other_currency = "KWD"
    refund_batch_s = 300
    tells_canceling: ClassVar[bool] = False
    public: ClassVar[frozenset[str]] = frozenset({"base_url", "script_url", "user_code", "channel_key"})

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> PortOneV1:
        deadline_s = settings.pop("deadline_s")
        is_live_deployment = settings.pop("is_live_deployment", True)
        fields = {name: connection[name] for name in ("imp_key", "imp_secret", "user_code", "channel_key")}
        made = PortOneV1Settings.model_validate(fields | {"base_url": base_url, "script_url": SCRIPT_URL} | settings)
        return PortOneV1(made, context(deadline_s, is_live=is_live_deployment))

    def welcome(self, request: Arrived) -> Behaviour | None:
        return access() if request.target == "/users/getToken" else None

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        return [TOKEN]

    async def captured(self, gateway: Gateway, hands: Hands, charge: ChargeRequest) -> str:
        return await self.finished(gateway, hands, charge, "async_cancel")

    @pytest.fixture
    def portone(self, gateway: Gateway) -> PortOneV1:
        assert isinstance(gateway, PortOneV1)
        return gateway

    @pytest.fixture
    async def wire(self) -> AsyncIterator[FaultyServer]:
        """A server that lets everybody log in, keeps the other calls, and answers them as the test says."""
        async with self.breaking(answers(404, no("존재하지 않는 결제정보입니다.", -1))) as server:
            yield server

    @pytest.fixture
    def wired(self, make: Make, wire: FaultyServer) -> PortOneV1:
        made = make(wire.url)
        assert isinstance(made, PortOneV1)
        return made
