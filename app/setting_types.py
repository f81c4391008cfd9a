"""The forms of settings: comma-separated lists, pairs, addresses, currencies. The product's and the gateways' use the same."""

import ipaddress
import re
import socket
from email.errors import MessageError
from email.headerregistry import Address
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from app.domain.addresses import address_in
from app.domain.currencies import EXPONENT
from app.domain.shared_names import is_shared

PRIVATE = tuple(
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "::1/128", "fc00::/7")
)
"""Networks of machines that only their neighbours reach, and of this machine."""


def split(value: object) -> object:
    """The parts of a comma-separated text; anything else as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if bad := [left for left, sign, right in pairs if not (sign and left.strip() and right.strip())]:
        raise ValueError(f"expected NAME=MEANING pairs separated by commas, {bad[0]!r} is none")
    return {left.strip(): right.strip() for left, _, right in pairs}


def _http_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("expected an http(s) URL without query, such as https://pay.shop.example")
    if "@" in parts.netloc or "\\" in value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("expected a URL of plain letters without a user name (an international host as xn--…)")
    return value.rstrip("/")


def _maybe_http_url(value: str | None) -> str | None:
    return _http_url(value) if value else None


def _color(value: str | None) -> str | None:
    if value and not _COLOR.fullmatch(value):
        raise ValueError("expected a colour such as #1d4fd7")
    return value.lower() if value else None


def _origin(value: str) -> str:
    url = _http_url(value)
    if urlsplit(url).path:
        raise ValueError("expected an origin: scheme, host and port without a path")
    return url


def _currency(value: str) -> str:
    if value not in EXPONENT:
        raise ValueError("expected an ISO 4217 currency in capitals, such as KRW")
    return value


def _framers(values: list[str]) -> list[str]:
    """Each is an origin, and may begin with `*.`; it goes into a header as it is, so nothing else may stand in it."""
    for value in values:
        host = urlsplit(_origin(value)).hostname or ""
        if not _FRAMER.fullmatch(value) or "*" in host.removeprefix("*.") or (host[:1] == "*" and host.count(".") < 2):
            raise ValueError("expected origins such as https://shop.example or https://*.shop.example, never any (*)")
        if host[:1] == "*" and is_shared(host.removeprefix("*.")):
            raise ValueError(f"anybody can have a name of {host}: name your own origins one by one")
    return values


def _app_schemes(values: list[str]) -> list[str]:
    for value in values:
        if not _SCHEME.fullmatch(value):
            raise ValueError("expected schemes such as myshop, in small letters and without ://")
        if value in NO_APP_SCHEMES:
            raise ValueError(f"{value} is a browser's own scheme: name one that only your app has, such as myshop")
    return values


def _addresses(values: list[str]) -> list[str]:
    addresses = [found for value in values if (found := address_in(value))]
    if len(addresses) != len(values):
        raise ValueError("expected addresses such as 192.0.2.1 or 2001:db8::1, neither names nor networks")
    return addresses


def _networks(values: list[str]) -> list[str]:
    try:
        found = [ipaddress.ip_network(value) for value in values]
    except ValueError:
        raise ValueError("expected networks or addresses such as 10.1.0.0/16 or 192.168.1.5") from None
    if not all(any(each.version == of.version and each.subnet_of(of) for of in PRIVATE) for each in found):  # type: ignore[arg-type]  # of one version
        raise ValueError("expected private networks: what is public needs no permission")
    return [str(each) for each in found]


def _maybe_mail_address(value: str | None) -> str | None:
    return _mail_address(value) if value else None


def _mail_address(value: str) -> str:
    """An address alone, in ASCII: it goes into headers and commands as it is."""
    try:
        address = Address(addr_spec=value)
    except (ValueError, IndexError, MessageError):
        address = Address()
    if (
        not address.username
        or not _MAIL_HOST.fullmatch(address.domain)
        or not (value.isascii() and value.isprintable())
    ):
        raise ValueError("expected an address such as alarms@shop.example, without a name beside it")
    return value


_NO_APP_SCHEMES = """about android-app app-settings blob brave chrome chrome-extension cid content data facetime feed file
    filesystem firefox ftp ftps googlechrome googlechromes gopher http https intent itms itms-apps
    itms-appss itms-services jar javascript ldap livescript mailto market mhtml microsoft-edge mocha
    moz-extension ms-msdt ms-settings opera-http opera-https resource search-ms shortcuts sms ssh tel
    telnet vbscript view-source webcal ws wss wyciwyg x-safari-http x-safari-https"""
NO_APP_SCHEMES = frozenset(_NO_APP_SCHEMES.split())
"""Schemes that run a script, read what is on the buyer's device, lead anywhere or leave TLS: no app answers to them."""
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")
_FRAMER = re.compile(r"https?://(?:\*\.)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?/?")
_COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
_MAIL_HOST = re.compile(r"(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_ADDRESS, _DATABASE, _MAIL = "address", "database", "mail"
Names = Annotated[list[str], BeforeValidator(split)]
Ports = Annotated[list[Annotated[int, Field(ge=1, le=65535)]], BeforeValidator(split)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
Secrets = Annotated[list[SecretStr], BeforeValidator(split)]
Addresses = Annotated[list[str], BeforeValidator(split), AfterValidator(_addresses)]
Networks = Annotated[list[str], BeforeValidator(split), AfterValidator(_networks)]
MaybeMailAddress = Annotated[str | None, AfterValidator(_maybe_mail_address)]
MailAddresses = Annotated[list[Annotated[str, AfterValidator(_mail_address)]], BeforeValidator(split)]
MailPassword = Annotated[SecretStr | None, _MAIL]
HttpUrl = Annotated[str, AfterValidator(_http_url), _ADDRESS]
MaybeHttpUrl = Annotated[str | None, AfterValidator(_maybe_http_url), _ADDRESS]
Color = Annotated[str | None, AfterValidator(_color)]
Origin = Annotated[str, AfterValidator(_origin), _ADDRESS]
Currency = Annotated[str, AfterValidator(_currency)]
Framers = Annotated[list[str], BeforeValidator(split), AfterValidator(_framers), _ADDRESS]
AppSchemes = Annotated[list[str], BeforeValidator(split), AfterValidator(_app_schemes)]
DatabaseUrl = Annotated[str, Field(repr=False), _DATABASE]
MaybeDatabaseUrl = Annotated[str | None, Field(repr=False), _DATABASE]


def origin_of(url: str) -> str:
    """The scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_address(field: FieldInfo) -> bool:
    """Whether a setting is an `HttpUrl`, an `Origin` or `Framers`: where calls or browsers go, or come from."""
    return _ADDRESS in field.metadata


def is_secret(field: FieldInfo) -> bool:
    """Whether a setting holds a secret, or several."""
    return "SecretStr" in str(field.annotation)


def is_database(field: FieldInfo) -> bool:
    """Whether a setting is a `DatabaseUrl`."""
    return _DATABASE in field.metadata


def is_mail_password(field: FieldInfo) -> bool:
    """Whether a setting is a `MailPassword`, which a provider makes: some have twelve characters."""
    return _MAIL in field.metadata


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1, "any address", `localhost`, a Unix socket, in every spelling."""
    name = host.strip("[]").rstrip(".").lower()
    if not name or name.startswith(("/", "@")) or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified or int(address) >> 24 == 0)


def listens_here(host: str) -> bool:
    """Whether who listens at this host is reached from this machine only; "any address" is reached from everywhere."""
    address = _address(host.strip("[]").rstrip(".").lower())
    return address is not None and address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host name spells; `127.1`, `0x7f.1` and `2130706433` are ways that browsers take, too."""
    if name == "localhost":
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(name))
        except (OSError, UnicodeError):
            return None
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address


def hosts_of(url: str) -> list[str]:
    """The hosts of a database's URL: in its authority, as `host=`, or a `service=` that stands for one. [""]: none."""
    try:
        parts = urlsplit(url)
    except ValueError:  # connecting will say so
        return [""]
    query = parse_qs(parts.query)
    elsewhere = [each for name in ("host", "hostaddr", "service") for each in query.get(name, [])]
    named = parts.netloc.rpartition("@")[2].split(",") + ",".join(elsewhere).split(",")
    hosts = [unquote(each if each.endswith("]") else each.rpartition(":")[0] or each) for each in named if each]
    return hosts or [""]


def sslmode_of(url: str) -> str | None:
    """The `sslmode` of a database's URL."""
    try:
        return parse_qs(urlsplit(url).query).get("sslmode", [None])[-1]
    except ValueError:
        return None
