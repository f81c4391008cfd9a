"""What crosses the port: what a gateway is asked, and what it may answer.

A field that a gateway did not tell is None. Amounts are `Money`; moments are aware datetimes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Flag, StrEnum, auto

from app.domain.errors import InvalidRequest, Refusal
from app.domain.money import Money
from app.domain.order import Customer, Item, Tax
from app.domain.text import LONGEST_NAME, is_name
from app.gateways.text import readable

Json = dict[str, object]


def _drop(made: object, **longest: int) -> None:
    """Drop names that no gateway could have given (`is_name`): they must reach no path and no statement, and were not told."""
    for name, most in longest.items():
        value = getattr(made, name)
        if value is not None and not is_name(value, most):
            object.__setattr__(made, name, None)


class Capability(Flag):
    """What a gateway can do. Services read these and never a gateway's name."""

    REOPEN = auto()
    """`create_session` may be repeated with the same reference; without it, a lost answer needs an attempt of its own."""
    CAPTURE = auto()
    """Money moves only when our server asks for it; the gateway also satisfies `Capturing`."""
    LOOKUP_BEFORE_CAPTURE = auto()
    """A look-up already answers before the capture, so amount and order are compared before any money moves."""
    CAPTURE_BY_TOKEN = auto()
    """A capture needs the one-time token that the browser brought, and a repeated one moves nothing twice."""
    REFUND = auto()
    PARTIAL_REFUND = auto()
    ASYNC_REFUND = auto()
    """A refund is accepted first and done later."""
    WEBHOOKS = auto()
    SAVED_CARDS = auto()
    """A means of payment can be kept for later charges."""
    VIRTUAL_ACCOUNTS = auto()
    """Buyers may pay by a transfer to an account of their own."""
    VOID = auto()
    """What stands open there without money can be closed; the gateway also satisfies `Voiding`."""


class Fact(Flag):
    """What a gateway's look-up tells of a payment that moves money, in every answer.

    An adapter declares the facts that its gateway tells (`Gateway.proves`). One that is missing from an answer, or told in a
    word that nobody knows, was not told, and what is not told is never equal (docs/architecture.md, law 2).
    """

    REFERENCE = auto()
    """Whose order it is. Every gateway proves it: without, no money is ours."""
    AMOUNT = auto()
    """How much, in which currency. Every gateway proves it."""
    STORE = auto()
    """Which of the merchant's stores it was paid to."""
    CHANNEL = auto()
    """Whether the money is live or test money."""
    STATUS = auto()
    """How far it is."""


LONGEST_TOKEN = 4000
_REFERENCE = re.compile(r"[0-9A-Za-z]{1,40}")


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """One attempt, as a gateway needs to know it. `options` are this gateway's own `gateway_options`.

    `return_url` and `webhook_url` are ours: where the buyer's browser and the gateway's server come back to.
    Raises InvalidRequest for a reference that not every gateway takes.
    """

    reference: str
    amount: Money
    order_name: str
    expires_at: datetime
    return_url: str
    webhook_url: str
    is_live: bool = False
    customer: Customer = Customer()
    tax: Tax = Tax()
    items: tuple[Item, ...] = ()
    method: str | None = None
    options: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _REFERENCE.fullmatch(self.reference):
            raise InvalidRequest(("reference", f"must be 1 to 40 letters and digits, got {self.reference!r}"))


@dataclass(frozen=True, slots=True)
class Session:
    """The buyer may pay now: `next_action` is what the browser or app does next. A Decimal in it is a JSON number.

    It names the buyer where a gateway's window wants that, so it is kept out of whatever prints a `Session`.
    """

    next_action: Json = field(repr=False)
    gateway_ref: str | None = None

    def __post_init__(self) -> None:
        _drop(self, gateway_ref=LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it failed: our stable `code`, the gateway's own word, and its text for people."""

    code: str
    raw_code: str | None = None
    message: str | None = None


CLOSED = "closed_by_a_person"
"""The code of an attempt that a person closed; its `raw_code` is the cause that called him."""


class GatewayStatus(StrEnum):
    """The state of an attempt at its gateway, in our words."""

    ABSENT = "absent"
    """It answers and knows nothing of it."""
    PENDING = "pending"
    """Known, and the buyer has not finished."""
    APPROVING = "approving"
    """The buyer has acted, and the gateway has not decided yet: money may still move there, for days and without us."""
    AUTHORIZED = "authorized"
    """The buyer has finished; money moves when we capture."""
    AWAITING_DEPOSIT = "awaiting_deposit"
    CAPTURED = "captured"
    FAILED = "failed"
    REFUND_PENDING = "refund_pending"
    """A refund was accepted and is not done yet."""
    CANCELED = "canceled"
    STATUS_MISSING = "status_missing"
    """It knows the payment and does not say its status."""
    UNRECOGNIZED = "unrecognized"
    """It says a status that we do not know: never success, a person must look."""


NEVER_YEAR = 9000  # from this year on a time stands for "never", and no clock can add to it


@dataclass(frozen=True, slots=True)
class DepositAccount:
    """Where the buyer transfers the money to, in the gateway's words for the bank."""

    bank: str
    number: str
    holder: str | None = None
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.year >= NEVER_YEAR:
            object.__setattr__(self, "expires_at", None)  # so an account without end is told


class RefundState(StrEnum):
    """How far a refund is that a gateway lists."""

    PENDING = "pending"
    """Accepted, and not done yet."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class GatewayRefund:
    """One refund as a gateway lists it, whoever asked for it: we, somebody in its console, or a bank."""

    amount: Money
    state: RefundState
    ref: str | None = None
    """The gateway's own name of it."""
    reason: str | None = field(default=None, repr=False)
    tax: "Tax | None" = None
    """Its tax parts, where the gateway tells them."""
    is_chargeback: bool = False
    is_by_api: bool | None = field(default=None, compare=False)
    """Whether a program asked for it, as we do, and no person or bank; None where the gateway does not tell."""

    def __post_init__(self) -> None:
        _drop(self, ref=LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class GatewayPayment:
    """A look-up's answer. A field that the gateway did not tell is None and never assumed to match."""

    status: GatewayStatus
    reference: str | None = None
    gateway_ref: str | None = None
    amount: Money | None = None
    """What was ordered there, before discounts that the gateway pays for and before refunds."""
    refunded: Money | None = None
    """All that was refunded so far, 0 included; None where it is not told."""
    refunds: tuple[GatewayRefund, ...] = ()
    """The single refunds, oldest first, where the gateway lists them."""
    is_deposit: bool | None = None
    """Whether it is paid by a transfer to an account, so that a refund needs an account that the shop names."""
    is_live: bool | None = None
    is_own_store: bool | None = None
    doubt: str | None = None
    """The answer contradicts itself: nothing is concluded from it, and a person reads this sentence."""
    sum_doubt: str | None = None
    """Less came than was ordered, and nothing else is in doubt: `amount` is what came, and a person decides about it."""
    deposit: DepositAccount | None = None
    failure: Failure | None = None
    evidence: Json = field(default_factory=dict)

    def __post_init__(self) -> None:
        _drop(self, gateway_ref=LONGEST_NAME)

    @property
    def refunded_minor(self) -> int:
        """What is told to have been refunded, in minor units; 0 where nothing is told."""
        return self.refunded.minor if self.refunded else 0


@dataclass(frozen=True, slots=True)
class PaymentQuery:
    """Which payment to fetch: by `gateway_ref` when known, else by our reference. `expected` only ranks duplicates."""

    reference: str
    expected: Money
    gateway_ref: str | None = None

    def __post_init__(self) -> None:
        _drop(self, gateway_ref=LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class LookupHint:
    """What a callback or a webhook points at. A hint, never proof; empty when the fields are not this gateway's."""

    gateway_ref: str | None = None
    reference: str | None = None
    """Ours, when it names one: which attempt a redirect speaks of."""
    token: str | None = field(default=None, repr=False)
    """A one-time permission to take the money, where the gateway gives one to the browser."""

    def __post_init__(self) -> None:
        _drop(self, gateway_ref=LONGEST_NAME, reference=LONGEST_NAME, token=LONGEST_TOKEN)


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """Take the money of this charge. The gateway compares what it can of the rest, and refuses when it differs."""

    reference: str
    gateway_ref: str
    amount: Money
    tax: Tax = Tax()
    is_live: bool = False
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CaptureAnswer:
    """The gateway's explicit answer to a capture: `failure` None means that the money moved."""

    failure: Failure | None
    evidence: Json


@dataclass(frozen=True, slots=True)
class RefundAccount:
    """Where the money of a deposit goes back to; `bank` in the gateway's words. Never logged."""

    bank: str
    number: str
    holder: str
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Refund `amount`. `refundable` is the balance that we expect before it: another one must refuse the refund.

    `key` is the refund's own identity: the same key again is the same refund, where the gateway knows keys.
    """

    key: str
    reference: str
    gateway_ref: str
    amount: Money
    refundable: Money
    reason: str
    tax: Tax = Tax()
    account: RefundAccount | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class CapturedPayment:
    """A captured payment, as far as its refund depends on it."""

    amount: Money
    captured_at: datetime
    is_deposit: bool = False
    is_first_of_saved_card: bool = False
    """The payment with which a means of payment was saved."""


@dataclass(frozen=True, slots=True)
class RefundPolicy:
    """Whether a gateway can refund a payment, whole or in part, before it is asked. A code where it cannot."""

    whole: Refusal | None = None
    """Why the whole cannot go back; None when it can."""
    part: Refusal | None = None
    """Why a part cannot; None when it can."""
    needs_account: bool = False
    """Only to an account that the shop names (`RefundAccount`)."""
    done_after_s: float | None = 0.0
    """When an accepted refund is done at the latest; 0: at once; None: later, and nobody says when."""
    again_after_s: float | None = 0.0
    """When a refund whose answer was lost, and that no look-up shows, may be asked again and not be done twice; None: never."""
    whole_again_after_s: float | None = None
    """The same for a refund of all that the gateway still holds, where `again_after_s` is None: it cannot be paid twice.
    It is asked `MOST_BLIND_REQUESTS` times in all, then a person decides."""
    notes: tuple[str, ...] = ()
    """Codes of what a person should know, such as `fee_from_tomorrow`."""


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """The gateway's explicit answer to a refund: done, accepted for later (`is_done` False), or refused.

    A refusal's `failure.code` is one of `Refusal`.
    """

    is_done: bool
    failure: Failure | None
    evidence: Json
    refund_ref: str | None = None
    """The gateway's own name of this refund."""
    amount: Money | None = None
    """What a yes names, where that is another amount than was asked: the yes is for this one."""

    def __post_init__(self) -> None:
        _drop(self, refund_ref=LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it stood on the wire. Header names are in lower case; `path` is the one that it was sent to."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    """What was signed: of a compressed one, what it holds."""
    at: datetime

    def readable(self) -> tuple[bytes, str | None]:
        """The body as valid UTF-8, and which byte of it could not be read; see `text.readable`."""
        return readable(self.body)


@dataclass(frozen=True, slots=True)
class ParsedWebhook:
    """What a webhook points at. Only the look-up that it brings forward says what is true.

    `dedupe_key` is the same for every delivery of the same news. `is_signed`: its gateway's signature was right; False
    where it has none, so that anybody may have sent it.
    """

    dedupe_key: str
    is_signed: bool
    kind: str | None = None
    reference: str | None = None
    gateway_ref: str | None = None
    damage: str | None = None
    """Which byte could not be read."""

    def __post_init__(self) -> None:
        _drop(self, gateway_ref=LONGEST_NAME)


@dataclass(frozen=True, slots=True)
class PageSources:
    """Where a gateway's part of the checkout page comes from; the page's policy (CSP) lets nothing else in."""

    frames: tuple[str, ...] = ()
    """Origins of widgets shown in a frame."""
    scripts: tuple[str, ...] = ()
    """Origins of the gateway's own script, which also calls and frames its origin."""
    opens_any_page: bool = False
    """The script frames and posts to the pages of card companies and banks, whose hosts nobody lists: any https one."""
