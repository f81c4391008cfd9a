"""`GET /checkout/{client_token}`: the buyer's page. The token is in the path, so this path is never logged."""

import secrets

import msgspec
from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.auth import ClientTokens
from app.api.problems import problem
from app.checkout.fence import Fence, return_cookie
from app.checkout.texts import TEXTS
from app.checkout.view import CheckoutView, format_amount
from app.domain.clock import Now
from app.domain.currencies import EXPONENT
from app.domain.errors import NotFound
from app.domain.language import pick_language
from app.domain.states import PAYMENT_UNPAID
from app.gateways.port import PageSources
from app.payments.service import PaymentService
from app.payments.views import Views
from app.settings import Settings


def checkout_routes(
    service: PaymentService, views: Views, tokens: ClientTokens, settings: Settings, templates: Environment, now: Now
) -> list[Route]:
    """The route of the page."""
    page, unknown = templates.get_template("checkout.html"), templates.get_template("checkout_unknown.html")

    async def show(request: Request) -> Response:
        request.scope["path_kind"] = "/checkout/{client_token}"
        token = request.path_params["client_token"]
        payment_id = tokens.payment_of(token)
        try:
            payment = await service.get(payment_id, None) if payment_id else None
        except NotFound:
            payment = None
        language, nonce = pick_language(request.headers.get("accept-language")), secrets.token_urlsafe(18)
        fence = Fence(settings, language, nonce)
        if payment is None:
            if "text/html" not in request.headers.get("accept", ""):
                return problem(request, "not_found", {})
            return fence.page(unknown.render(lang=language, texts=TEXTS[language]), 404, PageSources())
        shown = views.payment(payment, for_client=True)
        is_unpaid = payment.status in PAYMENT_UNPAID
        view = CheckoutView(
            lang=language,
            texts=TEXTS[language],
            nonce=nonce,
            payment_id=shown.id,
            order_name=payment.order_name,
            amount_text=format_amount(payment.amount.minor, payment.amount.currency, EXPONENT[payment.amount.currency]),
            status=payment.status,
            client_token=token,
            attempt_id=shown.attempts[-1].id,
            gateway=payment.last_attempt.gateway,
            gateways=[(each.name, each.title) for each in service.allowed_gateways(payment)] if is_unpaid else (),
            next_action=msgspec.json.decode(shown.next_action) if shown.next_action else None,
            return_url=payment.return_url,
            last_failure=msgspec.to_builtins(shown.last_failure),
            expires_at=shown.expires_at,
        )
        response = fence.page(page.render(view=view), 200, service.page_sources(payment))
        if is_unpaid:
            response.headers.append("Set-Cookie", return_cookie(payment, token, settings, now()))
        return response

    return [Route("/checkout/{client_token}", show, include_in_schema=False)]
