"""What surrounds every checkout page: its policy, its headers, and the cookie by which a browser keeps its payment."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from app.checkout.brand import Brand
from app.checkout.view import content_security_policy
from app.domain.client_tokens import ClientTokens
from app.domain.language import Language
from app.gateways.values import PageSources
from app.ledger.model import Payment
from app.settings import Settings

COMING_BACK_S = 86_400
"""How long after the payment's expiry the buyer's browser is still known: a day, to read how it ended."""

MOST_COOKIES = 20
"""Payments that one browser keeps, at some 110 bytes each: beyond 8 kB of them a proxy before us refuses every checkout."""

MOST_ENDED = 5
"""Cookies that one answer ends: a proxy has as little room for an answer's head."""


@dataclass(frozen=True, slots=True)
class ResponseSecurity:
    """Makes the pages that answer one request."""

    settings: Settings
    language: Language
    nonce: str

    def page(self, html: str, status: int, sources: PageSources) -> Response:
        """An HTML page that may load nothing but our own files and these sources."""
        headers = {
            "Content-Security-Policy": content_security_policy(
                self.nonce, sources, self.settings.frame_ancestors, Brand.of(self.settings).images
            ),
            "Content-Language": self.language,
        }
        return HTMLResponse(html, status, headers)


def payment_cookies(payment: Payment, token: str, request: Request, settings: Settings, now: datetime) -> Iterator[str]:
    """The Set-Cookie headers by which this browser keeps its payment, and forgets the oldest where it keeps too many."""
    yield payment_cookie(payment, token, settings, now)
    others = sorted(set(filter(_NAME.fullmatch, request.cookies)) - {_name(payment.id)})  # by id, and so by age
    for name in others[: max(0, len(others) + 1 - MOST_COOKIES)][:MOST_ENDED]:
        yield _cookie(name, "", 0, settings)


def payment_cookie(payment: Payment, token: str, settings: Settings, now: datetime) -> str:
    """The Set-Cookie header by which this browser opens `/checkout/pay_…`, and comes back to it from a gateway.

    An address and a redirect's query are for anybody to write and name a payment at most (law 14); the right to it is in
    the token. So the token stays in the buyer's browser, one cookie a payment: no script reads it, and it goes to the
    checkout alone. A page that shops may frame needs it in their frames, too, and there each shop has its own
    (`Partitioned`). Browsers take `SameSite=None` over https only.
    Source: RFC 6265 §4.1.2, draft-ietf-httpbis-rfc6265bis §5.7, Cookies Having Independent Partitioned State (CHIPS).
    """
    left_s = max(0, int((payment.expires_at - now).total_seconds())) + COMING_BACK_S
    return _cookie(_name(payment.id), token, left_s, settings)


def token_of(request: Request, payment_id: UUID, tokens: ClientTokens, now: datetime) -> str | None:
    """The client token of this payment that this browser was given, if it was."""
    token = request.cookies.get(_name(payment_id))
    return token if token and tokens.payment_of(token, now) == payment_id else None


def _cookie(name: str, value: str, left_s: int, settings: Settings) -> str:
    if settings.public_url.startswith("https://"):
        kind = "SameSite=None; Secure" + ("; Partitioned" if settings.frame_ancestors else "")
    else:
        kind = "SameSite=Lax"
    return f"{name}={value}; Path=/checkout; Max-Age={left_s}; HttpOnly; {kind}"


_NAME = re.compile(r"onetill_[0-9a-f]{32}")


def _name(payment_id: UUID) -> str:
    return f"onetill_{payment_id.hex}"
