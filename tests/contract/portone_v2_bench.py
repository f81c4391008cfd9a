"""PortOne V2 on the bench: its adapters for both ways of approval, and a wire on which answers of any shape can be put."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, ClassVar

import httpx
import pytest

from app.gateways.port import Gateway
from app.gateways.portone_v2.adapter import PortOneV2, PortOneV2Manual, create
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.values import CaptureRequest, ChargeRequest, GatewayStatus, Session
from simulator.server import Simulator
from tests.contract.bench import Bench, Make, confirmation, context
from tests.contract.faulty_server import FaultyServer, answers
from tests.contract.hands import Hands
from tests.support import TLS

SCRIPT_URL = "https://cdn.example/v2/browser-sdk.js"
STORE = "store-00000000-0000-4000-8000-000000000001"
TX = "01927e4f-0000-4000-8000-000000000001"
SECRET = "whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0"
AT_CONFIRM = frozenset({"declined", "slow", "error_500", "garbage", "accept_then_hang"})
ABSENT = {"type": "PAYMENT_NOT_FOUND", "message": "결제 건이 존재하지 않습니다."}


def no(type_: str, **more: object) -> dict[str, object]:
    """An error in PortOne's words."""
    return {"type": type_, "message": "취소할 수 없습니다"} | more


def amount(total: int, **changes: int) -> dict[str, int]:
    parts = {"total": total, "taxFree": 0, "discount": 0, "paid": total, "cancelled": 0, "cancelledTaxFree": 0}
    return parts | changes


def shown(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    """A look-up's answer about this charge, paid; a member that is None is left out."""
    payment: dict[str, object] = {
        "status": "PAID",
        "id": charge.reference,
        "transactionId": TX,
        "merchantId": "merchant-1",
        "storeId": STORE,
        "version": "V2",
        "channel": {"type": "LIVE", "pgProvider": "TOSSPAYMENTS", "pgMerchantId": "m1"},
        "method": {"type": "PaymentMethodCard"},
        "orderName": charge.order_name,
        "amount": amount(charge.amount.minor),
        "currency": charge.amount.currency,
        "customer": {"name": "Minji Kimmingee"},
        "paidAt": "2026-11-21T08:30:00Z",
    }
    return {name: value for name, value in (payment | changes).items() if value is not None}


class PortOneV2Bench(Bench):
    """Builds PortOne V2's adapter for a channel that takes the money by itself."""

    name = "portone_v2"
    currency = "KRW"
    other_currency = "XCG"
    left_open = "virtual_account"
    unknown_payment = ABSENT
    approval: ClassVar[str] = "automatic"

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> PortOneV2:
        deadline_s = settings.pop("deadline_s")
        fields = {name: connection[name] for name in ("api_secret", "store_id", "channel_key")}
        fixed = {
            "base_url": base_url,
            "script_url": SCRIPT_URL,
            "webhook_secrets": connection["webhook_secret"],
            "approval": self.approval,
        }
        made = PortOneV2Settings.model_validate(fields | fixed | settings)
        return create(made, context(deadline_s))

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        assert all(action["params"]["customer"]["email"] for action in opened)
        return [browser["paymentToken"]] if "paymentToken" in browser else []

    async def browser_opens(self, hands: Hands, opened: Session, **changes: object) -> dict[str, Any]:
        """What PortOne's script does with `next_action`: open the window. Before that PortOne shows no payment."""
        params = opened.next_action["params"]
        assert isinstance(params, dict)
        asked = {"request": params | changes, "page": {"url": "https://shop.example", "isMobile": False}}
        async with httpx.AsyncClient(base_url=hands.connection["base_url"], verify=TLS) as browser:
            answer = await browser.post("/v2/browser/payments", json=asked)
        assert answer.status_code == 200, answer.text
        window: dict[str, Any] = answer.json()
        return window

    async def has_arrived(self, hands: Hands, call: str) -> None:
        """Return once PortOne has got such a call; each question is a round trip, so nobody is kept busy."""
        async with asyncio.timeout(60):
            while not await hands.calls(call):
                continue

    @pytest.fixture
    def portone(self, gateway: Gateway) -> PortOneV2:
        assert isinstance(gateway, PortOneV2)
        return gateway

    @pytest.fixture
    async def wire(self) -> AsyncIterator[FaultyServer]:
        """A server that keeps what it gets, and answers as the test says."""
        async with FaultyServer(answers(404, ABSENT)) as server:
            yield server

    @pytest.fixture
    def wired(self, make: Make, wire: FaultyServer) -> PortOneV2:
        made = make(wire.url)
        assert isinstance(made, PortOneV2)
        return made


class ManualHands(Hands):
    """The buyer under manual approval: unless a scenario says otherwise, the payment then waits for our confirm."""

    async def pay(self, reference: str, scenario: str | None = None) -> dict[str, Any]:
        return await super().pay(reference, scenario or "manual_approval")


class PortOneV2ManualBench(PortOneV2Bench):
    """Builds the adapter for a channel under manual approval. The token that the browser brought is kept for confirm."""

    approval = "manual"
    unconfirmed = GatewayStatus.PENDING

    @pytest.fixture
    async def hands(self, running: Simulator) -> AsyncIterator[Hands]:
        self._tokens: dict[str, str] = {}
        async with ManualHands(running, self.name) as hands:
            yield hands

    @pytest.fixture
    def manual(self, gateway: Gateway) -> PortOneV2Manual:
        assert isinstance(gateway, PortOneV2Manual)
        return gateway

    async def buyer_pays(self, hands: Hands, charge: ChargeRequest, scenario: str | None = None) -> dict[str, str]:
        """What a scenario does to the money happens at our confirm.

        Scenarios that change what look-ups show are played with money that is taken: they are not about confirm.
        """
        if scenario in AT_CONFIRM:
            await hands.plan(scenario, call="confirm", reference=charge.reference)
        brought = await super().buyer_pays(hands, charge, None if scenario in AT_CONFIRM else scenario)
        self._tokens[charge.reference] = brought.get("paymentToken", "")
        return brought

    def confirmation(self, charge: ChargeRequest, ref: str) -> CaptureRequest:
        return replace(confirmation(charge, ref), token=self._tokens[charge.reference])
