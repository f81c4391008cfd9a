"""What every imitated gateway offers to the tester's hand and to the server."""

from collections.abc import Mapping
from typing import Any, Protocol, TypedDict, runtime_checkable

from starlette.types import ASGIApp

from simulator.calls import CallLog
from simulator.scenarios import Plan, Rule


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
    """What went back past the shop. Money in minor units."""

    gateway: str
    reference: str
    gateway_ref: str | None
    amount: int
    """What was given back by this call, at once or when the gateway's own time for it comes."""
    refunded: int
    """All that went back until now, as the journal has it."""


class UnknownReferenceError(LookupError):
    """The gateway has never seen this reference. Create the payment first, or look for a typing error."""


class RefusedError(Exception):
    """What was asked for cannot happen at this gateway now; the message says why."""


class Twin(Protocol):
    """One imitated gateway. All methods change state in one step: none of them waits."""

    @property
    def name(self) -> str:
        """The gateway's name, as the product and `/_sim` call it."""

    @property
    def app(self) -> ASGIApp:
        """The gateway's own web application, to be served at the root of its own port."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """The scenarios it knows, by name."""

    @property
    def calls(self) -> tuple[str, ...]:
        """The kinds of call that a scenario can be narrowed to."""

    @property
    def plan(self) -> Plan:
        """Which coming calls misbehave."""

    @property
    def log(self) -> CallLog:
        """The API calls that arrived."""

    base_url: str
    """Where browsers reach it, without a slash at the end; the server sets it when the port is open."""

    def connection(self) -> dict[str, str]:
        """The credentials that a merchant needs at this moment, without the address."""

    def pay(self, reference: str, scenario: str | None) -> dict[str, Any]:
        """Do what the buyer would do in the widget or page; return what the shop's browser would receive.

        Without a scenario the plan decides, else `paid`. Raises UnknownReferenceError and RefusedError.
        """

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """Decide how coming webhooks are delivered, and with `url` where to when the payment names no address itself.

        Raises RefusedError when the gateway has none.
        """

    def deliveries(self) -> list[dict[str, Any]]:
        """Every webhook that there was a reason for, oldest first, with its tries."""

    def journal(self) -> list[JournalRow]:
        """The truth, one row per payment, oldest first."""

    def reset(self) -> None:
        """Forget everything, credentials included, and let go of held connections."""

    def close(self) -> None:
        """Let go of every held connection, and hold none from now on."""


@runtime_checkable
class GivesBack(Protocol):
    """A twin at which money can go back past the shop: in the gateway's console, or by the buyer's bank."""

    def refund(self, reference: str, amount: int | None, kind: str) -> Refunded:
        """Give back so much in minor units, or all that is left, with the messages that the real gateway sends.

        `kind` is one of `refunds.KINDS`. Raises UnknownReferenceError, and RefusedError when nothing is left, when less
        than `amount` is, or when the gateway knows no such refund.
        """
