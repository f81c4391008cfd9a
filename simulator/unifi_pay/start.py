"""The start page: where the shop sends the buyer, and the buttons in it. Source: contract unifi-pay.md §1."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.domain.money import Money
from simulator.twin import RefusedError
from simulator.unifi_pay.book import Book
from simulator.unifi_pay.buyer import Buyer
from simulator.unifi_pay.order import CURRENCY
from simulator.unifi_pay.payment import Payment
from simulator.unifi_pay.scenarios import RULES
from simulator.web import json_object, page

START_PATH = "/start"


class StartPage:
    """`GET /start?token=…&transactionId=…` and what its buttons call.

    The token opens one session: the page comes back on a reload in the browser that opened it, and in no other ([I]).
    """

    def __init__(self, book: Book, buyer: Buyer) -> None:
        self._book = book
        self._buyer = buyer

    def routes(self) -> list[Route]:
        """The page and its three actions."""
        return [
            Route(START_PATH, self._page, methods=["GET", "HEAD"]),
            Route(f"{START_PATH}/{{action}}", self._act, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        if request.method == "HEAD":  # mail and chat programs look ahead; that must not use the token up
            return Response(headers={"Cache-Control": "no-store"})
        payment = self._book.by_id(request.query_params.get("transactionId", ""))
        if payment is None or not self._enters(request, payment) or payment.session is None:
            return page("unifi_pay_unknown.html", 404)
        shown = page(
            "unifi_pay_start.html",
            session=payment.session,
            store=payment.order.store_id,
            amount=_dollars(payment.held),
            items=[(item["name"], item["price"]) for item in payment.order.items],
            scenarios=[(name, rule.about) for name, rule in RULES.items()],
        )
        shown.set_cookie(_cookie(payment), payment.session, path=START_PATH, httponly=True, samesite="lax")
        return shown

    def _enters(self, request: Request, payment: Payment) -> bool:
        session = request.cookies.get(_cookie(payment))
        return self._book.enter(payment, request.query_params.get("token"), session)

    async def _act(self, request: Request) -> Response:
        fields = json_object(await request.body()) or {}
        session, scenario = fields.get("session"), fields.get("scenario") or None
        payment = self._book.by_session(session) if isinstance(session, str) else None
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
                return {"redirect": self._buyer.pay(payment, scenario)}
            case "decline":
                return {"redirect": self._buyer.pay(payment, "declined")}
            case "leave":
                self._buyer.leave(payment)
                return {"redirect": None}
            case _:
                return None


def _cookie(payment: Payment) -> str:
    return f"unifi_{payment.id}"


def _dollars(cents: int) -> str:
    whole, _, rest = Money(cents, CURRENCY).to_major().partition(".")
    return f"${int(whole):,}.{rest}"


def _refused(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)
