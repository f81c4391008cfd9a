"""Point3's widget: the page that a shop frames, and the buttons of the buyer in it."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.point3.book import Book
from simulator.point3.buyer import Buyer
from simulator.point3.payment import Payment
from simulator.point3.scenarios import RULES
from simulator.twin import RefusedError
from simulator.web import json_object, page


class Widget:
    """`GET /?d=<token>` and what its buttons call. It needs no secret: whoever has the token is the buyer."""

    def __init__(self, book: Book, buyer: Buyer) -> None:
        self._book = book
        self._buyer = buyer

    def routes(self) -> list[Route]:
        """The page and its three actions."""
        return [
            Route("/", self._page),
            Route("/widget/{action}", self._act, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        payment = self._book.by_token(request.query_params.get("d", ""))
        if payment is None:
            return page("point3_unknown.html", 404)
        return page(
            "point3_widget.html",
            token=payment.token,
            merchant=payment.order["clientNickname"],
            product=payment.order["purchasingProductName"],
            amount=f"{payment.order['totalCharge']:,}원",
            scenarios=[(name, rule.about) for name, rule in RULES.items()],
        )

    async def _act(self, request: Request) -> Response:
        fields = json_object(await request.body()) or {}
        token, scenario = fields.get("token"), fields.get("scenario") or None
        payment = self._book.by_token(token) if isinstance(token, str) else None
        if payment is None:
            return _refused(404, "this payment session is not known")
        if scenario is not None and not (isinstance(scenario, str) and scenario in RULES):
            return _refused(422, f"scenario must be one of: {', '.join(RULES)}")
        try:
            done = self._do(request.path_params["action"], payment, scenario)
        except RefusedError as refused:
            return _refused(409, str(refused))
        return _refused(404, "no such action") if done is None else JSONResponse(done)

    def _do(self, action: str, payment: Payment, scenario: str | None) -> dict[str, Any] | None:
        match action:
            case "pay":
                return self._buyer.pay(payment, scenario)
            case "decline":
                return self._buyer.be_declined(payment)
            case "leave":
                return self._buyer.leave(payment)
            case _:
                return None


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"status": "error", "msg": message, "error": message}, status)
