"""PortOne V1 with Paymentwall, or with another PG: its settings and what it can do."""

from typing import Literal, get_args

from pydantic import Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.values import Capability
from app.setting_types import Addresses, Currency, HttpUrl

Pg = Literal["paymentwall", "other"]
PGS: tuple[str, ...] = get_args(Pg)


class PortOneV1Settings(GatewaySettings):
    """PortOne V1 (iamport) with a Paymentwall channel, or with another PG's."""

    base_url: HttpUrl = "https://api.iamport.kr"
    """PortOne's V1 API."""
    imp_key: SecretStr = Field(examples=["from-portone"])
    """The REST API key, from PortOne's console."""
    imp_secret: SecretStr = Field(examples=["from-portone"])
    """The REST API secret that belongs to it."""
    user_code: str = Field(pattern=r"^imp[0-9]+$", examples=["imp12345678"])
    """The merchant's identification code."""
    channel_key: str = Field(min_length=1, examples=["channel-key-from-portone"])
    """The channel that takes the payments."""
    script_url: HttpUrl = "https://cdn.iamport.kr/v1/iamport.js"
    """The script that the checkout page loads."""
    pg: Pg = "paymentwall"
    """paymentwall or other: whose rules a new order must keep. One that is open or paid keeps those it was opened with."""
    test_on_live_project: bool = False
    """In test mode with Paymentwall: whether `use_test_method` runs on a LIVE project, so that live channels bring test money."""
    most_usd: int = Field(500, gt=0, le=1_000_000)
    """Paymentwall's limit of one payment, in whole dollars; they raise it on request."""
    settlement_currency: Currency | None = Field(None, examples=["USD"])
    """The currency that Paymentwall pays you in. It refunds no part when an order is in another one."""
    tier: str | None = Field(None, examples=["001"])
    """The Tier header of agency accounts."""
    webhook_sources: Addresses = Field([], examples=[["52.78.100.19", "52.78.48.223", "52.78.5.241"]])
    """The only addresses that webhooks are taken from, comma-separated: PortOne's are the example. Unset: from every one."""
    timeout_s: float = Field(30.0, gt=0, le=120)
    """Seconds that one call may take in all."""


def capabilities(account: PortOneV1Settings) -> Capability:
    """What the account can do: Paymentwall accepts a cancel first and carries it out later."""
    can = Capability.REOPEN | Capability.REFUND | Capability.PARTIAL_REFUND | Capability.WEBHOOKS
    return can | Capability.ASYNC_REFUND if account.pg == "paymentwall" else can


MANIFEST = Manifest(
    name="portone_v1",
    title="PortOne V1",
    settings=PortOneV1Settings,
    capabilities=capabilities,
    identity=("user_code", "imp_key"),
    next_action="portone_v1_sdk",
    browser_fields={"imp_uid": "PortOne's id of the payment", "merchant_uid": "the attempt's `reference`"},
    offered_as=("Paymentwall (PortOne V1), in dollars", "페이먼트월 (포트원 V1, 달러)"),
    known_as=("Online payment", "온라인 결제"),
    offered_in="USD",
    simulated={
        "base_url": "{base_url}",
        "imp_key": "{imp_key}",
        "imp_secret": "{imp_secret}",
        "user_code": "{user_code}",
        "channel_key": "{channel_key}",
        "script_url": "{script_url}",
    },
    at_compose="base URL http://simulator:8004, script http://127.0.0.1:8004/v1/iamport.js, keys sim_imp_key and sim_imp_secret, "
    "user code imp00000000, channel key channel-key-sim-paymentwall",
    published=frozenset({"imp00000000", "channel-key-sim-paymentwall"}),
)
