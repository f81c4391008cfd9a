"""What `PortOne.requestPayment` sends from the shop's page, and the order in it.

The script's own request (`/v2/browser/payments`) is this simulator's; shops see `requestPayment` alone, which behaves as
contract §5 and the browser SDK schema say (`PaymentRequestBase`, `TxServicePayErrorCode`). Which code goes with which wrong
field is [I]: the schema only lists the codes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.portone_v2.fields import PAY_METHODS, Fields, Refused
from simulator.portone_v2.store import Order, Store
from simulator.web import ANYBODY, is_web_address, json_object, script

SCRIPT_PATH = "/v2/browser-sdk.js"
SCRIPT = (Path(__file__).parent / "browser_sdk.js").read_text(encoding="utf-8")
WINDOW_TYPES = ("IFRAME", "POPUP", "REDIRECTION", "UI")
CURRENCY_PREFIX = "CURRENCY_"
"""Official guides write `CURRENCY_KRW` where the schema says `KRW`: both are taken (contract §7.6)."""


class BrowserError(Exception):
    """Nothing was opened: the `code` and message of the PaymentError that the script throws."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def browser_routes(store: Store) -> list[Route]:
    """The script, and its request that opens an attempt; an error there is what `requestPayment` throws.

    The script sends its JSON as text/plain, so that browsers ask no permission (CORS preflight) first.
    """

    async def browser_sdk(_: Request) -> Response:
        return script(SCRIPT)

    async def open_window(request: Request) -> Response:
        store.timers.run_due()
        address = request.client.host if request.client is not None else "127.0.0.1"
        origin = {"userAgent": request.headers.get("user-agent", ""), "ipAddress": address}
        try:
            order = checked_order(store, json_object(await request.body()), origin)
        except BrowserError as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.status, ANYBODY)
        tx_id = store.open(order).id
        return JSONResponse({"txId": tx_id, "window": f"/v2/window?txId={tx_id}"}, headers=ANYBODY)

    return [Route(SCRIPT_PATH, browser_sdk), Route("/v2/browser/payments", open_window, methods=["POST"])]


def checked_order(store: Store, sent: Mapping[str, Any] | None, origin: Mapping[str, Any]) -> Order:
    """The order in what the script sent: `{request, page: {url, isMobile}, isRedirected}`. Raises BrowserError."""
    try:
        fields = Fields(sent)
        request, site = fields.within("request"), fields.within("page")
        if request is None or site is None:
            raise BrowserError("BadRequest", "request and page are required")
        origin = {
            **origin,
            "platformType": "MOBILE" if site.flag("isMobile") else "PC",
            "url": site.text("url") or "",
        }
        order = _order(store, request, is_redirected=fields.flag("isRedirected") is True, origin=origin)
    except Refused as refusal:
        raise BrowserError("BadRequest", str(refusal)) from refusal
    _compare(store, order)
    return order


def _order(store: Store, request: Fields, *, is_redirected: bool, origin: Mapping[str, Any]) -> Order:
    account = store.account
    required = {name: _required(request, name) for name in ("storeId", "paymentId", "orderName")}
    total = request.whole("totalAmount")
    if total is None or total <= 0:
        raise BrowserError("BadRequest", "totalAmount is required and must be greater than 0")
    currency = _currency(request)
    method = request.choice("payMethod", PAY_METHODS)
    if method is None:
        raise BrowserError("BadRequest", "payMethod is required")
    if required["storeId"] != account.store_id:
        raise BrowserError("StoreNotFound", "there is no store with this storeId", 404)
    if not (request.has("channelKey") or request.has("channelGroupId")):
        raise BrowserError("BadRequest", "channelKey or channelGroupId is required")
    if request.text("channelKey") != account.channel_key:  # the store has no channel group
        raise BrowserError("ChannelNotFound", "there is no channel with this channelKey", 404)
    tax_free, vat = request.whole("taxFreeAmount") or 0, request.whole("vatAmount")
    if tax_free < 0 or (vat or 0) < 0 or tax_free + (vat or 0) > total:
        raise BrowserError("BadRequest", "taxFreeAmount and vatAmount must fit into totalAmount")
    return Order(
        required["paymentId"],
        required["orderName"],
        total,
        currency,
        tax_free,
        vat,
        method,
        _customer(request, account.pg_provider),
        _products(request),
        _custom_data(request),
        request.text("country"),
        _addresses(request),
        _redirect_url(request, is_needed=is_redirected),
        is_redirected,
        origin,
    )


def _compare(store: Store, order: Order) -> None:
    """Refuse what is paid already, and what is not what was pre-registered."""
    payment = store.payment(order.payment_id)
    if payment is None:
        return
    if payment.success is not None:
        raise BrowserError("PaymentAlreadyPaid", "a payment with this paymentId is already paid", 409)
    fixed = payment.registration
    if fixed is None:
        return
    pairs = ((fixed.total, order.total), (fixed.tax_free, order.tax_free), (fixed.currency, order.currency))
    if any(registered not in (None, asked) for registered, asked in pairs):
        raise BrowserError("AmountNotEqualToPredefined", "the amount is not the one that was pre-registered")


def _required(request: Fields, name: str) -> str:
    value = request.text(name)
    if not value:
        raise BrowserError("BadRequest", f"{name} is required")
    return value


def _currency(request: Fields) -> str:
    code = _required(request, "currency").removeprefix(CURRENCY_PREFIX)
    checked = Fields({"currency": code}).currency()
    if checked is None:
        raise BrowserError("BadRequest", "currency is required")
    return checked


def _customer(request: Fields, pg_provider: str) -> dict[str, Any]:
    given = request.within("customer") or Fields({})
    name = given.text("fullName") or " ".join(filter(None, (given.text("firstName"), given.text("lastName"))))
    customer = {
        "id": given.text("customerId"),
        "name": name or None,
        "email": given.text("email"),
        "phoneNumber": given.text("phoneNumber"),
        "zipcode": given.text("zipcode"),
    }
    if pg_provider == "PAYMENTWALL" and not (customer["id"] and customer["email"]):
        raise BrowserError("BadRequest", "Paymentwall needs customer.customerId and customer.email")
    return {key: value for key, value in customer.items() if value is not None}


def _products(request: Fields) -> tuple[dict[str, Any], ...]:
    products = []
    for product in request.objects("products"):
        amount, quantity = product.whole("amount"), product.whole("quantity")
        if amount is None or quantity is None:
            raise BrowserError("BadRequest", "products need id, name, amount and quantity")
        shown = {"id": _required(product, "id"), "name": _required(product, "name")}
        products.append({**shown, "amount": amount, "quantity": quantity})
    return tuple(products)


def _custom_data(request: Fields) -> str | None:
    """An object here, a string in the REST API."""
    if not request.has("customData"):
        return None
    return json.dumps(request.raw("customData"), ensure_ascii=False, separators=(",", ":"))


def _addresses(request: Fields) -> tuple[str, ...]:
    urls = tuple(request.texts("noticeUrls"))
    if not all(is_web_address(url) for url in urls):
        raise BrowserError("BadRequest", "noticeUrls must be http(s) addresses")
    return urls


def _redirect_url(request: Fields, *, is_needed: bool) -> str | None:
    url = request.text("redirectUrl")
    if url is None and is_needed:
        raise BrowserError("BadRequest", "redirectUrl is required where the result comes by redirect")
    if url is not None and not is_web_address(url):
        raise BrowserError("BadRequest", "redirectUrl must be an http(s) address")
    return url
