"""Unifi Pay on the bench: its adapter, its secrets, and a wire on which answers of any shape can be put."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain.clock import utc_now
from app.gateways.port import Gateway
from app.gateways.unifi_pay.adapter import UnifiPay
from app.gateways.unifi_pay.manifest import UnifiPaySettings
from app.gateways.values import ChargeRequest, GatewayStatus
from tests.contract.bench import Bench, Make, context
from tests.contract.faulty_server import FaultyServer, answers

REF = "6f1c1d1e-0000-4000-8000-000000000001"
PAGE = "https://pay.unifi.example/start?token=one-time-token&transactionId=" + REF
CREATED = {"startPageUrl": PAGE, "transactionId": REF}


def shown(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    """A look-up's answer about this charge, paid; a member that is None is left out."""
    payment: dict[str, object] = {
        "status": "CONFIRMED",
        "orderId": charge.reference,
        "storeId": "store_sim",
        "transactionId": REF,
        "orderAmount": charge.amount.to_major(),
        "payAmount": 24000,
        "discountAmount": 0,
        "payCurrencyCode": "USD",
        "orderCurrencyCode": "USD",
        "items": [{"name": charge.order_name, "price": 24000}],
    }
    return {name: value for name, value in (payment | changes).items() if value is not None}


class UnifiPayBench(Bench):
    """Builds Unifi Pay's adapter."""

    name = "unifi_pay"
    currency = "USD"
    other_currency = "KRW"
    left_status = GatewayStatus.APPROVING

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> UnifiPay:
        deadline_s, now = settings.pop("deadline_s"), settings.pop("now", utc_now)
        fields = {name: connection[name] for name in ("app_id", "api_key", "app_secret", "store_id")}
        return UnifiPay(
            UnifiPaySettings.model_validate(fields | {"base_url": base_url} | settings), context(deadline_s), now
        )

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        tokens = [parse_qs(urlsplit(str(action["url"])).query)["token"][0] for action in opened]
        assert all(tokens)
        return tokens

    @pytest.fixture
    async def wire(self) -> AsyncIterator[FaultyServer]:
        """A server that keeps what it gets, and answers as the test says."""
        async with FaultyServer(answers(200, CREATED)) as server:
            yield server

    @pytest.fixture
    def wired(self, make: Make, wire: FaultyServer) -> Gateway:
        return make(wire.url)
