"""The one tree of settings, read once from `ONETILL_*` variables. Nothing else reads the environment.

A gateway is on when its variables are there. In live mode the process refuses to start with anything that would let test
money, default secrets or the simulator in, and says which (law 12). `.env.example` lists every variable.
"""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.currencies import EXPONENT
from app.domain.routing import RoutingRule, read_rule
from app.domain.schedule import LEASE_MARGIN_S

DEFAULT_SECRET_KEY = "onetill-development-only-secret-key"  # noqa: S105  refused in live mode, see `refuse_unsafe_live`
GATEWAYS = ("point3", "portone_v1", "portone_v2", "unifi_pay")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  compared with, never bound


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if bad := [left for left, sign, right in pairs if not (sign and left.strip() and right.strip())]:
        raise ValueError(f"expected NAME=MEANING pairs separated by commas, {bad[0]!r} is none")
    return {left.strip(): right.strip() for left, _, right in pairs}


def _rules(value: object) -> object:
    return [read_rule(part) for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an http(s) URL without query, such as https://pay.shop.example")
    return value.rstrip("/")


def _origin(value: str) -> str:
    url = _http_url(value)
    if urlsplit(url).path:
        raise ValueError("expected an origin: scheme, host and port without a path")
    return url


def _currency(value: str) -> str:
    if value not in EXPONENT:
        raise ValueError("expected an ISO 4217 currency in capitals, such as KRW")
    return value


Letter = Annotated[str, Field(pattern=r"^[a-z]$")]
Names = Annotated[list[str], BeforeValidator(_split)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
Rules = Annotated[list[RoutingRule], BeforeValidator(_rules)]
Secrets = Annotated[list[SecretStr], BeforeValidator(_split)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
Origin = Annotated[str, AfterValidator(_origin)]
Currency = Annotated[str, AfterValidator(_currency)]


class Point3Settings(BaseModel):
    """Point3's payment widget. The vendor prints no API host; `api.point3.io` is the documented guess of the contract."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: HttpUrl = "https://api.point3.io"
    secret: SecretStr
    widget_origin: Origin = "https://widget.point3.io"
    client_business_num: Annotated[str, Field(pattern=r"^[0-9]{10}$")]
    client_nickname: Annotated[str, Field(min_length=1, max_length=100)]
    look_up: Literal["before", "after"] = "before"
    """Whether a look-up answers before confirm. The vendor does not say; `after` confirms first, then looks, then cancels."""
    cash_receipt_type: Letter = "a"
    culture_expense_types: Annotated[list[Letter], Field(min_length=1), BeforeValidator(_split)] = [*"abcdf"]
    status_aliases: Pairs = {}
    """The vendor's status words are unpublished: `VENDOR_WORD=CONFIRMED,…` teaches us one without a release."""
    label: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    """What buyers read where they may change to this way to pay. Empty: the gateway's own name."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    connections: Annotated[int, Field(gt=0, le=1000)] = 64


class PortOneV1Settings(BaseModel):
    """PortOne V1 (iamport) with a Paymentwall channel, or with another PG's."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: HttpUrl = "https://api.iamport.kr"
    imp_key: SecretStr
    imp_secret: SecretStr
    user_code: Annotated[str, Field(pattern=r"^imp[0-9]+$")]
    """The merchant's identification code, which the browser script is initialised with."""
    channel_key: Annotated[str, Field(min_length=1)]
    script_url: HttpUrl = "https://cdn.iamport.kr/v1/iamport.js"
    pg: Literal["paymentwall", "other"] = "paymentwall"
    """Whose rules an order must keep: Paymentwall wants a name of two words, an e-mail, and confirms cancels later."""
    most_usd: Annotated[int, Field(gt=0, le=1_000_000)] = 500
    """Paymentwall's limit of one payment in whole dollars; they raise it on request."""
    settlement_currency: Currency | None = None
    """What Paymentwall pays the shop in. A sale in another currency goes back whole or not at all. Empty: not known."""
    tier: str | None = None
    """The `Tier` header of agency accounts."""
    label: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    """What buyers read where they may change to this way to pay. Empty: the gateway's own name."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 30.0
    connections: Annotated[int, Field(gt=0, le=1000)] = 64


class PortOneV2Settings(BaseModel):
    """PortOne V2: one store, one channel."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: HttpUrl = "https://api.portone.io"
    api_secret: SecretStr
    store_id: Annotated[str, Field(min_length=1)]
    channel_key: Annotated[str, Field(min_length=1)]
    webhook_secrets: Secrets = []
    """One, or two while they are rotated."""
    script_url: HttpUrl = "https://cdn.portone.io/v2/browser-sdk.js"
    pay_method: Annotated[str, Field(pattern=r"^[A-Z_]+$")] = "CARD"
    """How to pay where an order names no `method`."""
    approval: Literal["automatic", "manual"] = "automatic"
    """As the channel is set in PortOne's console: with `manual`, money moves only when our server confirms."""
    settlement_currency: Currency | None = None
    """What Paymentwall pays the shop in, behind such a channel. A sale in another currency goes back whole or not at all."""
    label: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    """What buyers read where they may change to this way to pay. Empty: the gateway's own name."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 60.0
    """PortOne asks for at least 60 s: a broken connection does not cancel the work on their side."""
    look_up_timeout_s: Annotated[float, Field(gt=0, le=120)] = 15.0
    connections: Annotated[int, Field(gt=0, le=1000)] = 64


class UnifiPaySettings(BaseModel):
    """LINE NEXT Unifi Pay (Classic). The host is issued at onboarding; nobody publishes it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    base_url: HttpUrl
    app_id: Annotated[str, Field(min_length=1)]
    api_key: SecretStr | None = None
    app_secret: SecretStr
    store_id: Annotated[str, Field(min_length=1)]
    sign_with: Literal["api_key", "app_id"] = "api_key"
    """Which id stands in the signed text; the vendor's pages contradict each other."""
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "KR"
    """The buyer's country, ISO 3166-1 alpha-2, where an order names none."""
    label: Annotated[str | None, Field(min_length=1, max_length=40)] = None
    """What buyers read where they may change to this way to pay. Empty: the gateway's own name."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 10.0
    connections: Annotated[int, Field(gt=0, le=1000)] = 64

    @model_validator(mode="after")
    def need_the_signing_id(self) -> Self:
        """Refuse to start when the id that is to be signed is missing."""
        if self.sign_with == "api_key" and self.api_key is None:
            raise ValueError("API_KEY is missing; set it, or SIGN_WITH=app_id if LINE NEXT says so")
        return self


class Settings(BaseSettings):
    """Everything that can be set from outside. Field names are the variables without `ONETILL_`, in lower case."""

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
    keep_exchanges_days: Annotated[int, Field(ge=1, le=3650)] = 30
    """How long the masked exchanges with gateways are kept for operators."""
    keep_webhooks_days: Annotated[int, Field(ge=7, le=3650)] = 90
    """How long webhooks that were looked into are kept as they came."""
    trusted_proxies: Annotated[int, Field(ge=0, le=10)] = 0
    """How many proxies of ours stand in front and append to X-Forwarded-For; 0 does not read it."""
    routing: Rules = []
    """Who takes a payment that names no gateway; see `app.domain.routing`. Empty: the first that can, in this order."""
    point3: Point3Settings | None = None
    portone_v1: PortOneV1Settings | None = None
    portone_v2: PortOneV2Settings | None = None
    unifi_pay: UnifiPaySettings | None = None

    @model_validator(mode="after")
    def know_the_routed(self) -> Self:
        """A rule for a gateway that does not exist is a typing error that would route payments elsewhere."""
        if unknown := sorted({rule.gateway for rule in self.routing} - set(GATEWAYS)):
            raise ValueError(f"ONETILL_ROUTING names {unknown[0]}; there are {', '.join(GATEWAYS)}")
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
        for gateway in GATEWAYS:
            faults += self._simulated(gateway)
        if self.portone_v2 and not self.portone_v2.webhook_secrets:
            faults.append("ONETILL_PORTONE_V2__WEBHOOK_SECRETS is missing: webhooks could not be told from forged ones")
        unknown = sorted({rule.gateway for rule in self.routing if getattr(self, rule.gateway, None) is None})
        faults += [f"ONETILL_ROUTING names {name}, which is not configured" for name in unknown]
        return faults

    def _simulated(self, gateway: str) -> list[str]:
        """What of a gateway's settings leads to the simulator, or to nobody whom money may be trusted to."""
        own: BaseModel | None = getattr(self, gateway)
        faults = []
        for name in type(own).model_fields if own else ():
            value, variable = getattr(own, name), f"ONETILL_{gateway.upper()}__{name.upper()}"
            if name in {"base_url", "script_url", "widget_origin"}:
                parts = urlsplit(value)
                if parts.scheme != "https" or parts.hostname in LOOPBACK:
                    faults.append(f"{variable} is not a real https host (the simulator?)")
            if isinstance(value, SecretStr) and value.get_secret_value().startswith("sim_"):
                faults.append(f"{variable} is the simulator's")
        return faults

    def seconds(self, real: float) -> float:
        """A retry, lease, batch or sweep interval as this process should wait for it."""
        return real / self.time_scale

    def lease_s(self, deadline_s: float) -> float:
        """How long a process may hold the right to ask a gateway: longer than the call itself can take."""
        return deadline_s + max(1.0, self.seconds(LEASE_MARGIN_S))

    def deadline(self, timeout_s: float) -> float:
        """The total deadline of one gateway call. Scaled like the leases above it, but never below what a call needs."""
        return max(min(timeout_s, 2.0), timeout_s / self.time_scale)
