"""The forms of settings: comma-separated lists, pairs, addresses, currencies. The product's and the gateways' use the same."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from app.domain.currencies import EXPONENT


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


_ADDRESS = "address"
Names = Annotated[list[str], BeforeValidator(split)]
Pairs = Annotated[dict[str, str], BeforeValidator(_pairs)]
Secrets = Annotated[list[SecretStr], BeforeValidator(split)]
HttpUrl = Annotated[str, AfterValidator(_http_url), _ADDRESS]
Origin = Annotated[str, AfterValidator(_origin), _ADDRESS]
Currency = Annotated[str, AfterValidator(_currency)]


def origin_of(url: str) -> str:
    """The scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_address(field: FieldInfo) -> bool:
    """Whether a setting is an `HttpUrl` or an `Origin`: where calls or browsers go."""
    return _ADDRESS in field.metadata
