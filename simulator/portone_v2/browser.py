"""What `PortOne.requestPayment` sends from the shop's page, and the order in it.

The script's own request (`/v2/browser/payments`) is this simulator's; shops see `requestPayment` alone, which behaves as
portone-v2.md §5 and the browser SDK schema say (`PaymentRequestBase`, `TxServicePayErrorCode`). Which code goes with which wrong
field is [I]: the schema only lists the codes.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.portone import NotOpenedError, Order, return_address, sdk, web_addresses
from simulator.portone_v2.fields import PAY_METHODS, Fields, Refused
from simulator.portone_v2.store import Store
from simulator.web import ANYBODY, json_object, script

SCRIPT_PATH = "/v2/browser-sdk.js"
SCRIPT = sdk(Path(__file__).parent / "browser_sdk.js")
WINDOW_TYPES = ("IFRAME", "POPUP", "REDIRECTION", "UI")
CURRENCY_PREFIX = "CURRENCY_"
"""Official guides write `CURRENCY_KRW` where the schema says `KRW`: both are taken (docs/gateways/portone-v2.md §7 trap 6)."""


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
        except NotOpenedError as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.status, ANYBODY)
        tx_id = store.open(order).id
        return JSONResponse({"txId": tx_id, "window": f"/v2/window?txId={tx_id}"}, headers=ANYBODY)

    return [Route(SCRIPT_PATH, browser_sdk), Route("/v2/browser/payments", open_window, methods=["POST"])]


def checked_order(store: Store, sent: Mapping[str, Any] | None, origin: Mapping[str, Any]) -> Order:
    """The order in what the script sent: `{request, page: {url, isMobile}, isRedirected}`. Raises NotOpenedError."""
    try:
        fields = Fields(sent)
        request, site = fields.within("request"), fields.within("page")
        if request is None or site is None:
            raise NotOpenedError("BadRequest", "request and page are required")
        origin = {
            **origin,
            "platformType": "MOBILE" if site.flag("isMobile") else "PC",
            "url": site.text("url") or "",
        }
        order = _order(store, request, is_redirected=fields.flag("isRedirected") is True, origin=origin)
    except (Refused, ValueError) as refusal:
        raise NotOpenedError("BadRequest", str(refusal)) from refusal
    _compare(store, order)
    return order


def _order(store: Store, request: Fields, *, is_redirected: bool, origin: Mapping[str, Any]) -> Order:
    account = store.account
    required = {name: _required(request, name) for name in ("storeId", "paymentId", "orderName")}
    total = request.whole("totalAmount")
    if total is None or total <= 0:
        raise NotOpenedError("BadRequest", "totalAmount is required and must be greater than 0")
    currency = _currency(request)
    method = request.choice("payMethod", PAY_METHODS)
    if method is None:
        raise NotOpenedError("BadRequest", "payMethod is required")
    if required["storeId"] != account.store_id:
        raise NotOpenedError("StoreNotFound", "there is no store with this storeId", 404)
    if not (request.has("channelKey") or request.has("channelGroupId")):
        raise NotOpenedError("BadRequest", "channelKey or channelGroupId is required")
    if request.text("channelKey") != account.channel_key:  # the store has no channel group
        raise NotOpenedError("ChannelNotFound", "there is no channel with this channelKey", 404)
    tax_free, vat = request.whole("taxFreeAmount") or 0, request.whole("vatAmount")
    if tax_free < 0 or (vat or 0) < 0 or tax_free + (vat or 0) > total:
        raise NotOpenedError("BadRequest", "taxFreeAmount and vatAmount must fit into totalAmount")
    return Order(
        required["paymentId"],
        required["orderName"],
        total,
        currency,
        tax_free,
        vat,
        json.dumps(request.raw("customData"), ensure_ascii=False, separators=(",", ":"))
        if request.has("customData")
        else None,  # an object here, a string in the REST API
        web_addresses("noticeUrls", request.texts("noticeUrls")),
        return_address("redirectUrl", request.text("redirectUrl"), is_needed=is_redirected),
        is_redirected,
        {
            "pay_method": method,
            "customer": _customer(request, account.pg_provider),
            "products": _products(request),
            "country": request.text("country"),
            "origin": origin,
        },
    )


def _compare(store: Store, order: Order) -> None:
    """Refuse what is paid already, and what is not what was pre-registered."""
    payment = store.payment(order.reference)
    if payment is None:
        return
    if payment.success is not None:
        raise NotOpenedError("PaymentAlreadyPaid", "a payment with this paymentId is already paid", 409)
    fixed = payment.registration
    if fixed is None:
        return
    pairs = ((fixed.total, order.total), (fixed.tax_free, order.tax_free), (fixed.currency, order.currency))
    if any(registered not in (None, asked) for registered, asked in pairs):
        raise NotOpenedError("AmountNotEqualToPredefined", "the amount is not the one that was pre-registered")


def _required(request: Fields, name: str) -> str:
    value = request.text(name)
    if not value:
        raise NotOpenedError("BadRequest", f"{name} is required")
    return value


def _currency(request: Fields) -> str:
    code = _required(request, "currency").removeprefix(CURRENCY_PREFIX)
    checked = Fields({"currency": code}).currency()
    if checked is None:
        raise NotOpenedError("BadRequest", "currency is required")
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
        raise NotOpenedError("BadRequest", "Paymentwall needs customer.customerId and customer.email")
    return {key: value for key, value in customer.items() if value is not None}


def _products(request: Fields) -> tuple[dict[str, Any], ...]:
    products = []
    for product in request.objects("products"):
        amount, quantity = product.whole("amount"), product.whole("quantity")
        if amount is None or quantity is None:
            raise NotOpenedError("BadRequest", "products need id, name, amount and quantity")
        shown = {"id": _required(product, "id"), "name": _required(product, "name")}
        products.append({**shown, "amount": amount, "quantity": quantity})
    return tuple(products)
