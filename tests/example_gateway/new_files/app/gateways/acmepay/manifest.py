"""AcmePay: its settings and what it can do."""

from pydantic import Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.values import Capability
from app.setting_types import HttpUrl


class AcmePaySettings(GatewaySettings):
    """One AcmePay account."""

    base_url: HttpUrl = "https://api.acmepay.example"
    """AcmePay's API."""
    key: SecretStr = Field(examples=["from-acmepay"])
    """The key that AcmePay gave you."""


def capabilities(_: AcmePaySettings) -> Capability:
    """What every account can do: it opens a page, tells what became of it, and gives nothing back."""
    return Capability.REOPEN


MANIFEST = Manifest(
    name="acmepay",
    title="AcmePay",
    settings=AcmePaySettings,
    capabilities=capabilities,
    identity=("base_url",),
    next_action="redirect",
    offered_as=("AcmePay, in euros", "애크미페이 (유로)"),
    offered_in="EUR",
    simulated={"base_url": "{base_url}", "key": "{key}"},
    at_compose="base URL http://simulator:8007, key sim_acmepay_key",
)
