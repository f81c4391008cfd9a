"""A verification's values: its context, the snapshot that it read, and its result."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import msgspec

from app.domain.states import ATTEMPT_UNDECIDED, AttemptStatus
from app.gateways.port import Gateway
from app.gateways.values import Failure, GatewayPayment, LookupHint, PaymentQuery
from app.ledger.model import Attempt, Payment
from app.ledger.transitions import Trigger


@dataclass(slots=True)
class VerificationContext:
    """A verification under way: its trigger, the attempt, the hints, and the lease that it took.

    `callback` are the fields that a buyer's browser came back with; `webhook` is what a gateway's webhook points at, with
    that gateway's name. Both are hints, believed only when the look-up shows our order. `store` None: the caller's right to
    the payment is already proven. `has_returned`: the buyer came back, whatever he brought. `is_news`: a gateway that signs
    says that something happened, so its silence calls a person also about an attempt that has ended.
    """

    trigger: Trigger
    store: str | None = None
    attempt_id: UUID | None = None
    callback: Mapping[str, str] = field(default_factory=dict)
    webhook: tuple[str, LookupHint] | None = None
    has_returned: bool = False
    is_news: bool = False
    lease: datetime | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The payment as it was read, and the gateway's reference to ask by: ours, or only hinted."""

    gateway: Gateway
    payment: Payment
    attempt: Attempt
    ref: str | None
    looked_at: datetime
    """When the look began: one that began before an attempt was due does not stand for the due one."""
    token: str | None = None

    @property
    def is_hinted(self) -> bool:
        """Whether the reference is only what a callback or a webhook named."""
        return self.ref is not None and self.attempt.gateway_ref is None

    @property
    def stored(self) -> Attempt:
        """The attempt as the database has it."""
        return self.payment.attempt(self.attempt.id)

    @property
    def query(self) -> PaymentQuery:
        """How the gateway is asked about this attempt."""
        return PaymentQuery(self.attempt.reference, self.payment.amount, self.ref)


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """A verification's result. `mismatch` names what differs when the money, or the hint, was not ours.

    `is_answered` False: the gateway was not asked, or gave no answer; whatever triggered this must verify again.
    `fetched` is there where money of the attempt has moved: what its refunds are matched with.
    """

    payment: Payment
    is_decided: bool
    mismatch: str | None = None
    is_answered: bool = True
    attempt_id: UUID | None = None
    fetched: GatewayPayment | None = None
    looked_at: datetime | None = None


def result_of(payment: Payment, attempt_id: UUID, fetched: GatewayPayment | None = None) -> VerificationResult:
    """Return the result of an attempt that is written."""
    attempt = payment.attempt(attempt_id)
    mismatch = None
    if attempt.status is AttemptStatus.REJECTED and attempt.failure:
        mismatch = msgspec.json.decode(attempt.failure, type=Failure).code
    is_decided = attempt.status not in ATTEMPT_UNDECIDED or attempt.status is AttemptStatus.AWAITING_DEPOSIT
    return VerificationResult(payment, is_decided, mismatch, attempt_id=attempt_id, fetched=fetched)
