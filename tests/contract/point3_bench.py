"""Point3 on the bench: its adapter, its secrets, and a wire on which answers of any shape can be put."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import unquote

import pytest

from app.gateways.point3.adapter import Point3
from app.gateways.point3.manifest import Point3Settings
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest
from tests.contract.bench import Bench, Make, context
from tests.contract.faulty_server import FaultyServer, answers


def envelope(result: object) -> dict[str, object]:
    return {"statusCode": 200, "message": "success", "result": result}


def row(charge: ChargeRequest, **changes: object) -> dict[str, object]:
    """One payment of a look-up; a member that is None is left out."""
    shown: dict[str, object] = {
        "signature": "sig/1+==",
        "orderIdFromClient": charge.reference,
        "totalCharge": charge.amount.minor,
        "status": "WIDGET_DONE",
    }
    return {name: value for name, value in (shown | changes).items() if value is not None}


class Point3Bench(Bench):
    """Builds Point3's adapter."""

    name = "point3"
    currency = "KRW"
    other_currency = "USD"
    refund_batch_s = 300

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> Point3:
        deadline_s = settings.pop("deadline_s")
        fields = {
            "base_url": base_url,
            "secret": connection["secret"],
            "widget_origin": "https://widget.example",
            "client_business_num": "1234567890",
            "client_nickname": "온틸 상점",
        }
        return Point3(Point3Settings.model_validate(fields | settings), context(deadline_s))

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        tokens = [unquote(str(action["url"]).partition("?d=")[2]) for action in opened]
        assert all(tokens)
        return [browser["signature"], *tokens]

    @pytest.fixture
    def point3(self, gateway: Gateway) -> Point3:
        assert isinstance(gateway, Point3)
        return gateway

    @pytest.fixture
    async def wire(self) -> AsyncIterator[FaultyServer]:
        """A server that keeps what it gets, and answers as the test says."""
        async with FaultyServer(answers(200, envelope([]))) as server:
            yield server

    @pytest.fixture
    def wired(self, make: Make, wire: FaultyServer) -> Point3:
        made = make(wire.url)
        assert isinstance(made, Point3)
        return made
