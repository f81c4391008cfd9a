"""PortOne V2: its settings and what it can do."""

from typing import Literal

from pydantic import Field, SecretStr

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.values import Capability
from app.setting_types import Currency, HttpUrl, Secrets


class PortOneV2Settings(GatewaySettings):
    """PortOne V2: one store, one channel."""

    base_url: HttpUrl = "https://api.portone.io"
    """PortOne's V2 API."""
    api_secret: SecretStr = Field(examples=["from-portone"])
    """The V2 API secret, from PortOne's console."""
    store_id: str = Field(min_length=1, examples=["store-from-portone"])
    """The store."""
    channel_key: str = Field(min_length=1, examples=["channel-key-from-portone"])
    """The channel that takes the payments."""
    webhook_secrets: Secrets = Field([], examples=["whsec_ZnJvbS1wb3J0b25l"])
    """Webhook secrets, comma-separated: one, or two while they are rotated. Live mode demands one."""
    script_url: HttpUrl = "https://cdn.portone.io/v2/browser-sdk.js"
    """The script that the checkout page loads."""
    pay_method: str = Field("CARD", pattern=r"^[A-Z_]+$")
    """How to pay where an order names no method: CARD, VIRTUAL_ACCOUNT, TRANSFER or EASY_PAY, for example."""
    approval: Literal["automatic", "manual"] = "automatic"
    """automatic or manual, as the channel is set in PortOne's console."""
    settlement_currency: Currency | None = Field(None, examples=["USD"])
    """With a Paymentwall channel, the currency that it pays you in: it refunds no part of an order in another one."""
    timeout_s: float = Field(60.0, gt=0, le=120)  # a broken connection does not cancel the work on their side
    """Seconds that one call may take in all; PortOne asks for 60."""
    look_up_timeout_s: float = Field(15.0, gt=0, le=120)
    """Seconds that a look-up may take; it may be asked again."""


def capabilities(account: PortOneV2Settings) -> Capability:
    """What the account can do; our server confirms where the channel approves manually.

    No `ASYNC_REFUND`: cancels are done at once but for some payment companies; each answer says which it is. No
    `LOOKUP_BEFORE_CAPTURE`: a payment stays `READY` and does not say that the buyer has finished (inferred).
    """
    can = (
        Capability.REOPEN
        | Capability.REFUND
        | Capability.PARTIAL_REFUND
        | Capability.WEBHOOKS
        | Capability.VIRTUAL_ACCOUNTS
        | Capability.VOID
    )
    return can | Capability.CAPTURE | Capability.CAPTURE_BY_TOKEN if account.approval == "manual" else can


MANIFEST = Manifest(
    name="portone_v2",
    title="PortOne V2",
    settings=PortOneV2Settings,
    capabilities=capabilities,
    identity=("store_id",),
    next_action="portone_v2_sdk",
    browser_fields={
        "paymentId": "the attempt's `reference`",
        "txId": "PortOne's id of the transaction",
        "paymentToken": "where a channel approves manually",
    },
    offered_as=("Card (PortOne V2)", "카드 (포트원 V2)"),
    simulated={
        "base_url": "{base_url}",
        "api_secret": "{api_secret}",
        "store_id": "{store_id}",
        "channel_key": "{channel_key}",
        "webhook_secrets": "{webhook_secret}",
        "script_url": "{script_url}",
    },
    at_compose="base URL http://simulator:8005, script http://127.0.0.1:8005/v2/browser-sdk.js, "
    "secret sim_portone_v2_api_secret, store store-00000000-0000-4000-8000-000000000001, "
    "channel key channel-key-00000000-0000-4000-8000-000000000001",
    published=frozenset(
        {
            "store-00000000-0000-4000-8000-000000000001",
            "channel-key-00000000-0000-4000-8000-000000000001",
            "whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  # the Standard Webhooks' own example (docs/gateways/portone-v2.md)
            "pzQGE83cSIRKM4/WH5QY+g==",  # of PortOne's SDK (docs/gateways/portone-v2.md)
        }
    ),
    needed_in_live_mode={"webhook_secrets": "webhooks could not be told from forged ones"},
)
