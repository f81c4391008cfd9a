"""What every imitated gateway is made of, and what it offers to the tester's hand and to the server."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from simulator.api import CallLog
from simulator.clock import SimClock, Timers
from simulator.delays import Delays, HeldConnections
from simulator.scenarios import Plan, Rule
from simulator.tokens import Tokens
from simulator.web import RawPath, nobody_there
from simulator.webhooks import WebhookSender

CONSOLE, CHARGEBACK = "console", "chargeback"
KINDS = (CONSOLE, CHARGEBACK)
"""Who refunds outside the shop (an external refund): somebody at the shop in the gateway's console, or the buyer's bank."""
NOTHING_LEFT = "there is nothing to refund: it is not paid, or all of it is refunded or on its way"


Account = Any
"""One gateway's `account_type`. Its fields are named like the variables that give them to the product."""


class JournalRow(TypedDict):
    """The truth about one payment at a gateway, whatever its API has told anybody. Money in minor units."""

    gateway: str
    reference: str
    gateway_ref: str | None
    amount: int
    currency: str
    status: str
    refunded: int
    captures: int
    cancels: int
    confirms: int


class Refunded(TypedDict):
    """An external refund. Money in minor units."""

    gateway: str
    reference: str
    gateway_ref: str | None
    amount: int
    """What this call refunds, at once or when the gateway's own time for it comes."""
    refunded: int
    """All that is refunded until now, as the journal has it."""


class UnknownReferenceError(LookupError):
    """The gateway has never seen this reference. Create the payment first, or look for a typing error."""


class RefusedError(Exception):
    """What was asked for cannot happen at this gateway now; the message says why."""


class Twin(ABC):
    """One imitated gateway, in memory. All methods change state in one step: none of them waits."""

    name: ClassVar[str]
    """As the product and `/_sim` call it."""
    rules: ClassVar[Mapping[str, Rule]]
    """The scenarios it knows, by name."""
    calls: ClassVar[tuple[str, ...]]
    """The kinds of call that a scenario can be narrowed to."""
    account_type: ClassVar[type[Any]]
    """The dataclass of a merchant's account; its defaults are worth nothing."""
    app: ASGIApp
    """Its own web application, to be served at the root of its own port."""

    def __init__(
        self,
        clock: SimClock,
        account: Account,
        delays: Delays,
        seed: int | None = None,
        retries: tuple[float, ...] = (),
    ) -> None:
        """`retries` are the waits before each further try of a webhook, in the gateway's seconds."""
        self.clock = clock
        self.account = account
        self.delays = delays
        self.plan = Plan()
        self.log = CallLog(self.name, clock)
        self.timers = Timers(clock)
        self.tokens = Tokens(seed)
        self.connections = HeldConnections()
        self.sender = WebhookSender(clock, retries)
        self.base_url = ""
        """Where browsers reach it, without a slash at the end; the server sets it when the port is open."""

    def serve(self, routes: Iterable[BaseRoute]) -> None:
        """Make the web application of these routes."""
        handlers = {HTTPException: self._no_such_route, ClientDisconnect: nobody_there}
        starlette = Starlette(routes=list(routes), exception_handlers=handlers)
        starlette.router.redirect_slashes = False
        self.app = RawPath(starlette)

    @abstractmethod
    def connection(self) -> dict[str, str]:
        """The credentials that a merchant needs at this moment, without the address."""

    @abstractmethod
    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """Do what the buyer would do in the widget or page; return what the shop's browser would receive.

        Without a scenario the plan decides, else `paid`. Raises UnknownReferenceError and RefusedError.
        """

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:  # noqa: ARG002 - every twin's signature
        """Refund outside the shop: so much in minor units, or all that is left, with the real gateway's messages.

        `kind` is one of KINDS. Raises UnknownReferenceError, and RefusedError when nothing is left, when less than
        `amount` is, or when the gateway knows no such refund.
        """
        raise RefusedError(f"{self.name} has no external refunds")

    @abstractmethod
    def entries(self) -> Iterable[Any]:
        """Every `store.Attempt`, oldest first."""

    @abstractmethod
    def not_found(self, status: int) -> Response:
        """The answer where there is no such endpoint (404) or no such method at it (405)."""

    def run_due(self) -> None:
        """Let happen what is due by itself. Called before anything is read, so that nobody sees the past."""
        self.timers.run_due()

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:  # noqa: ARG002 - a gateway with a console has one
        """Decide how coming webhooks are delivered, and with `url` where to when the payment names no address itself.

        Raises RefusedError when the gateway has none.
        """
        self.sender.set_mode(mode)
        return {"gateway": self.name, "mode": mode}

    def deliveries(self) -> list[dict[str, Any]]:
        """Every webhook that there was a reason and an address for, oldest first, with its tries."""
        return self.sender.rows()

    def journal(self) -> list[JournalRow]:
        """The truth, what is due included, one row per try to pay, oldest first."""
        self.run_due()
        return [self.journal_row(entry) for entry in self.entries()]

    def journal_row(self, entry: Any) -> JournalRow:
        """The truth about one try to pay."""
        return {
            "gateway": self.name,
            "reference": entry.reference,
            "gateway_ref": entry.gateway_ref,
            "amount": entry.charged,
            "currency": entry.currency,
            "status": str(entry.status),
            "refunded": entry.refunded,
            "captures": entry.captures,
            "cancels": entry.cancels,
            "confirms": entry.confirms,
        }

    def reset(self) -> None:
        """Forget everything, credentials included, and let go of held connections."""
        for part in (self.plan, self.log, self.sender, self.timers):
            part.reset()
        self.connections.let_go()

    def close(self) -> None:
        """Let go of every held connection and end every task, for good."""
        self.connections.close()
        self.timers.close()
        self.sender.close()

    def refunded(self, entry: Any, amount: int) -> Refunded:
        """The answer of `refund`."""
        return {
            "gateway": self.name,
            "reference": entry.reference,
            "gateway_ref": entry.gateway_ref,
            "amount": amount,
            "refunded": entry.refunded,
        }

    async def _no_such_route(self, _: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        response = self.not_found(error.status_code)
        response.headers.update(error.headers or {})
        return response


def part(wanted: int | None, left: int) -> int:
    """How much is refunded: what is wanted, without that all that is left. Raises RefusedError where that cannot be."""
    if left == 0:
        raise RefusedError(NOTHING_LEFT)
    if wanted is not None and not 0 < wanted <= left:
        raise RefusedError(f"the amount must be between 1 and the {left} that is left, got {wanted}")
    return left if wanted is None else wanted


def whole(gateway: str, wanted: int | None, left: int) -> int:
    """As `part`, at a gateway that refunds all or nothing."""
    amount = part(wanted, left)
    if amount != left:
        raise RefusedError(f"{gateway} refunds the whole only: {left} or no amount, got {amount}")
    return amount


def refuse_chargeback(gateway: str, kind: str) -> None:
    """Raise RefusedError for a kind that the gateway shows nowhere, so that nobody could tell it from the other."""
    if kind != CONSOLE:
        raise RefusedError(f"{gateway} knows no {kind}: the only kind of refund here is {CONSOLE}")
