"""Small HTTP helpers that every imitated gateway and the tester's hand share."""

from pathlib import Path
from typing import Any

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page from a template, every value escaped; not cached, and its address kept to itself."""
    html = _TEMPLATES.get_template(template).render(values)
    return HTMLResponse(html, status, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})


def json_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, whatever its content type says; None when there is none."""
    try:
        value = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


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
