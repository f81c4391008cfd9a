"""AcmePay passes the contract of every gateway."""

from typing import Any

import pytest
from app.gateways.acmepay.adapter import AcmePay
from app.gateways.acmepay.manifest import AcmePaySettings

from app.gateways.port import Gateway
from tests.contract.bench import Bench, context
from tests.contract.capture_contract import OneStepContract
from tests.contract.contract import GatewayContract, ReferenceContract


class AcmePayBench(Bench):
    """Builds AcmePay's adapter."""

    name = "acmepay"
    currency = "EUR"
    other_currency = "KRW"

    def build(self, base_url: str, connection: dict[str, str], **settings: Any) -> AcmePay:
        deadline_s = settings.pop("deadline_s")
        fields = {"base_url": base_url, "key": connection["key"]}
        return AcmePay(AcmePaySettings.model_validate(fields | settings), context(deadline_s))

    def secrets(self, browser: dict[str, Any], opened: list[dict[str, Any]]) -> list[str]:
        """None but the account's key, which every transcript hides: a charge's id and page permit nothing."""
        return []


class TestAcmePay(AcmePayBench, GatewayContract, ReferenceContract, OneStepContract):
    @pytest.mark.parametrize(
        ("fields", "ref"), [({"charge": "ch-1", "status": "paid"}, "ch-1"), ({"signature": "s"}, None)]
    )
    def test_its_callback_is_the_charge(self, gateway: Gateway, fields: dict[str, str], ref: str | None) -> None:
        assert gateway.parse_callback(fields).gateway_ref == ref
