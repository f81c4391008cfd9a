"""The merchant's account at the imitated PortOne V1."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PortOneV1Account:
    """One merchant with one Paymentwall channel. The values are worth nothing."""

    imp_key: str = "sim_imp_key"
    imp_secret: str = "sim_imp_secret"  # noqa: S105
    user_code: str = "imp00000000"
    channel_key: str = "channel-key-sim-paymentwall"
    channel: Literal["TEST", "LIVE"] = "TEST"
    """What kind of channel payments come through: TEST ones have `sandbox: true`."""
    webhook_url: str | None = None
    """The address in the console, for payments that bring no `notice_url`."""
    webhook_format: Literal["json", "form"] = "json"
    """The content type of webhooks, as chosen in the console."""
