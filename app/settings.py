"""The one tree of settings, read once from `ONETILL_*` variables. Nothing else reads the environment.

Each gateway's manifest adds a field of its name; the gateway is on when its variables are there. In live mode the process
refuses to start with anything that would let test money, default secrets or the simulator in, and says which (law 12).
`.env.example` lists every variable.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, create_model, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.routing import RoutingRule, read_rule
from app.domain.schedule import LEASE_MARGIN_S
from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.registry import MANIFESTS, NAMES
from app.setting_types import HttpUrl, Names, is_address

DEFAULT_SECRET_KEY = "onetill-development-only-secret-key"  # noqa: S105  refused in live mode, see `refuse_unsafe_live`
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  compared with, never bound


def _rules(value: object) -> object:
    return [read_rule(part) for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Rules = Annotated[list[RoutingRule], BeforeValidator(_rules)]


Account = TypeVar("Account", bound=GatewaySettings)


class ProductSettings(BaseSettings):
    """What can be set from outside, without the gateways' accounts.

    Field names are the variables without `ONETILL_`, in lower case.
    """

    model_config = SettingsConfigDict(
        env_prefix="ONETILL_",
        env_nested_delimiter="__",
        extra="ignore",
        enable_decoding=False,  # lists are comma-separated, nothing is JSON
        hide_input_in_errors=True,  # what is refused may be a secret, and errors end in logs
    )

    database_url: Annotated[str, Field(repr=False)] = "postgresql://localhost/onetill"
    database_owner_url: Annotated[str | None, Field(repr=False)] = None
    """Who migrates. Defaults to `database_url`; the processes drop to the role `onetill_app` either way."""
    database_direct_url: Annotated[str | None, Field(repr=False)] = None
    """Around a pooler, for the worker's LISTEN. Defaults to `database_url`."""
    database_connections: Annotated[int, Field(ge=2, le=64)] = 10
    mode: Literal["live", "test"] = "test"
    public_url: HttpUrl = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr(DEFAULT_SECRET_KEY)
    time_scale: Annotated[float, Field(ge=1, le=100_000)] = 1.0
    frame_ancestors: Names = []
    """Origins that may frame the checkout page. Empty: nobody."""
    return_url_schemes: Names = []
    """App schemes that `return_url` may use besides https, for example `myshop` for `myshop://paid`."""
    confirm_wait_s: Annotated[float, Field(ge=0, le=30)] = 5.0
    """How long complete and sync wait for another process that is already asking the gateway."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    access_log_every: Annotated[int, Field(ge=0)] = 1
    """Log one of so many good requests; 0 logs none. Problems are always logged."""
    rejected_money: Literal["auto_refund", "hold"] = "auto_refund"
    """What becomes of money that does not match: it goes back by itself, or waits in `review` for a person."""
    reorder_after_refund: bool = True
    """Whether an order whose money all went back may be bought again."""
    keep_exchanges_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long the masked exchanges with gateways are kept for operators."""
    keep_webhooks_days: Annotated[int, Field(ge=7, le=3650)] = 90
    """How long webhooks that were looked into are kept as they came."""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    """How many proxies of ours stand in front and append to X-Forwarded-For; 0 does not read it."""
    routing: Rules = []
    """Who takes a payment that names no gateway; see `app.domain.routing`. Empty: the first that can, in this order."""

    @model_validator(mode="after")
    def know_the_routed(self) -> Self:
        """A rule for a gateway that does not exist is a typing error that would route payments elsewhere."""
        if unknown := sorted({rule.gateway for rule in self.routing} - set(NAMES)):
            raise ValueError(f"ONETILL_ROUTING names {unknown[0]}; there are {', '.join(NAMES)}")
        return self

    @model_validator(mode="after")
    def refuse_unsafe_live(self) -> Self:
        """Live mode starts only with real secrets, real hosts and real time; the error names every setting at fault."""
        if self.mode == "live" and (faults := list(self._live_faults())):
            raise ValueError("live mode refuses to start: " + "; ".join(faults))
        return self

    def _live_faults(self) -> list[str]:
        faults = []
        key = self.secret_key.get_secret_value()
        if key == DEFAULT_SECRET_KEY or len(key) < 32:
            faults.append("ONETILL_SECRET_KEY is the default or shorter than 32 characters")
        if self.time_scale != 1:
            faults.append("ONETILL_TIME_SCALE is for test mode only")
        if not self.public_url.startswith("https://"):
            faults.append("ONETILL_PUBLIC_URL is not https")
        for manifest, account in self.accounts():
            faults += _unfit_for_live_money(manifest, account)
        configured = {manifest.name for manifest, _ in self.accounts()}
        unknown = sorted({rule.gateway for rule in self.routing} - configured)
        faults += [f"ONETILL_ROUTING names {name}, which is not configured" for name in unknown]
        return faults

    def accounts(self) -> Iterator[tuple[Manifest[Any], GatewaySettings]]:
        """The gateways that are on, with their accounts, in the registry's order."""
        for manifest in MANIFESTS:
            if (account := getattr(self, manifest.name)) is not None:
                yield manifest, account

    def account(self, kind: type[Account]) -> Account | None:
        """The account of the gateway that has these settings; None when it is off."""
        return next((account for _, account in self.accounts() if isinstance(account, kind)), None)

    def seconds(self, real: float) -> float:
        """A retry, lease, batch or sweep interval as this process should wait for it."""
        return real / self.time_scale

    def lease_s(self, deadline_s: float) -> float:
        """How long a process may hold the right to ask a gateway: longer than the call itself can take."""
        return deadline_s + max(1.0, self.seconds(LEASE_MARGIN_S))

    def deadline(self, timeout_s: float) -> float:
        """The total deadline of one gateway call. Scaled like the leases above it, but never below what a call needs."""
        return max(min(timeout_s, 2.0), timeout_s / self.time_scale)


def _unfit_for_live_money(manifest: Manifest[Any], account: GatewaySettings) -> Iterator[str]:
    """What of a gateway's account leads to the simulator, or to nobody whom money may be trusted to."""
    for name, field in manifest.fields().items():
        value, variable = getattr(account, name), manifest.variable(name)
        if is_address(field):
            parts = urlsplit(value)
            if parts.scheme != "https" or parts.hostname in LOOPBACK:
                yield f"{variable} is not a real https host (the simulator?)"
        secrets = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, SecretStr)]
        if any(secret.get_secret_value().startswith("sim_") for secret in secrets):
            yield f"{variable} is the simulator's"
        if name in manifest.needed_in_live_mode and not value:
            yield f"{variable} is missing: {manifest.needed_in_live_mode[name]}"


if TYPE_CHECKING:
    Settings = ProductSettings
else:
    Settings = create_model(
        "Settings",
        __base__=ProductSettings,
        __module__=__name__,
        __doc__="Everything that can be set from outside: the product's settings, and one account of each gateway.",
        **{manifest.name: (manifest.settings | None, None) for manifest in MANIFESTS},
    )
