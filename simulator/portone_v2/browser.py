"""The browser's side: the SDK script, the payment window, and what its buttons call.

The script's own requests (`/v2/browser/*`) are this simulator's; shops see `PortOne.requestPayment` alone, which behaves
as contract §5 and the browser SDK schema say. It needs no secret: whoever has a txId is the buyer.
"""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.domain.money import Money
from simulator.portone_v2.book import Book
from simulator.portone_v2.buyer import Buyer
from simulator.portone_v2.scenarios import RULES
from simulator.portone_v2.sdk_order import BrowserError, checked_order, with_result
from simulator.portone_v2.transaction import Order, Transaction
from simulator.twin import RefusedError
from simulator.web import json_object, page

SCRIPT_PATH = "/v2/browser-sdk.js"
SCRIPT = (Path(__file__).parent / "browser_sdk.js").read_text(encoding="utf-8")
ANYBODY = {"Access-Control-Allow-Origin": "*"}


class BrowserSide:
    """`GET /v2/browser-sdk.js`, `GET /v2/window?txId=`, and their requests."""

    def __init__(self, book: Book, buyer: Buyer) -> None:
        self._book = book
        self._buyer = buyer

    def routes(self) -> list[Route]:
        """The script, the window and its actions."""
        return [
            Route(SCRIPT_PATH, self._script),
            Route("/v2/browser/payments", self._open, methods=["POST"]),
            Route("/v2/window", self._page),
            Route("/v2/window/{action}", self._act, methods=["POST"]),
        ]

    async def _script(self, _: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers=ANYBODY)

    async def _open(self, request: Request) -> Response:
        """Open an attempt; an error here is what `requestPayment` throws before there is a window.

        The script sends its JSON as text/plain, so that browsers ask no permission (CORS preflight) first.
        """
        self._book.timers.run_due()
        try:
            order = checked_order(self._book, json_object(await request.body()), _origin(request))
        except BrowserError as error:
            return JSONResponse({"code": error.code, "message": error.message}, error.status, ANYBODY)
        transaction = self._book.open(order)
        return JSONResponse({"txId": transaction.id, "window": f"/v2/window?txId={transaction.id}"}, headers=ANYBODY)

    async def _page(self, request: Request) -> Response:
        transaction = self._book.transaction(request.query_params.get("txId", ""))
        if transaction is None:
            return page("portone_v2_unknown.html", 404)
        return page(
            "portone_v2_window.html",
            tx_id=transaction.id,
            name=transaction.order.order_name,
            amount=_amount(transaction.order),
            channel=transaction.channel,
            method=transaction.order.pay_method,
            scenarios=[(name, rule.about) for name, rule in RULES.items()],
        )

    async def _act(self, request: Request) -> Response:
        fields = json_object(await request.body()) or {}
        tx_id, scenario = fields.get("txId"), fields.get("scenario") or None
        transaction = self._book.transaction(tx_id) if isinstance(tx_id, str) else None
        if transaction is None:
            return JSONResponse({"error": "this payment window is not known"}, 404)
        if scenario is not None and not (isinstance(scenario, str) and scenario in RULES):
            return JSONResponse({"error": f"scenario must be one of: {', '.join(RULES)}"}, 422)
        try:
            result = self._do(request.path_params["action"], transaction, scenario)
        except RefusedError as refused:
            return JSONResponse({"error": str(refused)}, 409)
        if result is None:
            return JSONResponse({"error": "no such action"}, 404)
        order = transaction.order
        target = with_result(order.redirect_url, result) if order.is_redirected and order.redirect_url else None
        return JSONResponse({"result": result, "redirect": target}, headers=ANYBODY)

    def _do(self, action: str, transaction: Transaction, scenario: str | None) -> dict[str, Any] | None:
        match action:
            case "pay":
                return self._buyer.pay(transaction, scenario)
            case "decline":
                return self._buyer.be_declined(transaction)
            case "leave":
                return self._buyer.leave(transaction)
            case _:
                return None


def _origin(request: Request) -> dict[str, Any]:
    """Where the buyer sits, for the payment object's `origin`."""
    address = request.client.host if request.client is not None else "127.0.0.1"
    return {"userAgent": request.headers.get("user-agent", ""), "ipAddress": address}


def _amount(order: Order) -> str:
    try:
        major = Money(order.total, order.currency).to_major()
    except ValueError:  # a currency that PortOne lists and ISO 4217 gives no minor unit
        return f"{order.total:,} {order.currency}"
    whole, point, fraction = major.partition(".")
    return f"{int(whole):,}{point}{fraction} {order.currency}"
