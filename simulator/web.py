"""Small HTTP helpers that every imitated gateway and the tester's hand share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.money import Money

ANYBODY = {"Access-Control-Allow-Origin": "*"}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template, every value escaped; not cached, and its address kept to itself."""
    html = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(html, status, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def unknown(gateway: str, korean: str, english: str, developers: str) -> HTMLResponse:
    """The page of a payment that is not known."""
    return page("unknown.html", 404, gateway=gateway, korean=korean, english=english, developers=developers)


def unknown_window(gateway: str) -> HTMLResponse:
    """As `unknown`, of a payment window."""
    korean, english = "결제창이 없거나 만료되었습니다.", "This payment window is missing or unknown."
    return unknown(gateway, korean, english, "a reset or restart of the simulator forgets its windows.")


def script(text: str) -> Response:
    """A browser script that any shop's page may load."""
    return Response(text, media_type="text/javascript; charset=utf-8", headers=ANYBODY)


def json_object(body: bytes, decoder: msgspec.json.Decoder[Any] | None = None) -> dict[str, Any] | None:
    """The JSON object in a body, whatever its content type says; None when there is none."""
    try:
        value = (decoder or _JSON).decode(body)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return value if isinstance(value, dict) else None


_JSON = msgspec.json.Decoder()


def is_web_address(value: object) -> bool:
    """Whether it is an http(s) address with a host."""
    if not isinstance(value, str):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def with_query(url: str, values: Mapping[str, Any]) -> str:
    """The address with these values after its own query; its fragment stays."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(values)]))))


def money_text(minor: int, currency: str) -> str:
    """An amount for people, such as `12,000 KRW`."""
    try:
        major = Money(minor, currency).to_major()
    except ValueError:  # a currency that PortOne lists and ISO 4217 gives no minor unit
        return f"{minor:,} {currency}"
    whole, point, fraction = major.partition(".")
    return f"{int(whole):,}{point}{fraction} {currency}"


async def nobody_there(_: Request, __: Exception) -> Response:
    """The answer to a client that hung up while it was sending: not an error of the simulator."""
    return Response(status_code=400)


class RawPath:
    """Routes by the path as it was sent, so that an encoded slash (`%2F`) stays inside its segment.

    Handlers get their path values still encoded, and unquote them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path undecoded."""
        if scope["type"] == "http" and scope.get("raw_path"):
            scope = {**scope, "path": scope["raw_path"].decode("ascii", "replace")}
        await self._app(scope, receive, send)
