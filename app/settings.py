"""The one tree of settings, read once from `ONETILL_*` variables. Nothing else reads the environment.

Each gateway's manifest adds a field of its name; the gateway is on when its variables are there. In live mode the process
refuses to start with anything that would let test money, default secrets or the simulator in, and says which (law 12).
`.env.example` lists every variable.
"""

from collections.abc import Iterator
from os import environ
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, create_model, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.domain.language import Language
from app.domain.routing import RoutingRule, read_rule
from app.domain.schedule import KEEP_ALIVE_S, LEASE_MARGIN_S
from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.registry import MANIFESTS, NAMES
from app.live_mode import Setting, faults, is_published, versions
from app.setting_types import (
    AppSchemes,
    Color,
    DatabaseUrl,
    Framers,
    HttpUrl,
    MailAddresses,
    MailPassword,
    MaybeDatabaseUrl,
    MaybeHttpUrl,
    MaybeMailAddress,
    Names,
    Networks,
    Ports,
    Secrets,
    hosts_of,
    is_loopback,
)

DEFAULT_SECRET_KEY = "onetill-development-only-secret-key"  # noqa: S105  refused where others could reach it
PUBLISHED = frozenset(
    {
        DEFAULT_SECRET_KEY,
        "6b1f0c9d7a4e2b8853f1d06c9ae7b3425d8e1f706a9c4b3d2e5f8a7c6b9d0e1f",  # .env.example had it as a history key
        "from-your-mail-provider",  # .env.example has it as the mail server's password
    }
)


ELSEWHERE = frozenset({"PGHOST", "PGSERVICE", "PGSERVICEFILE"})
"""Variables by which a driver finds the database where a URL names no host."""


def _rules(value: object) -> object:
    return [read_rule(part) for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Rules = Annotated[list[RoutingRule], BeforeValidator(_rules)]


Account = TypeVar("Account", bound=GatewaySettings)


class LimitSettings(BaseModel):
    """How often one may ask, in each process. 0 is no limit."""

    model_config = ConfigDict(extra="forbid")

    key_per_s: Annotated[float, Field(ge=0, le=1_000_000)] = 5000
    """Calls of one API key."""
    token_per_s: Annotated[float, Field(ge=0, le=1_000_000)] = 20
    """Calls with one payment's client token."""
    payment_per_min: Annotated[float, Field(ge=0, le=1_000_000)] = 30
    """Look-ups of one payment that callers without an API key set off: its token's holder, and strangers together."""
    source_per_s: Annotated[float, Field(ge=0, le=1_000_000)] = 100
    """Calls without key or token from one address."""
    hints_per_s: Annotated[float, Field(ge=0, le=1_000_000)] = 200
    """Unsigned webhooks, from everywhere together."""
    unknown_hints: Annotated[int, Field(ge=0, le=10_000_000)] = 10_000
    """Unsigned webhooks that are kept at once and name no payment of ours, of all processes together."""
    in_flight: Annotated[int, Field(ge=0, le=100_000)] = 1000
    """Requests under way at once; a quarter of the places is for callers without an API key."""


class NotificationSettings(BaseModel):
    """Where notifications may go."""

    model_config = ConfigDict(extra="forbid")

    allow_private: bool = False
    """Whether an endpoint may be in any private network or on this machine: for local development, never in live mode."""
    private_networks: Networks = []
    """Private networks or addresses where an endpoint may be, comma-separated: for a shop beside Onetill."""
    ports: Ports = [80, 443, 8080, 8443]
    """Ports that endpoints may have, comma-separated. Private addresses, where they are allowed, may have any."""


class AlarmSettings(BaseModel):
    """Whom to tell what a person must look at, by mail. The log and the metrics say it in any case."""

    model_config = ConfigDict(extra="forbid")

    mail_to: MailAddresses = []
    """Addresses, comma-separated. Empty: no mail."""
    language: Language = "en"


class SmtpSettings(BaseModel):
    """The mail server that takes our mails."""

    model_config = ConfigDict(extra="forbid")

    host: str | None = None
    port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """By default 587, with `tls` 465, with `none` 25."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`none` is for a server on this machine: live mode takes it nowhere else, and no mode sends a password with it."""
    user: str | None = None
    password: MailPassword = None
    sender: MaybeMailAddress = None
    """From whom the mails are."""


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

    database_url: DatabaseUrl = "postgresql://localhost/onetill"
    database_owner_url: MaybeDatabaseUrl = None
    """Who migrates. Defaults to `database_url`; the processes drop to the role `onetill_app` either way."""
    database_direct_url: MaybeDatabaseUrl = None
    """Around a pooler, for the worker's LISTEN. Defaults to `database_url`."""
    database_plain_hosts: Names = []
    """Hosts of a private network that live mode may reach without TLS, for example Compose's `postgres`."""
    database_connections: Annotated[int, Field(ge=2, le=64)] = 10
    mode: Literal["live", "test"] = "test"
    public_url: HttpUrl = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr(DEFAULT_SECRET_KEY)
    """One, or several with commas in between: the first makes client tokens, all of them read."""
    history_keys: Secrets = []
    """What seals audit trails: `id:hex` or plain secrets, the newest first. Empty: one made from `secret_key`, in test mode."""
    time_scale: Annotated[float, Field(ge=1, le=100_000)] = 1.0
    frame_ancestors: Framers = []
    """Origins that may frame the checkout page. Empty: nobody."""
    brand_name: Annotated[str | None, Field(max_length=60)] = None
    """The shop's name as its buyers read it above the checkout."""
    brand_logo_url: MaybeHttpUrl = None
    """A picture beside it; browsers fetch it from there. Shown 40 px high."""
    brand_color: Color = None
    """The colour of the checkout's buttons, `#rrggbb`; what stands on them is white or black, whichever is readable."""
    buyer_chooses: bool = False
    """Whether the checkout asks how to pay, where a payment names no gateway and several take it, before it opens a window."""
    return_url_schemes: AppSchemes = []
    """App schemes that `return_url` may use besides https, for example `myshop` for `myshop://paid`."""
    return_hosts: Names = []
    """The only hosts that `return_url` may lead to on the web. Empty: any that the shop's server names."""
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
    limits: LimitSettings = LimitSettings()
    notifications: NotificationSettings = NotificationSettings()
    alarms: AlarmSettings = AlarmSettings()
    smtp: SmtpSettings = SmtpSettings()
    encryption_keys: Secrets = []
    """What signing secrets are encrypted with, as `history_keys` are written: the first writes, all read. Empty: one made from
    `secret_key` in test mode; in live mode no endpoint can be kept."""
    keep_events_days: Annotated[int, Field(ge=30, le=3650)] = 180
    """How long events, and what became of telling the shop, are kept."""
    keep_alive_s: Annotated[int, Field(ge=1, le=3600)] = KEEP_ALIVE_S
    """How long an idle connection is kept: longer than the balancer in front keeps its own."""
    metrics_token: SecretStr | None = None
    """What `/metrics` is read with, as a bearer token. Without one it is open in test mode, and closed in live mode."""
    routing: Rules = []
    """Who takes a payment that names no gateway; see `app.domain.routing`. Empty: the first that can, in this order."""

    @model_validator(mode="after")
    def know_the_routed(self) -> Self:
        """A rule for a gateway that does not exist is a typing error that would route payments elsewhere."""
        if unknown := sorted({rule.gateway for rule in self.routing} - set(NAMES)):
            raise ValueError(f"ONETILL_ROUTING names {unknown[0]}; there are {', '.join(NAMES)}")
        return self

    @model_validator(mode="after")
    def know_the_mail_server(self) -> Self:
        """Whoever wants mails names the server and the sender; a password never leaves without TLS."""
        if self.alarms.mail_to and not (self.smtp.host and self.smtp.sender):
            raise ValueError("ONETILL_ALARMS__MAIL_TO needs ONETILL_SMTP__HOST and ONETILL_SMTP__SENDER")
        if self.smtp.security == "none" and self.smtp.password is not None:
            raise ValueError("ONETILL_SMTP__SECURITY is none, and ONETILL_SMTP__PASSWORD would be sent in plain text")
        return self

    @model_validator(mode="after")
    def refuse_unsafe_live(self) -> Self:
        """Live mode starts only with real secrets, real hosts and real time; the error names every setting at fault."""
        if self.mode == "live" and (faults := list(self._live_faults())):
            raise ValueError("live mode refuses to start: " + "; ".join(faults))
        return self

    @model_validator(mode="after")
    def refuse_published_key(self) -> Self:
        """The secret key of the source code is for this machine alone: with it, anybody makes client tokens."""
        if not any(versions(self.secret_key)):
            raise ValueError(
                "ONETILL_SECRET_KEY is empty: leave it out on this machine, or make one with `openssl rand -hex 32`"
            )
        if self.mode == "test" and not is_loopback(urlsplit(self.public_url).hostname or ""):
            self.refuse_published_key_for("ONETILL_PUBLIC_URL is not this machine")
        return self

    def refuse_published_key_for(self, reason: str) -> None:
        """Raise ValueError where the secret key is the source code's, which this `reason` forbids."""
        if any(is_published(each, PUBLISHED) for each in versions(self.secret_key)):
            raise ValueError(
                f"ONETILL_SECRET_KEY is the published one, and {reason}: make one with `openssl rand -hex 32`"
            )

    def _live_faults(self) -> Iterator[str]:
        if self.time_scale != 1:
            yield "ONETILL_TIME_SCALE is for test mode only: leave it out"
        if not self.history_keys:
            yield "ONETILL_HISTORY_KEYS is missing: make one with `openssl rand -hex 32`"
        if "encryption_keys" in self.model_fields_set and not self.encryption_keys:
            yield "ONETILL_ENCRYPTION_KEYS is empty: make one with `openssl rand -hex 32`, or leave it out"
        if self.notifications.allow_private:
            yield (
                "ONETILL_NOTIFICATIONS__ALLOW_PRIVATE opens every private network to who may add an endpoint: leave it out, and "
                "name those where your shop is in ONETILL_NOTIFICATIONS__PRIVATE_NETWORKS"
            )
        if self.smtp.security == "none" and self.smtp.host and not is_loopback(self.smtp.host):
            yield "ONETILL_SMTP__SECURITY sends mail to another machine without TLS: set starttls or tls"
        for setting in self._each_setting():
            yield from faults(setting)
        urls = (self.database_url, self.database_owner_url, self.database_direct_url)
        if any(url and hosts_of(url) == [""] for url in urls):
            yield from (
                f"{name} leads elsewhere than ONETILL_DATABASE_URL says: unset it" for name in ELSEWHERE & set(environ)
            )
        for manifest, account in self.accounts():
            for name, reason in manifest.needed_in_live_mode.items():
                if not getattr(account, name):
                    yield f"{manifest.variable(name)} is missing: {reason}"
        configured = {manifest.name for manifest, _ in self.accounts()}
        unknown = sorted({rule.gateway for rule in self.routing} - configured)
        yield from (f"ONETILL_ROUTING names {name}, which is not configured" for name in unknown)

    def _each_setting(self) -> Iterator[Setting]:
        plain = frozenset(self.database_plain_hosts)
        for name, field in ProductSettings.model_fields.items():
            value = getattr(self, name)
            if isinstance(value, BaseModel):
                for each, inner in type(value).model_fields.items():
                    yield Setting(f"ONETILL_{name}__{each}".upper(), inner, getattr(value, each), False, PUBLISHED)
            else:
                yield Setting(f"ONETILL_{name}".upper(), field, value, True, PUBLISHED, plain)
        for manifest, account in self.accounts():
            for name, field in manifest.fields().items():
                yield Setting(
                    manifest.variable(name), field, getattr(account, name), published=manifest.published_for(name)
                )

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

    def road_s(self, gateway_calls: int) -> float:
        """How long it takes at most to wait for whoever asks a gateway already, and then to ask the slowest one so often in turn.

        Leases of keys and of due work are longer than the road that they are taken for.
        """
        slowest = max((self.deadline(account.timeout_s) for _, account in self.accounts()), default=0.0)
        return gateway_calls * slowest + self.confirm_wait_s

    def deadline(self, timeout_s: float) -> float:
        """The total deadline of one gateway call. Scaled like the leases above it, but never below what a call needs."""
        return max(min(timeout_s, 2.0), timeout_s / self.time_scale)


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
