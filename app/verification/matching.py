"""Matching: given what we stored and what the gateway holds, what follows. Pure; one for every gateway.

The order of the questions is the point: is it ours, is it the right money, may it still be kept.
"""

from dataclasses import dataclass
from datetime import datetime

from app.domain.attention import Attention
from app.domain.schedule import CAPTURE_GRACE, DEPOSIT_GRACE, DEPOSIT_UNTOLD
from app.domain.states import ATTEMPT_UNDECIDED, PAYMENT_COLLECTED, PAYMENT_UNPAID, AttemptStatus, PaymentStatus
from app.gateways.values import Fact, Failure, GatewayPayment, GatewayStatus
from app.ledger.model import Attempt, Payment

A = AttemptStatus

_ALWAYS = Fact.REFERENCE | Fact.AMOUNT


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is decided; look again later. `attention` says why a person should look as well, `doubt` what contradicts.

    `is_under_way`: money may move there, or has moved, without us. The payment is `processing` until it ends: no further
    attempt, no expiry. `is_approving`: the gateway says so itself, and may take days.
    """

    reason: str
    attention: Attention | None = None
    doubt: str | None = None
    is_under_way: bool = False
    is_approving: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """It is ours and right: take the money now."""


@dataclass(frozen=True, slots=True)
class NotOurs:
    """The gateway's payment belongs to another order. Nothing of ours changes."""

    mismatch: str


@dataclass(frozen=True, slots=True)
class Decide:
    """The attempt has ended, or waits for a deposit. `must_refund`: money moved that we must not keep.

    `must_review`: a person decides about the payment, because of its `attention`.
    """

    status: AttemptStatus
    reason: str
    failure: Failure | None = None
    must_refund: bool = False
    expires_payment: bool = False
    must_review: bool = False
    attention: Attention | None = None

    def moves(self, attempt: Attempt) -> bool:
        """Whether this still moves the attempt: an ended one moves only when money turns up for it."""
        if attempt.status in ATTEMPT_UNDECIDED:
            return self.status is not attempt.status
        is_late = attempt.status in {AttemptStatus.FAILED, AttemptStatus.EXPIRED, AttemptStatus.CANCELED}
        is_money = self.status is AttemptStatus.REJECTED and self.must_refund
        return is_late and (self.status is AttemptStatus.CAPTURED or is_money)


Verdict = Wait | Capture | NotOurs | Decide


def match_payment(
    payment: Payment,
    attempt: Attempt,
    fetched: GatewayPayment,
    *,
    now: datetime,
    shows_unconfirmed: bool,
    proves: Fact = _ALWAYS,
) -> Verdict:
    """Match what the gateway holds with the payment. `shows_unconfirmed`: whether its look-up answers before a capture.

    `proves` are the facts that the gateway always tells: one that this answer does not tell is never taken for equal.
    """
    if fetched.reference is not None and fetched.reference != attempt.reference:
        return NotOurs("order_id")
    if fetched.status is GatewayStatus.UNRECOGNIZED:
        return Wait("unrecognized_status", attention=Attention.UNKNOWN_STATUS, is_under_way=True)
    if doubt := fetched.doubt or fetched.sum_doubt:
        return _contradiction(doubt)
    if fetched.status is GatewayStatus.ABSENT:
        return _absent(payment, attempt, now=now, shows_unconfirmed=shows_unconfirmed)
    if fetched.status in {GatewayStatus.FAILED, GatewayStatus.CANCELED, GatewayStatus.REFUND_PENDING}:
        # Whose it is, is all that an end must prove; one that names nobody, or another store, is no end of ours.
        return _incomplete(fetched, Fact.REFERENCE | (proves & Fact.STORE)) or _ended(fetched)
    if fetched.status is GatewayStatus.APPROVING:
        return Wait("approval_under_way", is_under_way=True, is_approving=True)
    if fetched.status is GatewayStatus.PENDING:
        return _unfinished(payment, attempt, now=now)
    return _incomplete(fetched, proves | _ALWAYS) or _money(payment, attempt, fetched, now=now)


def _contradiction(doubt: str) -> Wait:
    return Wait("contradictory_look_up", Attention.CONTRADICTORY_LOOK_UP, doubt=doubt, is_under_way=True)


def _incomplete(fetched: GatewayPayment, facts: Fact) -> Wait | None:
    """Wait for a person where one of these facts is not told; None when all are."""
    untold = [str(fact.name).lower() for fact in facts if not _is_told(fetched, fact)]
    if not untold:
        return None
    said = f"does not tell, or not in a word that we know: {', '.join(untold)}"
    return Wait("incomplete_look_up", attention=Attention.INCOMPLETE_LOOK_UP, doubt=said, is_under_way=True)


def _is_told(fetched: GatewayPayment, fact: Fact) -> bool:
    if fact is Fact.STATUS:
        return fetched.status is not GatewayStatus.STATUS_MISSING
    told: dict[Fact, object] = {
        Fact.REFERENCE: fetched.reference,
        Fact.AMOUNT: fetched.amount,
        Fact.STORE: fetched.is_own_store,
        Fact.CHANNEL: fetched.is_live,
    }
    return told[fact] is not None


def _money(payment: Payment, attempt: Attempt, fetched: GatewayPayment, *, now: datetime) -> Verdict:
    """Match money that was captured, or that our next call would capture."""
    said_yes = attempt.capture_accepted_at is not None
    is_captured = fetched.status is GatewayStatus.CAPTURED
    if is_captured and (fetched.amount is None or fetched.amount.minor <= 0):
        return _contradiction("the look-up says that money was taken, and an amount that is not above 0")
    mismatch = _mismatch(payment, fetched)
    if mismatch and fetched.status is GatewayStatus.AWAITING_DEPOSIT:
        # An attempt that has ended is not refunded when the deposit comes after all: wait for it, then refund it whole.
        return Wait(f"{mismatch}_before_deposit", attention=Attention.DEPOSIT_MISMATCH)
    if mismatch and not (is_captured or said_yes) and was_asked(attempt):
        # The lost capture may still be carried out, and an attempt that has ended is not verified for it any more.
        return Wait(f"{mismatch}_after_confirm", attention=Attention.MISMATCH_AFTER_CAPTURE)
    if mismatch:
        return Decide(A.REJECTED, mismatch, Failure(mismatch), must_refund=is_captured or said_yes)
    if is_captured and payment.status is PaymentStatus.REVIEW and attempt.status is A.UNKNOWN:
        return Wait("captured_under_review", attention=Attention.CAPTURED_UNDER_REVIEW)
    if is_captured:
        is_open = payment.status in PAYMENT_UNPAID or payment.status is PaymentStatus.EXPIRED
        if is_open and attempt.status is not A.CANCELED:
            return Decide(A.CAPTURED, "captured")
        reason = "already_paid" if payment.status in PAYMENT_COLLECTED else "payment_closed"
        return Decide(A.REJECTED, reason, Failure(reason), must_refund=True)
    if fetched.status is GatewayStatus.AWAITING_DEPOSIT:
        return _deposit(payment, fetched, now=now)
    if said_yes:
        return Wait("confirmed_but_not_shown", attention=Attention.CAPTURE_NOT_SHOWN)
    if fetched.status is GatewayStatus.STATUS_MISSING and attempt.status is A.UNKNOWN:
        return Wait("unstated_after_confirm", attention=Attention.CAPTURE_UNSTATED)
    return _may_capture(payment, attempt, now=now)


def _deposit(payment: Payment, fetched: GatewayPayment, *, now: datetime) -> Verdict:
    """Wait for a deposit until its account has ended, which a gateway may go on showing (docs/gateways/portone-v2.md §8)."""
    ends_at = fetched.deposit.expires_at if fetched.deposit else None
    if ends_at is not None and now >= ends_at + DEPOSIT_GRACE:
        return Decide(A.EXPIRED, "deposit_expired", expires_payment=now >= payment.expires_at)
    if ends_at is None and now >= payment.expires_at + DEPOSIT_UNTOLD:
        return Wait("deposit_overdue", attention=Attention.DEPOSIT_OVERDUE)
    return Decide(A.AWAITING_DEPOSIT, "awaiting_deposit")


def _may_capture(payment: Payment, attempt: Attempt, *, now: datetime) -> Verdict:
    """Capture only while the payment is unpaid, in its time, and no other attempt may be captured."""
    if payment.status not in PAYMENT_UNPAID:
        return Decide(A.CANCELED, "payment_closed")
    if any(a.status is A.UNKNOWN for a in payment.attempts if a.id != attempt.id):
        return Wait("another_attempt_is_unknown")
    if now >= payment.expires_at + CAPTURE_GRACE:
        return Decide(A.EXPIRED, "expired_before_confirm", expires_payment=True)
    return Capture()


def was_asked(attempt: Attempt) -> bool:
    """Whether the gateway was asked for this attempt's money and left no answer."""
    return attempt.status is A.UNKNOWN and attempt.gateway_ref is not None


def _mismatch(payment: Payment, fetched: GatewayPayment) -> str | None:
    assert fetched.amount is not None
    if fetched.amount.currency != payment.amount.currency:
        return "currency_mismatch"
    if fetched.amount.minor != payment.amount.minor:
        return "amount_mismatch"
    if fetched.is_own_store is False:
        return "store_mismatch"
    if fetched.is_live is not None and fetched.is_live != (payment.mode == "live"):
        return "live_channel" if fetched.is_live else "test_channel"
    return None


def _absent(payment: Payment, attempt: Attempt, *, now: datetime, shows_unconfirmed: bool) -> Verdict:
    if attempt.next_action is None and attempt.gateway_ref is None:
        return Decide(A.FAILED, "never_opened", Failure("never_opened"))
    if attempt.gateway_ref is None:
        return _unfinished(payment, attempt, now=now)
    if shows_unconfirmed or attempt.capture_accepted_at is not None:
        return Wait("absent_at_gateway", attention=Attention.ABSENT_AT_GATEWAY)
    return _may_capture(payment, attempt, now=now)


def _unfinished(payment: Payment, attempt: Attempt, *, now: datetime) -> Verdict:
    if payment.status not in PAYMENT_UNPAID:
        return Decide(A.CANCELED, "payment_closed")
    if now >= payment.expires_at:
        return Decide(A.EXPIRED, "expired", expires_payment=True)
    if attempt.next_action is None and attempt.status in {A.CREATED, A.UNKNOWN}:
        return Decide(A.FAILED, "never_opened", Failure("never_opened"))
    return Wait("buyer_not_finished")


def _ended(fetched: GatewayPayment) -> Verdict:
    if fetched.is_own_store is False:
        return _contradiction("the look-up says that it ended, and at another store")
    if fetched.status is GatewayStatus.REFUND_PENDING:
        return Wait(
            "cancel_under_way", is_under_way=True
        )  # the money has moved there: nobody pays again before it ends
    if fetched.status is GatewayStatus.CANCELED:
        return Decide(A.CANCELED, "canceled_at_gateway", fetched.failure or Failure("canceled"))
    return Decide(A.FAILED, "failed_at_gateway", fetched.failure or Failure("declined"))
