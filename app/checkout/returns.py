"""`GET /checkout/return/{gateway}`: where a gateway's redirect brings the buyer back to.

Everything in the query is the browser's word, and a name is no key (law 14). The browser that was given the payment's cookie
has the attempt verified, with what it brought as a hint, and goes on to the payment's page. Any other sees one page,
whatever it names, payments of ours or not, and at most brings the sweep's look forward. No query sends anybody anywhere.
"""

from collections.abc import Mapping
from contextlib import suppress

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.checkout.pages import Checkout, CheckoutPages
from app.checkout.response_security import token_of
from app.domain.errors import GatewayUnavailable, RateLimited
from app.domain.language import pick_language
from app.ledger.model import Attempt, Payment
from app.logs import get_logger

LONGEST_FIELD = 2000
MOST_FIELDS = 40

log = get_logger("checkout")
router = APIRouter(include_in_schema=False)


@router.get("/checkout/return/{gateway}")
async def come_back(gateway: str, request: Request, checkout: CheckoutPages) -> Response:
    """Sends the buyer on to the payment's page, which shows what its verification found and tells the shop's app."""
    fields = {name: value for name, value in request.query_params.items() if len(value) <= LONGEST_FIELD}
    language = pick_language(request.headers.get("accept-language"))
    is_few = len(fields) <= MOST_FIELDS
    named = await checkout.payments.attempt_of_callback(gateway.replace("-", "_"), fields) if is_few else None
    if named is None:
        return checkout.stranger(language)
    payment, attempt = named
    if token_of(request, payment.id, checkout.tokens, checkout.now()) is None:
        with suppress(RateLimited):  # it would say that there is such a payment
            checkout.limits.look(payment.id, is_client=False)
            await checkout.payments.look_soon(payment, attempt)
        return checkout.stranger(language)
    await _verify(checkout, payment, attempt, fields)
    return RedirectResponse(f"/checkout/{payment.public_id}#returned", 303)


async def _verify(checkout: Checkout, payment: Payment, attempt: Attempt, fields: Mapping[str, str]) -> None:
    """Have the attempt verified that the query names, and none but it. The page asks again where that decided nothing.

    A buyer who comes back more often than the budget allows comes to the page all the same.
    """
    try:
        checkout.limits.look(payment.id, is_client=True)
        await checkout.payments.verify(payment.id, trigger="browser", attempt_id=attempt.id, callback=fields)
    except RateLimited:
        log.info("return_over_budget", payment_id=payment.public_id)
    except GatewayUnavailable:
        log.warning("return_to_a_gateway_that_is_gone", gateway=attempt.gateway)
