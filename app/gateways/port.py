"""The port: what the product asks of any gateway, and what a gateway may answer. No gateway is named outside its folder.

An adapter *reports* what the gateway holds; comparing it with what we stored is the service's work, in one place for all
of them. A decline is a value; an exception means that no answer came (`GatewayUnavailable`: it never acted;
`GatewayTimeout`: it may have; `GatewayRefused`: it refused the call itself).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, StrEnum, auto
from typing import Protocol, runtime_checkable

from app.domain.money import Money

Json = dict[str, object]


class Capability(Flag):
    """What a gateway can do. Services read these and never a gateway's name."""

    CONFIRM = auto()
    """Money moves only when our server confirms; the gateway also satisfies `Confirming`."""
    LOOK_UP_BEFORE_CONFIRM = auto()
    """A look-up already answers before confirm, so amount and order are compared before any money moves."""
    REFUND = auto()
    PARTIAL_REFUND = auto()
    ASYNC_REFUND = auto()
    """A refund is accepted first and done later."""
    WEBHOOKS = auto()
    SAVED_CARDS = auto()
    VIRTUAL_ACCOUNTS = auto()
    DELIVERY = auto()
    SETTLEMENT = auto()
    SECRET_ROTATION = auto()


@dataclass(frozen=True, slots=True)
class Customer:
    """The buyer, as far as the shop told us. Never logged."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    phone: str | None = None
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """Parts of the amount in minor units. `vat` None: the gateway's default share; `tax_free`: the exempt part."""

    vat: int | None = None
    tax_free: int = 0


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One attempt, as a gateway needs to know it. `options` are this gateway's own `gateway_options`."""

    reference: str
    amount: Money
    order_name: str
    expires_at: datetime
    customer: Customer = Customer()
    tax: Tax = Tax()
    method: str | None = None
    options: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """The buyer may pay now: `next_action` is what the browser or app does next."""

    next_action: Json
    gateway_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it failed: our stable `code`, the gateway's own word, and its text for people."""

    code: str
    raw_code: str | None = None
    message: str | None = None


class Holding(StrEnum):
    """What a gateway holds for an attempt, in our words."""

    ABSENT = "absent"
    """It answers and knows nothing of it."""
    OPEN = "open"
    """Known, and the buyer has not finished."""
    AUTHORIZED = "authorized"
    """The buyer has finished; money moves when we confirm."""
    AWAITING_DEPOSIT = "awaiting_deposit"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELING = "canceling"
    """A cancel was accepted and is not done yet."""
    CANCELED = "canceled"
    UNSTATED = "unstated"
    """It knows the payment and does not say its status."""
    UNRECOGNIZED = "unrecognized"
    """It says a status that we do not know: never success, a person must look."""


@dataclass(frozen=True, slots=True)
class Held:
    """A look-up's answer. A field that the gateway did not tell is None and never assumed to match."""

    holding: Holding
    reference: str | None = None
    gateway_ref: str | None = None
    amount: Money | None = None
    is_live: bool | None = None
    failure: Failure | None = None
    evidence: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """Which charge to look up: by `gateway_ref` when known, else by our reference. `expected` only ranks duplicates."""

    reference: str
    expected: Money
    gateway_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The gateway's explicit answer to confirm: `failure` None means that the money moved."""

    failure: Failure | None
    evidence: Json


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """The gateway's explicit answer to a refund: done, accepted for later (`is_done` False), or refused."""

    is_done: bool
    failure: Failure | None
    evidence: Json


class Gateway(Protocol):
    """One gateway account. Stateless but for its connections; safe to share between tasks."""

    name: str
    capabilities: Capability
    deadline_s: float
    """Total deadline of one call; leases are longer than this."""
    frame_origins: tuple[str, ...]
    """Origins of the widgets that the checkout page shows in a frame."""

    def check(self, request: ChargeRequest) -> None:
        """Refuse before any call what this gateway cannot take. Raises InvalidRequest that names the field."""

    async def start(self, request: ChargeRequest) -> Opened:
        """Open the charge; no money moves. Safe to repeat with the same reference.

        Raises GatewayUnavailable, GatewayTimeout or GatewayRefused.
        """

    async def look_up(self, question: Question) -> Held:
        """Return what the gateway holds. Safe to repeat. Raises as `start` does."""

    def read_callback(self, fields: Mapping[str, str]) -> str | None:
        """The gateway_ref that a browser brought back, if these fields are this gateway's. A hint, never proof."""

    async def close(self) -> None:
        """Give back the connections."""


@runtime_checkable
class Confirming(Protocol):
    """A gateway with `Capability.CONFIRM`."""

    async def confirm(self, gateway_ref: str) -> Confirmed:
        """Take the money. Not safe to repeat: after a lost answer, look up first. Raises as `start` does."""


@runtime_checkable
class Refunding(Protocol):
    """A gateway with `Capability.REFUND`."""

    async def refund(self, gateway_ref: str, amount: Money, reason: str) -> RefundAnswer:
        """Give the whole amount back. After a lost answer, look up first. Raises as `start` does."""
