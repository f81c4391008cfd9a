"""Point3's twin: the parts of this folder put together, and the buyer in its widget."""

from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.buyer import Buyer, Window
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.point3.api import Point3Api
from simulator.point3.responses import failure
from simulator.point3.scenarios import CALLS, RULES, VIEWS
from simulator.point3.store import OLDER_BY, Payment, Status, Store
from simulator.scenarios import CONFIRM
from simulator.twin import Refunded, RefusedError, Twin, UnknownReferenceError, refuse_chargeback, whole
from simulator.web import page, unknown

LEFT = {"status": "error", "msg": "the buyer left the widget"}
DECLINED = {"status": "error", "msg": "the payment was declined"}
CHEAPER_BY = 10
"""The other order of `other_orders_signature` costs this fraction, and at least 2 won: 1 supply and 1 VAT."""


@dataclass(frozen=True, slots=True)
class Point3Account:
    """The merchant's account. The value is worth nothing."""

    secret: str = "sim_point3_secret"  # noqa: S105


class Widget(Window[Payment]):
    """`GET /?d=<token>`, which a shop frames. Paying twice gives the same signature again: a browser may repeat itself."""

    def __init__(self, twin: Twin, store: Store) -> None:
        super().__init__(RULES)
        self._store = store
        self._twin = twin
        self._buyer = Buyer(twin, VIEWS, {CONFIRM})

    def routes(self) -> list[Route]:
        """The page and its actions."""
        return [Route("/", self._page), Route("/widget/{action}", self.act, methods=["POST"])]

    async def _page(self, request: Request) -> Response:
        payment = self._store.by_token(request.query_params.get("d"))
        if payment is None:
            return unknown(
                "Point3",
                "결제 토큰이 없거나 올바르지 않습니다.",
                "This payment token is missing or unknown.",
                "tokens contain +, / and =, so they must be percent-encoded in ?d=. A reset or restart also forgets them.",
            )
        return page(
            "point3_widget.html",
            token=payment.token,
            merchant=payment.order["clientNickname"],
            product=payment.order["purchasingProductName"],
            amount=f"{payment.order['totalCharge']:,}원",
            scenarios=self.scenarios,
        )

    def find(self, fields: Mapping[str, Any]) -> Payment | None:
        """By its token."""
        return self._store.by_token(fields.get("token"))

    def refused(self, status: int, message: str) -> Response:
        """In the words that the page passes on to the shop."""
        return JSONResponse({"status": "error", "msg": message, "error": message}, status)

    def pay(self, attempt: Payment, scenario: str | None) -> dict[str, Any]:
        """`{"signature"}`, or `{"status", "msg"}` of who left."""
        self._twin.run_due()
        scenario = self._buyer.scenario(attempt.reference, scenario)
        if scenario == "abandoned":
            return self.leave(attempt)
        if scenario == "other_orders_signature":
            return {"signature": self._pay_another(attempt)}
        if attempt.status in (Status.FAILED, Status.CANCEL_REQUESTED, Status.CANCELLED):
            raise RefusedError(f"the payment is {attempt.status}: open a new one to pay again")
        signature = self._store.finish_widget(attempt)
        if attempt.status is Status.WIDGET_DONE:
            self._misbehave(attempt, scenario)
        return {"signature": signature}

    def leave(self, attempt: Payment) -> dict[str, Any]:
        """Close the widget. Who paid before has still paid."""
        if attempt.is_open:
            attempt.status = Status.ABANDONED
        return dict(LEFT)

    def decline(self, attempt: Payment) -> dict[str, Any]:
        """The card is refused inside the widget: there will never be a signature."""
        if attempt.is_open:
            attempt.status = Status.FAILED
        return dict(DECLINED)

    def _misbehave(self, payment: Payment, scenario: str) -> None:
        if scenario == "declined":
            self._twin.plan.add(scenario, {CONFIRM}, payment.reference)
        elif scenario == "duplicate_order_id":
            total = payment.different_amount()
            order = {**payment.order, "totalCharge": total, "taxFreeAmount": total - 1, "vat": 1}
            self._store.finish_widget(self._store.issue(order, older_by=OLDER_BY))
        else:
            self._buyer.prepare(payment, payment.reference, scenario)

    def _pay_another(self, payment: Payment) -> str:
        total = max(2, payment.charged // CHEAPER_BY)
        order = {
            **payment.order,
            "orderIdFromClient": f"other{token_hex(8)}",
            "clientGeneratedUserId": f"other{token_hex(8)}",
            "purchasingProductName": "Another order",
            "totalCharge": total,
            "taxFreeAmount": total - 1,
            "vat": 1,
        }
        return self._store.finish_widget(self._store.issue(order))


class Point3Twin(Twin):
    """The legacy Point3 API and widget of one merchant."""

    name = "point3"
    rules = RULES
    calls = CALLS
    account_type = Point3Account

    def __init__(self, clock: SimClock, account: Point3Account, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed)
        self._store = Store(clock, self.timers, self.tokens)
        self._widget = Widget(self, self._store)
        self._api = Point3Api(self, self._store, account.secret)
        self.serve([*self._api.routes(), *self._widget.routes()])

    def connection(self) -> dict[str, str]:
        """The secret that is valid now."""
        return {"secret": self._api.secret}

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of the newest session of this order id, one that can still be paid first."""
        sessions = self._sessions(reference)
        return self._widget.pay(max(sessions, key=lambda each: (each.is_open, each.created_at)), scenario)

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Cancel the newest paid payment of this order id at the vendor ([I]): as the API's cancel, whole and in a batch.

        Nobody is told: this API has no push. `refunded` stays 0 until the batch.
        """
        self.run_due()
        sessions = self._sessions(reference)
        refuse_chargeback(self.name, kind)
        payment = max(sessions, key=lambda each: (each.cancellable > 0, each.created_at))
        given = whole(self.name, amount, payment.cancellable)
        self._store.request_cancel(payment)
        return self.refunded(payment, given)

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:  # noqa: ARG002 - every twin's signature
        """Raises RefusedError: this API has none."""
        raise RefusedError(f"point3 has no webhooks, so there is nothing to {mode}; the look-ups are the only news")

    def entries(self) -> list[Payment]:
        """One for each session of the widget."""
        return self._store.everything()

    def not_found(self, status: int) -> Response:
        """In the vendor's envelope."""
        return failure(status, "no such endpoint")

    def reset(self) -> None:
        """Forget everything; the first secret is valid again."""
        super().reset()
        self._store.reset()
        self._api.reset()

    def _sessions(self, reference: str) -> list[Payment]:
        sessions = self._store.by_reference(reference)
        if not sessions:
            raise UnknownReferenceError(f"no payment token was issued for orderIdFromClient {reference!r}")
        return sessions


TWIN = Point3Twin
