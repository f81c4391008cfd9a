"""What the database holds of a payment, as values. JSON columns stay the text that was stored."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.domain import ids
from app.domain.attention import Attention
from app.domain.money import Money
from app.domain.states import ATTEMPT_UNDECIDED, REFUND_UNDECIDED, AttemptStatus, PaymentStatus, RefundStatus
from app.domain.tax import TaxBreakdown
from app.ledger.history_keys import HistoryKey

BY_SHOP, BY_MISMATCH, BY_GATEWAY, BY_OPERATOR = "api", "rejected", "gateway", "operator"
"""Who initiated a refund: the shop; we, for money that does not match; somebody outside (an external refund, found at the
gateway); an operator, who refunded by hand and recorded it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at one gateway. `next_check_at` is when an undecided one is looked at again."""

    id: UUID
    number: int
    gateway: str
    reference: str
    status: AttemptStatus
    created_at: datetime
    account: str | None = None
    """Which account of the gateway opened it, see `Gateway.account`; None where an older release did."""
    gateway_ref: str | None = None
    next_action: str | None = None
    failure: str | None = None
    is_deposit: bool = False
    """The buyer pays, or paid, by a transfer to an account: a refund needs an account that the shop names."""
    deposit: str | None = field(default=None, repr=False)
    """The account that waits for the buyer's transfer, as the JSON text of a `DepositAccount`; forgotten with its end."""
    capture_accepted_at: datetime | None = None
    """When the gateway accepted the capture; after that, it is never asked to capture again."""
    returned_at: datetime | None = None
    """When its buyer first came back, or was seen to have acted at the gateway: since then it is looked at sooner."""
    lookup_attempts: int = 0
    next_check_at: datetime | None = None
    unanswered_since: datetime | None = None
    """Since when no look was answered, whatever the reason; None after an answer."""
    unknown_since: datetime | None = None
    """Since when it is `unknown`."""
    ended_at: datetime | None = None
    """When it came to its end; None while it is undecided."""
    busy_until: datetime | None = None
    """A process holds the lease on calling the gateway for this attempt until then; others wait."""

    @property
    def is_undecided(self) -> bool:
        """Whether the gateway must still be asked how it ended."""
        return self.status in ATTEMPT_UNDECIDED

    @property
    def was_opened(self) -> bool:
        """Whether its window was opened, as far as anybody was told."""
        return self.next_action is not None or self.gateway_ref is not None

    @property
    def may_hold_money(self) -> bool:
        """Whether its gateway may hold money for it: not where no window was ever opened."""
        return self.is_undecided or self.was_opened

    def is_due(self, now: datetime) -> bool:
        """Whether its time to be looked at has come."""
        return self.next_check_at is not None and self.next_check_at <= now

    def is_busy(self, now: datetime) -> bool:
        """Whether a process holds the lease on asking the gateway."""
        return self.busy_until is not None and self.busy_until > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """A refund of one attempt's money. The gateway is asked for one at a time, in the order of `number`."""

    id: UUID
    number: int
    """Counts the refunds of the payment, from 1."""
    attempt_id: UUID
    amount: Money
    """What is asked for; the same for good."""
    parts: TaxBreakdown
    """How the amount is made up for the tax office."""
    initiator: str
    """`BY_SHOP`, `BY_MISMATCH`, `BY_GATEWAY` or `BY_OPERATOR`."""
    reason: str
    status: RefundStatus
    created_at: datetime
    updated_at: datetime
    returned_minor: int | None = None
    """What the gateway named in its yes, where that differs from `amount`; never what is asked for."""
    expected_minor: int | None = None
    """What the shop said would be left before this refund; None when it did not say."""
    request_key: bytes | None = None
    """SHA-256 of the Idempotency-Key that asked for it: one key, one refund, however old the key is."""
    request_print: bytes | None = None
    """The fingerprint of the request that came with that key."""
    account: str | None = field(default=None, repr=False)
    """Where a deposit goes back to, as JSON text; forgotten once the refund is decided."""
    gateway_ref: str | None = None
    """The gateway's own name of this refund."""
    failure: str | None = None
    """The last explicit no, as JSON text."""
    is_held: bool = False
    """Waits for a person who releases it; see the setting `rejected_money`."""
    refund_attempts: int = 0
    """How often the gateway was asked."""
    asked_at: datetime | None = None
    is_lost: bool = False
    """A request for it was never answered, so the gateway may still carry it out, whatever it said since."""
    accepted_at: datetime | None = None
    """When the gateway said yes to it, or showed it; after that it is never requested again. None for one made by hand."""
    lookup_attempts: int = 0
    next_check_at: datetime | None = None

    @property
    def public_id(self) -> str:
        """`ref_…`"""
        return ids.show(ids.Prefix.REFUND, self.id)

    @property
    def returned(self) -> Money:
        """What it is counted for: the amount that the gateway named in its yes, else the one that is asked for."""
        return self.amount if self.returned_minor is None else Money(self.returned_minor, self.amount.currency)

    @property
    def returned_parts(self) -> TaxBreakdown:
        """How `returned` is made up, as far as the refund alone tells: as what was asked for."""
        return self.parts.scaled(self.returned.minor)

    @property
    def is_undecided(self) -> bool:
        """Whether its amount is reserved, and how it ends must still be found out."""
        return self.status in REFUND_UNDECIDED

    def is_due(self, now: datetime) -> bool:
        """Whether its time to be looked at has come."""
        return self.next_check_at is not None and self.next_check_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment with its attempts and refunds, oldest first. `last_seq` is its version: a write names the one it read."""

    id: UUID
    store: str
    mode: str
    order_id: str
    order_name: str
    amount: Money
    status: PaymentStatus
    gateway: str
    created_at: datetime
    expires_at: datetime
    captured_minor: int = 0
    refunded_minor: int = 0
    refunding_minor: int = 0
    """Reserved for refunds that are not decided."""
    refund_count: int = 0
    method: str | None = None
    customer_id: str | None = None
    details: str = "{}"
    return_url: str | None = None
    link_expires_at: datetime | None = None
    """When `checkout_url` stops opening it in a further browser; None: it opens as long as there is anything to see."""
    metadata: str = "{}"
    attention: Attention | None = None
    """Why a person should look, or None."""
    last_seq: int = 0
    last_hash: bytes = bytes(32)
    paid_at: datetime | None = None
    attempts: tuple[Attempt, ...] = field(default=())
    refunds: tuple[Refund, ...] = field(default=())
    """Read with one payment, and not with a list of them."""
    history_key: HistoryKey | None = field(default=None, repr=False, compare=False)
    """Seals its next event; no column. The database takes none that is not sealed."""

    @property
    def public_id(self) -> str:
        """`pay_…`"""
        return ids.show(ids.Prefix.PAYMENT, self.id)

    @property
    def refundable_minor(self) -> int:
        """What is left of the captured money beside all refunds that are done or reserved."""
        return self.captured_minor - self.refunded_minor - self.refunding_minor

    @property
    def captured_attempt(self) -> Attempt | None:
        """The attempt whose money we keep; its refunds are the ones that count."""
        return next((a for a in self.attempts if a.status is AttemptStatus.CAPTURED), None)

    def link_has_ended(self, now: datetime) -> bool:
        """Whether its link opens it in no further browser."""
        return self.link_expires_at is not None and self.link_expires_at <= now

    def attempt(self, attempt_id: UUID) -> Attempt:
        """One of its attempts, which must be there."""
        return next(a for a in self.attempts if a.id == attempt_id)

    def refunds_of(self, attempt_id: UUID) -> list[Refund]:
        """The refunds of one attempt's money."""
        return [refund for refund in self.refunds if refund.attempt_id == attempt_id]

    def refund(self, refund_id: UUID) -> Refund | None:
        """One of its refunds."""
        return next((refund for refund in self.refunds if refund.id == refund_id), None)

    @property
    def last_attempt(self) -> Attempt:
        """The newest attempt; every payment has one from its first row on."""
        return self.attempts[-1]

    @property
    def next_number(self) -> int:
        """The number of a further attempt."""
        return self.attempts[-1].number + 1 if self.attempts else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Filters of a list, all optional, and the keyset position after which it goes on."""

    store: str
    limit: int
    after: tuple[datetime, UUID] | None = None
    order_id: str | None = None
    status: str | None = None
    gateway: str | None = None
    customer_id: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    needs_attention: bool | None = None


def total(refunds: Iterable[Refund]) -> int:
    """What they are counted for together, in minor units."""
    return sum(refund.returned.minor for refund in refunds)
