"""`GET /checkout/{client_token}`: the buyer's page. A token may be in the path, so this path is never logged."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from jinja2 import Environment

from app.api.limits import Limits
from app.api.parameters import kept
from app.api.problems import explain, problem
from app.checkout.amounts import format_amount
from app.checkout.brand import Brand
from app.checkout.response_security import ResponseSecurity, payment_cookies, token_of
from app.checkout.texts import TEXTS
from app.checkout.view import CheckoutView, OrderLine
from app.checkout.ways import to_choose, ways_to_pay
from app.domain import ids
from app.domain.client_tokens import ClientTokens
from app.domain.clock import Now
from app.domain.errors import MalformedId, NotFound
from app.domain.language import Language, pick_language
from app.domain.order import Item
from app.domain.states import PAYMENT_UNPAID, AttemptStatus
from app.gateways.values import PageSources
from app.ledger.model import Payment
from app.ledger.order_details import details_of
from app.links.qr import MEDIA_TYPE, qr_svg
from app.payments.mismatch import mismatch_of
from app.payments.service import PaymentService
from app.payments.views import Views
from app.settings import Settings
from app.verification.context import result_of

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
    limits: Limits

    def security(self, language: Language) -> ResponseSecurity:
        """For the pages of one request."""
        return ResponseSecurity(self.settings, language, secrets.token_urlsafe(18))

    def unknown(self, request: Request, language: Language) -> Response:
        """The page, or for a program the problem, where no payment of ours is named or this browser was not given it."""
        if "text/html" not in request.headers.get("accept", ""):
            return problem(request, "not_found", {})
        return self._note(language, "unknown", "unopened", 404)

    def stranger(self, language: Language) -> Response:
        """The page for a browser that came back from a gateway and that we do not know: one for all payments and none."""
        return self._note(language, "stranger", "waiting", 200)

    def ended_link(self, payment: Payment, language: Language) -> Response | None:
        """The page where a link led to a payment and does not any more; None while it leads there, or to how it ended."""
        if payment.status not in PAYMENT_UNPAID or not payment.link_has_ended(self.now()):
            return None
        return self._note(language, "ended_link", "expired", 410)

    def _note(self, language: Language, note: str, state: str, status: int) -> Response:
        template = self.templates.get_template("checkout_note.html")
        html = template.render(
            lang=language, texts=TEXTS[language], brand=Brand.of(self.settings), note=note, state=state
        )
        return self.security(language).page(html, status, PageSources())

    async def find(self, payment_id: UUID | None) -> Payment | None:
        """A payment that an address opens, as far as it is there."""
        try:
            return await self.payments.get(payment_id, None) if payment_id else None
        except NotFound:
            return None

    def opened(self, address: str, request: Request) -> UUID | None:
        """The payment that an address opens: a token by itself, the id of a payment with that payment's cookie only."""
        now = self.now()
        if not address.startswith(f"{ids.Prefix.PAYMENT}_"):
            return self.tokens.payment_of(address, now)
        try:
            payment_id = ids.read(ids.Prefix.PAYMENT, address)
        except MalformedId:
            return None
        return payment_id if token_of(request, payment_id, self.tokens, now) else None


CheckoutPages = Annotated[Checkout, Depends(kept("checkout"))]


@router.get("/checkout/brand.css")
async def show_brand(checkout: CheckoutPages) -> Response:
    """The shop's colour, for the page's other style sheets: its policy allows no style inside it."""
    return Response(Brand.of(checkout.settings).css, media_type="text/css")


@router.api_route("/checkout/{client_token}", methods=["GET", "HEAD"])
async def show_checkout(client_token: str, request: Request, checkout: CheckoutPages) -> Response:
    """The payment's page in the buyer's language, with the window of its gateway.

    Opened by its token, it gives the browser a cookie, with which it lives on at `/checkout/pay_…`: its script changes the
    address, and reloads, further tabs and redirects open it there.
    """
    language = pick_language(request.headers.get("accept-language"))
    payment = await checkout.find(checkout.opened(client_token, request))
    if payment is None:
        return checkout.unknown(request, language)
    now = checkout.now()
    is_known = token_of(request, payment.id, checkout.tokens, now) is not None
    if not is_known and (ended := checkout.ended_link(payment, language)) is not None:
        return ended
    token = checkout.tokens.token(payment.id, payment.expires_at)
    shown = checkout.views.payment(payment, for_client=True)
    is_unpaid = payment.status in PAYMENT_UNPAID
    gateways = checkout.payments.allowed_gateways(payment) if is_unpaid else []
    ways = ways_to_pay(payment, gateways, checkout.settings.public_url, language)
    security = checkout.security(language)
    view = CheckoutView(
        lang=language,
        texts=TEXTS[language],
        nonce=security.nonce,
        payment_id=shown["id"],
        order_name=payment.order_name,
        amount_text=format_amount(payment.amount.minor, payment.amount.currency, language),
        items=[_line(item, payment.amount.currency, language) for item in details_of(payment).items],
        status=payment.status,
        client_token=token,
        attempt_id=shown["attempts"][-1]["id"],
        seen=is_known,
        gateway=payment.last_attempt.gateway,
        gateways=ways,
        choices=to_choose(payment, ways),
        next_action=msgspec.json.decode(shown["next_action"]),
        return_url=payment.return_url,
        last_failure=shown["last_failure"],
        mismatch=_mismatch(payment, language),
        captured_ref=payment.captured_attempt.gateway_ref or "" if payment.captured_attempt else "",
        deposit=next((each["deposit"] for each in reversed(shown["attempts"]) if each["deposit"]), None),
        expires_at=shown["expires_at"],
    )
    html = checkout.templates.get_template("checkout.html").render(view=view, brand=Brand.of(checkout.settings))
    response = security.page(html, 200, checkout.payments.page_sources(payment))
    for cookie in payment_cookies(payment, token, request, checkout.settings, now):
        response.headers.append("Set-Cookie", cookie)
    return response


@router.api_route("/checkout/{client_token}/qr.svg", methods=["GET", "HEAD"])
async def show_qr(client_token: str, request: Request, checkout: CheckoutPages) -> Response:
    """The link as a picture, for whoever has it: in the shop's mail, at its till, on a screen beside the phone.

    A picture is for a browser that does not know the payment yet, so it ends with the link, whoever asks.
    """
    language = pick_language(request.headers.get("accept-language"))
    payment = await checkout.find(checkout.tokens.payment_of(client_token, checkout.now()))
    if payment is None:
        return checkout.unknown(request, language)
    if (ended := checkout.ended_link(payment, language)) is not None:
        return ended
    url = f"{checkout.settings.public_url}/checkout/{client_token}"
    headers = {"Content-Security-Policy": "default-src 'none'", "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(await asyncio.to_thread(qr_svg, url), media_type=MEDIA_TYPE, headers=headers)


def _line(item: Item, currency: str, language: Language) -> OrderLine:
    return OrderLine(item.name, item.quantity, format_amount(item.quantity * item.unit_amount, currency, language))


def _mismatch(payment: Payment, language: Language) -> str | None:
    """What differed in the newest attempt and what became of its money, as the call that found it was told; None: nothing did."""
    attempt = payment.last_attempt
    if attempt.status is not AttemptStatus.REJECTED:
        return None
    found = mismatch_of(result_of(payment, attempt.id))
    return explain(found.code, found.details, language)
