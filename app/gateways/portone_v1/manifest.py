"""PortOne V1 with Paymentwall, or with another PG: its settings and what it can do."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.port import Capability
from app.setting_types import Currency, HttpUrl


class PortOneV1Settings(GatewaySettings):
    """PortOne V1 (iamport) with a Paymentwall channel, or with another PG's."""

    base_url: Annotated[HttpUrl, Field(description="PortOne's V1 API.")] = "https://api.iamport.kr"
    imp_key: Annotated[
        SecretStr, Field(description="The REST API key, from PortOne's console.", examples=["from-portone"])
    ]
    imp_secret: Annotated[
        SecretStr, Field(description="The REST API secret that belongs to it.", examples=["from-portone"])
    ]
    user_code: Annotated[
        str,
        Field(pattern=r"^imp[0-9]+$", description="The merchant's identification code.", examples=["imp12345678"]),
    ]
    """The browser script is initialised with it."""
    channel_key: Annotated[
        str,
        Field(min_length=1, description="The channel that takes the payments.", examples=["channel-key-from-portone"]),
    ]
    script_url: Annotated[HttpUrl, Field(description="The script that the checkout page loads.")] = (
        "https://cdn.iamport.kr/v1/iamport.js"
    )
    pg: Annotated[
        Literal["paymentwall", "other"], Field(description="paymentwall or other: whose rules an order must keep.")
    ] = "paymentwall"
    """Paymentwall wants a name of two words, an e-mail, and confirms cancels later."""
    most_usd: Annotated[
        int,
        Field(
            gt=0,
            le=1_000_000,
            description="Paymentwall's limit of one payment, in whole dollars; they raise it on request.",
        ),
    ] = 500
    settlement_currency: Annotated[
        Currency | None,
        Field(
            description="The currency that Paymentwall pays you in. It cannot give back a part when an order is in another one.",
            examples=["USD"],
        ),
    ] = None
    tier: Annotated[str | None, Field(description="The Tier header of agency accounts.", examples=["001"])] = None
    timeout_s: Annotated[float, Field(gt=0, le=120, description="Seconds that one call may take in all.")] = 30.0


def capabilities(account: PortOneV1Settings) -> Capability:
    """What the account can do: Paymentwall accepts a cancel first and carries it out later."""
    can = Capability.REOPEN | Capability.REFUND | Capability.PARTIAL_REFUND | Capability.WEBHOOKS
    return can | Capability.ASYNC_REFUND if account.pg == "paymentwall" else can


MANIFEST = Manifest(
    name="portone_v1",
    title="PortOne V1",
    settings=PortOneV1Settings,
    capabilities=capabilities,
    next_action="portone_v1_sdk",
    browser_fields={"imp_uid": "PortOne's id of the payment", "merchant_uid": "the attempt's `reference`"},
    offered_as=("Paymentwall (PortOne V1), in dollars", "페이먼트월 (포트원 V1, 달러)"),
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
)
