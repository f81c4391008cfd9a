"""`GET /checkout/{client_token}`: the buyer's page. The token is in the path, so this path is never logged."""

import secrets
from dataclasses import dataclass
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from jinja2 import Environment

from app.api.parameters import kept
from app.api.problems import problem
from app.api.security import ClientTokens
from app.checkout.response_security import ResponseSecurity, return_cookie
from app.checkout.texts import TEXTS
from app.checkout.view import CheckoutView, format_amount
from app.domain.clock import Now
from app.domain.errors import NotFound
from app.domain.language import Language, pick_language
from app.domain.states import PAYMENT_UNPAID
from app.gateways.port import PageSources
from app.payments.service import PaymentService
from app.payments.views import Views
from app.settings import Settings

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Checkout:
    """What the buyers' pages are made with."""

    payments: PaymentService
    views: Views
    tokens: ClientTokens
    settings: Settings
    templates: Environment
    now: Now

    def security(self, language: Language) -> ResponseSecurity:
        """For the pages of one request."""
        return ResponseSecurity(self.settings, language, secrets.token_urlsafe(18))

    def unknown(self, request: Request, language: Language) -> Response:
        """The page, or for a program the problem, where no payment of ours is named."""
        if "text/html" not in request.headers.get("accept", ""):
            return problem(request, "not_found", {})
        html = self.templates.get_template("checkout_unknown.html").render(lang=language, texts=TEXTS[language])
        return self.security(language).page(html, 404, PageSources())


CheckoutPages = Annotated[Checkout, Depends(kept("checkout"))]


@router.get("/checkout/{client_token}")
async def show_checkout(client_token: str, request: Request, checkout: CheckoutPages) -> Response:
    """The payment's page in the buyer's language, with the window of its gateway."""
    payment_id = checkout.tokens.payment_of(client_token)
    language = pick_language(request.headers.get("accept-language"))
    try:
        payment = await checkout.payments.get(payment_id, None) if payment_id else None
    except NotFound:
        payment = None
    if payment is None:
        return checkout.unknown(request, language)
    shown = checkout.views.payment(payment, for_client=True)
    is_unpaid = payment.status in PAYMENT_UNPAID
    gateways = checkout.payments.allowed_gateways(payment) if is_unpaid else []
    security = checkout.security(language)
    view = CheckoutView(
        lang=language,
        texts=TEXTS[language],
        nonce=security.nonce,
        payment_id=shown["id"],
        order_name=payment.order_name,
        amount_text=format_amount(payment.amount.minor, payment.amount.currency),
        status=payment.status,
        client_token=client_token,
        attempt_id=shown["attempts"][-1]["id"],
        gateway=payment.last_attempt.gateway,
        gateways=[(each.name, each.title) for each in gateways],
        next_action=msgspec.json.decode(shown["next_action"]),
        return_url=payment.return_url,
        last_failure=shown["last_failure"],
        expires_at=shown["expires_at"],
    )
    html = checkout.templates.get_template("checkout.html").render(view=view)
    response = security.page(html, 200, checkout.payments.page_sources(payment))
    if is_unpaid:
        response.headers.append("Set-Cookie", return_cookie(payment, client_token, checkout.settings, checkout.now()))
    return response
