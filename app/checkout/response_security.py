"""What surrounds every checkout page: its policy, its headers, and the cookie that knows a buyer who comes back."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from app.api.security import ClientTokens
from app.checkout.view import content_security_policy
from app.domain.language import Language
from app.gateways.port import PageSources
from app.ledger.model import Payment
from app.settings import Settings

COMING_BACK_S = 3600
"""How long after the payment's expiry the buyer's browser is still known."""


@dataclass(frozen=True, slots=True)
class ResponseSecurity:
    """Makes the pages that answer one request."""

    settings: Settings
    language: Language
    nonce: str

    def page(self, html: str, status: int, sources: PageSources) -> Response:
        """An HTML page that may load nothing but our own files and these sources."""
        headers = {
            "Content-Security-Policy": content_security_policy(self.nonce, sources, self.settings.frame_ancestors),
            "Content-Language": self.language,
        }
        return HTMLResponse(html, status, headers)


def return_cookie(payment: Payment, token: str, settings: Settings, now: datetime) -> str:
    """The Set-Cookie header by which a redirect that comes back finds its page again.

    A redirect's query is for anybody to write and names a payment at most; the right to act on it is only in the token.
    So the token stays in the buyer's browser: no script reads it, and it goes to the return address alone.
    """
    left_s = max(0, int((payment.expires_at - now).total_seconds())) + COMING_BACK_S
    secure = "; Secure" if settings.public_url.startswith("https://") else ""
    return f"{_name(payment)}={token}; Path=/checkout/return; Max-Age={left_s}; HttpOnly; SameSite=Lax{secure}"


def token_of(request: Request, payment: Payment, tokens: ClientTokens) -> str | None:
    """The client token of this payment that this browser was given, if it was."""
    token = request.cookies.get(_name(payment))
    return token if token and tokens.payment_of(token) == payment.id else None


def _name(payment: Payment) -> str:
    return f"onetill_{payment.id.hex}"
