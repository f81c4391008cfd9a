"""`GET /checkout/{client_token}`: the buyer's page. The token is in the path, so this path is never logged."""

import secrets

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.api.auth import ClientTokens
from app.api.problems import problem
from app.checkout.texts import TEXTS
from app.checkout.view import CheckoutView, content_security_policy, format_amount
from app.domain.currencies import EXPONENT
from app.domain.errors import NotFound
from app.domain.language import Language, pick_language
from app.payments.service import PaymentService
from app.payments.views import Views
from app.settings import Settings


def checkout_routes(
    service: PaymentService, views: Views, tokens: ClientTokens, settings: Settings, templates: Environment
) -> list[Route]:
    """The route of the page."""
    page, unknown = templates.get_template("checkout.html"), templates.get_template("checkout_unknown.html")

    def fenced(html: str, status: int, language: Language, nonce: str, frame_src: list[str]) -> Response:
        headers = {
            "Content-Security-Policy": content_security_policy(nonce, frame_src, settings.frame_ancestors),
            "Cache-Control": "no-store",
            "Content-Language": language,
        }
        return HTMLResponse(html, status, headers)

    async def show(request: Request) -> Response:
        request.scope["path_kind"] = "/checkout/{client_token}"
        token = request.path_params["client_token"]
        payment_id = tokens.payment_of(token)
        try:
            payment = await service.get(payment_id, None) if payment_id else None
        except NotFound:
            payment = None
        language, nonce = pick_language(request.headers.get("accept-language")), secrets.token_urlsafe(18)
        if payment is None:
            if "text/html" not in request.headers.get("accept", ""):
                return problem(request, "not_found", {})
            return fenced(unknown.render(lang=language, texts=TEXTS[language]), 404, language, nonce, [])
        shown = views.payment(payment, for_client=True)
        view = CheckoutView(
            lang=language,
            texts=TEXTS[language],
            nonce=nonce,
            payment_id=shown.id,
            order_name=payment.order_name,
            amount_text=format_amount(payment.amount.minor, payment.amount.currency, EXPONENT[payment.amount.currency]),
            status=payment.status,
            client_token=token,
            next_action=msgspec.json.decode(shown.next_action) if shown.next_action else None,
            return_url=payment.return_url,
            last_failure=msgspec.to_builtins(shown.last_failure),
            expires_at=shown.expires_at,
        )
        return fenced(page.render(view=view), 200, language, nonce, list(service.page_sources(payment).frames))

    return [Route("/checkout/{client_token}", show, include_in_schema=False)]
