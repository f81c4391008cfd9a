"""Point3's twin: the parts of this folder, put together."""

from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from simulator.calls import CallLog
from simulator.clock import SimClock
from simulator.holds import Delays, Holds
from simulator.opaque import Opaque
from simulator.point3.api import Point3Api
from simulator.point3.book import Book
from simulator.point3.buyer import Buyer
from simulator.point3.payment import Payment
from simulator.point3.scenarios import CALLS, RULES
from simulator.point3.widget import Widget
from simulator.point3.wire import failure
from simulator.refunds import refuse_chargeback, whole
from simulator.scenarios import Plan, Rule
from simulator.twin import JournalRow, Refunded, RefusedError, UnknownReferenceError
from simulator.web import RawPath, nobody_there

CURRENCY = "KRW"


class Point3Twin:
    """The legacy Point3 API and widget of one merchant, in memory."""

    name = "point3"
    rules: Mapping[str, Rule] = RULES
    calls = CALLS
    base_url = ""

    def __init__(
        self,
        clock: SimClock,
        secret: str = "sim_point3_secret",  # noqa: S107 - imitated, worth nothing
        delays: Delays | None = None,
        seed: int | None = None,
    ) -> None:
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self._holds = Holds()
        self._book = Book(clock, Opaque(seed), secret)
        self._buyer = Buyer(self._book, self.plan)
        api = Point3Api(self._book, self.plan, self.log, self._holds, delays or Delays())
        routes = [*api.routes(), *Widget(self._book, self._buyer).routes()]
        starlette = Starlette(
            routes=routes, exception_handlers={HTTPException: _no_such_route, ClientDisconnect: nobody_there}
        )
        starlette.router.redirect_slashes = False
        self.app: ASGIApp = RawPath(starlette)

    def connection(self) -> dict[str, str]:
        """The secret that is valid now."""
        return {"secret": self._book.secret}

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """The buyer of the newest session of this order id: `{"signature"}`, or `{"status", "msg"}` of an error."""
        return self._buyer.pay(self._buyer.newest(reference), scenario)

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Cancel the newest paid payment of this order id at the vendor ([I]): as the API's cancel, whole and in a batch.

        Nobody is told: this API has no push. `refunded` stays 0 until the batch.
        """
        self._book.run_due_batches()
        payments = self._book.by_reference(reference)
        if not payments:
            raise UnknownReferenceError(f"no payment token was issued for orderIdFromClient {reference!r}")
        refuse_chargeback(self.name, kind)
        payment = max(payments, key=lambda each: (each.cancellable > 0, each.created_at))
        given = whole(self.name, amount, payment.cancellable)
        self._book.request_cancel(payment)
        return {
            "gateway": self.name,
            "reference": reference,
            "gateway_ref": payment.signature,
            "amount": given,
            "refunded": payment.refunded,
        }

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:  # noqa: ARG002  every twin's signature
        """Raises RefusedError: this API has none."""
        raise RefusedError(f"point3 has no webhooks, so there is nothing to {mode}; the look-ups are the only news")

    def deliveries(self) -> list[dict[str, Any]]:
        """None, ever."""
        return []

    def journal(self) -> list[JournalRow]:
        """The truth, cancels that are due included."""
        self._book.run_due_batches()
        return [_journal_row(payment) for payment in self._book.everything()]

    def reset(self) -> None:
        """Forget everything; the first secret is valid again."""
        self._book.reset()
        self.plan.reset()
        self.log.reset()
        self._holds.let_go()

    def close(self) -> None:
        """Let go of every held connection for good."""
        self._holds.close()


def _journal_row(payment: Payment) -> JournalRow:
    return {
        "gateway": Point3Twin.name,
        "reference": payment.reference,
        "gateway_ref": payment.signature,
        "amount": payment.amount,
        "currency": CURRENCY,
        "status": payment.status.value,
        "refunded": payment.refunded,
        "captures": payment.captures,
        "cancels": payment.cancels,
        "confirms": payment.confirms,
    }


async def _no_such_route(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse(dict(failure(status, "no such endpoint").content), status)
