"""`GET /checkout/return/{gateway}`: where a gateway's redirect brings the buyer back to.

Everything in the query is the browser's word: it names a payment and brings the look-up forward, nothing else. Where the
buyer goes next stands in our database only, so no query can send anybody anywhere.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.checkout.pages import CheckoutPages
from app.checkout.response_security import token_of
from app.checkout.texts import TEXTS
from app.checkout.view import format_amount, safe_link
from app.domain.errors import GatewayUnavailable, NotFound
from app.domain.language import pick_language
from app.domain.states import PaymentStatus
from app.gateways.port import PageSources
from app.logs import get_logger
from app.payments.service import PaymentService
from app.verification.context import VerificationResult

LONGEST_FIELD = 2000
MOST_FIELDS = 40
AGAIN = "again"
"""Our own mark in the query: how often the page has loaded itself again."""
MOST_RETURNS = 20

log = get_logger("checkout")
router = APIRouter(include_in_schema=False)


@router.get("/checkout/return/{gateway}")
async def come_back(gateway: str, request: Request, checkout: CheckoutPages) -> Response:
    """Verifies what the query points at, then sends the buyer on: to the shop, to the payment's page, or nowhere."""
    fields = {name: value for name, value in request.query_params.items() if len(value) <= LONGEST_FIELD}
    language = pick_language(request.headers.get("accept-language"))
    result = await _asked(checkout.payments, gateway.replace("-", "_"), fields)
    if result is None:
        return checkout.unknown(request, language)
    payment = result.payment
    token, link = token_of(request, payment, checkout.tokens), safe_link(payment.return_url)
    if link and (payment.status is PaymentStatus.PAID or (token is None and result.is_decided)):
        return _go(link)
    if token is not None:
        return _go(f"/checkout/{token}#returned")
    state = _state(result)
    html = checkout.templates.get_template("checkout_return.html").render(
        lang=language,
        texts=TEXTS[language],
        state=state,
        order_name=payment.order_name,
        amount_text=format_amount(payment.amount.minor, payment.amount.currency),
        payment_id=payment.public_id,
        return_link=link,
        next_try=_next_try(fields) if state == "confirming" else None,
    )
    return checkout.security(language).page(html, 200, PageSources())


async def _asked(service: PaymentService, gateway: str, fields: Mapping[str, str]) -> VerificationResult | None:
    """What the gateway says of the payment that these fields name; None when they name none of ours."""
    payment_id = await service.find(gateway, fields) if len(fields) <= MOST_FIELDS else None
    if payment_id is None:
        return None
    try:
        return await service.verify(payment_id, trigger="browser", callback=fields)
    except NotFound:
        return None  # well formed, and nobody's
    except GatewayUnavailable:
        log.warning("return_to_a_gateway_that_is_gone", gateway=gateway)
        return VerificationResult(await service.get(payment_id, None), is_decided=False)


def _state(result: VerificationResult) -> str:
    """What the page says, in the words of the checkout page's states."""
    status = result.payment.status
    if result.mismatch is not None:
        return "mismatch"
    if status is PaymentStatus.PROCESSING or (status is PaymentStatus.OPEN and not result.is_decided):
        return "confirming"
    return "declined" if status is PaymentStatus.OPEN else str(status)


def _next_try(fields: Mapping[str, str]) -> str | None:
    """The query with which the page asks once more; None when it has asked often enough for one buyer."""
    returns = int(fields[AGAIN]) if fields.get(AGAIN, "0").isdecimal() and AGAIN in fields else 0
    return None if returns >= MOST_RETURNS else "?" + urlencode({**fields, AGAIN: returns + 1})


def _go(url: str) -> Response:
    return RedirectResponse(url, 303)
