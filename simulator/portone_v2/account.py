"""The merchant's account at the imitated PortOne V2."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PortOneV2Account:
    """One store with one channel. The values are worth nothing."""

    api_secret: str = "sim_portone_v2_api_secret"  # noqa: S105
    merchant_id: str = "merchant-00000000-0000-4000-8000-000000000001"
    store_id: str = "store-00000000-0000-4000-8000-000000000001"
    channel_key: str = "channel-key-00000000-0000-4000-8000-000000000001"
    webhook_secrets: tuple[str, ...] = ("whsec_c2ltdWxhdG9yLXdlYmhvb2stc2VjcmV0",)
    """One, or two during a rotation: the newest first. Each webhook is signed with all of them."""
    channel: Literal["TEST", "LIVE"] = "TEST"
    """What kind of channel payments come through."""
    pg_provider: str = "TOSSPAYMENTS"
    """The payment company behind the channel. PAYMENTWALL asks for more about the customer."""
    webhook_url: str | None = None
    """The address in the console, for payments that bring no `noticeUrls`."""
