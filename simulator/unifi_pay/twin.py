"""Unifi Pay's twin: the parts of this folder put together, and the buyer on its start page."""

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.domain.money import Money
from simulator.buyer import Buyer, Window
from simulator.clock import SimClock
from simulator.delays import Delays
from simulator.scenarios import LOOKUP
from simulator.twin import Refunded, RefusedError, Twin, UnknownReferenceError, refuse_chargeback, whole
from simulator.unifi_pay.access import Access, UnifiPayAccount
from simulator.unifi_pay.api import START_PATH, UnifiPayApi
from simulator.unifi_pay.responses import CURRENCY, Refused
from simulator.unifi_pay.scenarios import CALLS, RULES, VIEWS
from simulator.unifi_pay.store import Payment, Status, Store
from simulator.unifi_pay.webhooks import RETRIES_S, Callbacks
from simulator.web import page, unknown, with_query

CONFIRMED, FAILED = "confirmed", "failed"
"""What the flow diagram has in the address to which the browser returns."""
SOON_S = 0.02
"""When the second of two contradicting callbacks comes."""
LATER_S = 1
"""When the second callback of a payment comes."""
PAID = "PAID"
"""What the sibling product's v2 calls back before CONFIRMED."""
NOT_PAID = {
    "declined": Status.FAILED,
    "late_approval": Status.FAILED,
    "returns_confirmed_but_failed": Status.FAILED,
    "canceled": Status.CANCELED,
}


class StartPage(Window[Payment]):
    """`GET /start?token=…&transactionId=…`, where the shop sends the buyer. Source: docs/gateways/unifi-pay.md §1.

    The token opens one session: the page comes back on a reload in the browser that opened it, and in no other ([I]).
    Paying what is paid takes no money again: a browser may repeat itself.
    """

    def __init__(self, twin: Twin, store: Store) -> None:
        super().__init__(RULES)
        self._store = store
        self._twin = twin
        self._buyer = Buyer(twin, VIEWS, {LOOKUP})  # no other call follows here

    def routes(self) -> list[Route]:
        """The page and its actions."""
        return [
            Route(START_PATH, self._page, methods=["GET", "HEAD"]),
            Route(f"{START_PATH}/{{action}}", self.act, methods=["POST"]),
        ]

    async def _page(self, request: Request) -> Response:
        if request.method == "HEAD":  # mail and chat programs look ahead; that must not use the token up
            return Response(headers={"Cache-Control": "no-store"})
        payment = self._store.by_id(request.query_params.get("transactionId"))
        if payment is None or not self._enters(request, payment) or payment.session is None:
            return unknown(
                "Unifi Pay",
                "결제 링크가 없거나 이미 사용되었습니다.",
                "This payment link is unknown, or was used before.",
                "the link opens in one browser only, and a reset or restart of the simulator forgets it.",
            )
        whole, _, cents = Money(payment.charged, CURRENCY).to_major().partition(".")
        shown = page(
            "unifi_pay_start.html",
            session=payment.session,
            store=payment.order.store_id,
            amount=f"${int(whole):,}.{cents}",
            items=[(item["name"], item["price"]) for item in payment.order.items],
            scenarios=self.scenarios,
        )
        shown.set_cookie(_cookie(payment), payment.session, path=START_PATH, httponly=True, samesite="lax")
        return shown

    def _enters(self, request: Request, payment: Payment) -> bool:
        return self._store.enter(payment, request.query_params.get("token"), request.cookies.get(_cookie(payment)))

    def find(self, fields: Mapping[str, Any]) -> Payment | None:
        """By the session."""
        return self._store.by_session(fields.get("session"))

    def pay(self, attempt: Payment, scenario: str | None) -> dict[str, Any]:
        """`redirect`: where the browser goes; None where it stays."""
        self._twin.run_due()
        scenario = self._buyer.scenario(attempt.reference, scenario)
        if scenario == "abandoned":
            return self.leave(attempt)
        if attempt.status is Status.CONFIRMED:
            return _back(attempt, CONFIRMED)
        if not attempt.is_open:
            raise RefusedError(f"the payment is {attempt.status}: open a new one to pay again")
        self._store.request(attempt)
        if scenario in NOT_PAID:
            self._store.end(attempt, NOT_PAID[scenario])
            if scenario == "late_approval":
                self._store.approve_late(attempt)
            return _back(attempt, CONFIRMED if scenario == "returns_confirmed_but_failed" else FAILED)
        self._buyer.prepare(attempt, attempt.reference, scenario)
        self._confirm(attempt, scenario)
        return _back(attempt, None if scenario == "returns_without_status" else CONFIRMED)

    def leave(self, attempt: Payment) -> dict[str, Any]:
        """Leave the start page. Who paid before has still paid; no callback is sent, and the browser is not sent back."""
        self._store.request(attempt)
        return {"redirect": None}

    def _confirm(self, payment: Payment, scenario: str) -> None:
        """Take the money, with the callbacks that come before and after the true one."""
        send = self._store.callbacks.send
        if scenario == "forged_callback":
            send(payment, Status.CONFIRMED, is_forged=True)
        elif scenario in ("paid_twice_callbacks", "reordered_webhooks"):
            send(payment, PAID)
        self._store.confirm(payment, after_s=LATER_S if scenario == "paid_twice_callbacks" else 0)
        if scenario == "contradiction":
            send(payment, Status.FAILED, after_s=SOON_S)
        elif scenario == "refunded_notice":
            self._store.callbacks.send_refund(payment, after_s=LATER_S)


class UnifiPayTwin(Twin):
    """The Classic API, start page and callbacks of one caller."""

    name = "unifi_pay"
    rules = RULES
    calls = CALLS
    account_type = UnifiPayAccount

    def __init__(self, clock: SimClock, account: UnifiPayAccount, delays: Delays, seed: int | None = None) -> None:
        super().__init__(clock, account, delays, seed, RETRIES_S)
        access = Access(clock, account)
        self._store = Store(clock, self.timers, Callbacks(self.sender, access, account, self.tokens), self.tokens)
        self._page = StartPage(self, self._store)
        self.serve([*UnifiPayApi(self, self._store, access).routes(), *self._page.routes()])

    def connection(self) -> dict[str, str]:
        """What a merchant needs to know at this moment, without the address."""
        return {name: getattr(self.account, name) for name in ("app_id", "api_key", "app_secret", "store_id")}

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of the newest payment of this orderId, one that can still be paid first.

        Also who leaves knows the id, from the page's address.
        """
        payment = max(self._payments(reference), key=lambda each: (each.is_open, each.created_at))
        self._page.pay(payment, scenario)
        return {"transactionId": payment.id}

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """The vendor refunds the newest confirmed payment of this orderId, whole ([I]; see `Store.refund`)."""
        self.run_due()
        payments = self._payments(reference)
        refuse_chargeback(self.name, kind)
        payment = max(payments, key=lambda each: (each.cancellable > 0, each.created_at))
        given = whole(self.name, amount, payment.cancellable)
        self._store.refund(payment)
        return self.refunded(payment, given)

    def entries(self) -> Iterable[Payment]:
        """One for each transaction."""
        return self._store.everything()

    def not_found(self, status: int) -> Response:
        """As all errors are written."""
        return Refused(status, "METHOD_NOT_ALLOWED" if status == 405 else "NOT_FOUND", "no such endpoint").answer()

    def reset(self) -> None:
        """Forget everything: payments, requestIds, plans and callbacks."""
        super().reset()
        self._store.reset()

    def _payments(self, reference: str) -> list[Payment]:
        payments = self._store.by_reference(reference)
        if not payments:
            raise UnknownReferenceError(f"no payment was created for orderId {reference!r}")
        return payments


def _cookie(payment: Payment) -> str:
    return f"unifi_{payment.id}"


def _back(payment: Payment, status: str | None) -> dict[str, Any]:
    """The shop's address with what the browser brings appended; its own query and fragment stay."""
    brought = {} if status is None else {"status": status}
    return {"redirect": with_query(payment.order.return_url, {**brought, "transactionId": payment.id})}


TWIN = UnifiPayTwin
