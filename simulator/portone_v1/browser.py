"""The browser's side: the SDK script, the payment window, and what its buttons call.

The script's own request (`/browser/payments`) is this simulator's; shops see the global `IMP` alone, which behaves as
contract §11 says. It needs no secret: whoever has an imp_uid is the buyer.
"""

from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.domain.money import Money
from simulator.portone_v1.attempt import Attempt
from simulator.portone_v1.book import Book
from simulator.portone_v1.buyer import Buyer
from simulator.portone_v1.results import Outcome, never_opened, redirect, rsp
from simulator.portone_v1.scenarios import PAY, RULES
from simulator.portone_v1.sdk_order import NotOpenedError, checked_order, web_address
from simulator.portone_v1.wire import envelope, json_fields
from simulator.twin import RefusedError
from simulator.web import json_object, page

SCRIPT_PATH = "/v1/iamport.js"
SCRIPT = (Path(__file__).parent / "iamport.js").read_text(encoding="utf-8")
ANYBODY = {"Access-Control-Allow-Origin": "*"}


class BrowserSide:
    """`GET /v1/iamport.js`, `GET /window?imp_uid=`, and their requests."""

    def __init__(self, book: Book, buyer: Buyer) -> None:
        self._book = book
        self._buyer = buyer

    def routes(self) -> list[Route]:
        """The script, the window and its actions."""
        return [
            Route(SCRIPT_PATH, self._script),
            Route("/iamport.js", self._script),
            Route("/browser/payments", self._open, methods=["POST"]),
            Route("/window", self._page),
            Route("/window/{action}", self._act, methods=["POST"]),
        ]

    async def _script(self, _: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers=ANYBODY)

    async def _open(self, request: Request) -> Response:
        """Open a window: `{imp_uid, window}`; or say why there is none: `{rsp, redirect}`.

        The script sends its JSON as text/plain, so that browsers ask no permission (CORS preflight) first.
        """
        self._book.timers.run_due()
        sent = json_fields(await request.body()) or {}
        try:
            order = checked_order(self._book, sent, request.headers.get("user-agent", ""))
        except NotOpenedError as error:
            return JSONResponse(_without_window(sent, error), headers=ANYBODY)
        imp_uid = self._book.open(order).imp_uid
        return JSONResponse({"imp_uid": imp_uid, "window": f"/window?imp_uid={imp_uid}"}, headers=ANYBODY)

    async def _page(self, request: Request) -> Response:
        attempt = self._book.attempt(request.query_params.get("imp_uid", ""))
        if attempt is None:
            return page("portone_v1_unknown.html", 404)
        return page(
            "portone_v1_window.html",
            imp_uid=attempt.imp_uid,
            name=attempt.order.name,
            amount=_amount(attempt),
            channel=attempt.channel,
            buyer=attempt.order.buyer.get("buyer_name", ""),
            scenarios=[(name, rule.about) for name, rule in RULES.items() if PAY in rule.allowed],
        )

    async def _act(self, request: Request) -> Response:
        fields = json_object(await request.body()) or {}
        imp_uid, scenario = fields.get("imp_uid"), fields.get("scenario") or None
        attempt = self._book.attempt(imp_uid) if isinstance(imp_uid, str) else None
        if attempt is None:
            return JSONResponse({"error": "this payment window is not known"}, 404)
        known = [name for name, rule in RULES.items() if PAY in rule.allowed]
        if scenario is not None and scenario not in known:
            return JSONResponse({"error": f"scenario must be one of: {', '.join(known)}"}, 422)
        try:
            outcome = self._do(request.path_params["action"], attempt, scenario)
        except RefusedError as refused:
            return JSONResponse({"error": str(refused)}, 409)
        if outcome is None:
            return JSONResponse({"error": "no such action"}, 404)
        return _result(outcome)

    def _do(self, action: str, attempt: Attempt, scenario: str | None) -> Outcome | None:
        match action:
            case "pay":
                return self._buyer.pay(attempt, scenario)
            case "decline":
                return self._buyer.pay(attempt, "declined")
            case "leave":
                return self._buyer.leave(attempt)
            case _:
                return None


def _result(outcome: Outcome) -> Response:
    order, result = outcome.attempt.order, rsp(outcome)
    target = redirect(order.redirect_url, result) if order.is_mobile and order.redirect_url else None
    return envelope({"rsp": result, "redirect": target})


def _without_window(sent: dict[str, Any], error: NotOpenedError) -> dict[str, Any]:
    """On mobile the answer goes back by redirect when there is an address for it, else to the callback ([I])."""
    params = sent.get("params")
    params = params if isinstance(params, dict) else {}
    merchant_uid = params.get("merchant_uid")
    result = never_opened(merchant_uid if isinstance(merchant_uid, str) else None, error.failure)
    url = web_address(params.get("m_redirect_url")) if sent.get("is_mobile") is True else None
    return {"rsp": result, "redirect": None if url is None else redirect(url, result)}


def _amount(attempt: Attempt) -> str:
    major = Money(attempt.order.amount, attempt.order.currency).to_major()
    whole, point, fraction = major.partition(".")
    return f"{int(whole):,}{point}{fraction} {attempt.order.currency}"
