"""Matches the refunds that a look-up shows with those that we have stored. Pure; one for every gateway.

`match_refunds` returns one difference at a time, the most certain first; the processor stores it and calls again until there
is none. Where two readings fit, it takes the one under which less is refunded: a cancel that may be ours is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.attention import Attention
from app.domain.errors import Refusal
from app.domain.money import Money
from app.domain.order import Tax
from app.domain.states import AttemptStatus, RefundStatus
from app.gateways.values import Failure, GatewayPayment, GatewayRefund, GatewayStatus, RefundAnswer, RefundState
from app.ledger.model import Attempt, Payment, Refund, total

R = RefundStatus
BALANCE_CHANGED = Failure(Refusal.BALANCE_CHANGED)


@dataclass(frozen=True, slots=True)
class Move:
    """A stored refund has moved on at the gateway."""

    refund: Refund
    to: RefundStatus
    reason: str
    gateway_ref: str | None = None
    failure: Failure | None = None
    amount: Money | None = None
    """What the gateway names, where the refund is counted for another amount."""


@dataclass(frozen=True, slots=True)
class Found:
    """An external refund: made in the gateway's console, or by a bank."""

    amount: Money
    reason: str
    gateway_ref: str | None = None
    tax: Tax | None = None


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Rejected money of this amount is still at the gateway, and no stored refund is for it."""

    amount: Money


@dataclass(frozen=True, slots=True)
class Doubt:
    """The look-up contradicts what is stored, or itself (`told`: in which words); `attention` calls a person."""

    attention: Attention
    told: str | None = None


Difference = Move | Found | Mismatch | Doubt


def match_refunds(payment: Payment, attempt: Attempt, fetched: GatewayPayment) -> Difference | None:
    """The next difference between an attempt's refunds and what its gateway shows; None when there is none."""
    if (doubt := _doubt_about(payment, attempt, fetched)) is not None:
        return doubt
    refunds = payment.refunds_of(attempt.id)
    listed = sum(each.amount.minor for each in fetched.refunds if each.state is not RefundState.FAILED)
    shown = max(listed, fetched.refunded_minor)
    if fetched.amount is not None and shown > fetched.amount.minor:
        return Doubt(Attention.REFUNDS_TOO_HIGH)
    if attempt.status is AttemptStatus.REJECTED:
        return _of_rejected(refunds, fetched)
    difference = _listed(refunds, fetched) or _summed(refunds, fetched)
    if isinstance(difference, Found):
        return with_room(payment, refunds, difference, fetched.refunds)
    if isinstance(difference, Move) and (difference.refund.status is R.FAILED or difference.amount is not None):
        return with_room(payment, refunds, difference, fetched.refunds)
    return difference


_SHOWS_MONEY = frozenset(
    {GatewayStatus.CAPTURED, GatewayStatus.REFUND_PENDING, GatewayStatus.CANCELED, GatewayStatus.STATUS_MISSING}
)


def _doubt_about(payment: Payment, attempt: Attempt, fetched: GatewayPayment) -> Doubt | None:
    """Return why nothing is concluded from this look-up; None when it can be believed."""
    is_kept = attempt.status is AttemptStatus.CAPTURED
    if fetched.status is GatewayStatus.UNRECOGNIZED:
        return Doubt(Attention.UNKNOWN_STATUS)
    if fetched.doubt is not None:
        return Doubt(Attention.CONTRADICTORY_LOOK_UP, fetched.doubt)
    if fetched.reference is not None and fetched.reference != attempt.reference:
        return Doubt(Attention.FOREIGN_ORDER)
    if fetched.status not in _SHOWS_MONEY and (is_kept or payment.refunds_of(attempt.id)):
        return Doubt(Attention.MONEY_NOT_SHOWN)
    if fetched.reference is None and fetched.status in _SHOWS_MONEY:
        return Doubt(Attention.INCOMPLETE_LOOK_UP, "does not tell whose order it is")
    sums = (fetched.amount, fetched.refunded, *(each.amount for each in fetched.refunds))
    if any(each is not None and each.currency != payment.amount.currency for each in sums) and is_kept:
        return Doubt(Attention.CONTRADICTORY_LOOK_UP, "another currency than the payment's")
    if fetched.is_own_store is False or fetched.is_live not in {None, payment.mode == "live"}:
        return Doubt(Attention.CONTRADICTORY_LOOK_UP, "the money is at another store, or in another mode, than before")
    if is_kept and fetched.amount not in {None, payment.amount}:
        return Doubt(Attention.AMOUNT_CHANGED)
    return None


def _listed(refunds: Sequence[Refund], fetched: GatewayPayment) -> Move | Found | Doubt | None:
    """By the gateway's own list of refunds."""
    named = {refund.gateway_ref: refund for refund in refunds if refund.gateway_ref}
    for cancel in fetched.refunds:
        refund = named.get(cancel.ref) if cancel.ref else None
        if refund is not None and (move := _follows(refund, cancel, fetched)):
            return move
    lost, is_unexplained = _lost(refunds), False
    done = _told(refunds)
    for cancel in fetched.refunds:
        if cancel.ref in named or cancel.state is RefundState.FAILED:
            continue
        # Where the sum that went back has no room for it, it is one that was counted before the gateway named it.
        has_room = not fetched.refunded_minor or done + cancel.amount.minor <= fetched.refunded_minor
        is_counted = cancel.state is RefundState.SUCCEEDED and not has_room
        refund = _meant(refunds, cancel.amount, is_counted=is_counted)
        if refund is not None:
            to = R.SUCCEEDED if cancel.state is RefundState.SUCCEEDED else R.PENDING
            if refund.status in {to, R.SUCCEEDED} and cancel.ref is None:
                continue
            to = R.SUCCEEDED if refund.status is R.SUCCEEDED else to
            return Move(refund, to, "refund_shown", gateway_ref=cancel.ref)
        if not is_counted and (lost is not None or _by_hand(refunds)) and _may_be(cancel):
            is_unexplained = True
            continue
        if cancel.state is RefundState.SUCCEEDED and cancel.ref and not is_counted:
            reason = "chargeback" if cancel.is_chargeback else cancel.reason or "refunded at the gateway"
            return Found(cancel.amount, reason, cancel.ref, cancel.tax)
    return Doubt(Attention.UNEXPLAINED_REFUND) if is_unexplained else None


def _summed(refunds: Sequence[Refund], fetched: GatewayPayment) -> Move | Found | Doubt | None:
    """By the sum that went back, where the list does not explain it."""
    if fetched.status is GatewayStatus.REFUND_PENDING:
        unknown = next((refund for refund in refunds if refund.status is R.UNKNOWN), None)
        return Move(unknown, R.PENDING, "refund_under_way") if unknown else None
    if (doubt := _doubt_about_cancel(fetched)) is not None:
        return doubt
    shown = fetched.refunded or (fetched.amount if fetched.status is GatewayStatus.CANCELED else None)
    if shown is None:
        return None
    if _is_too_low(refunds, fetched):
        return Doubt(Attention.REFUNDS_TOO_LOW)
    rest = shown.minor - _told(refunds)
    if rest <= 0:
        return None
    going = [each for each in refunds if _is_going(each, fetched.refunds)]
    asked = [each for each in refunds if each.status in {R.UNKNOWN, R.PENDING} and each.returned.minor <= rest]
    by_hand = sorted(_by_hand(refunds), key=lambda each: each.returned.minor != rest)
    after_all = [each for each in by_hand if each.returned.minor <= rest]
    if shown_now := [each for each in asked if each not in going] + after_all:
        return Move(shown_now[0], R.SUCCEEDED, "refund_shown")
    if by_hand:
        return Doubt(Attention.UNEXPLAINED_REFUND)
    if (lost := _lost(refunds)) is not None and rest < lost.amount.minor:
        return Doubt(Attention.UNEXPLAINED_REFUND)
    return Found(Money(rest, shown.currency), "refunded at the gateway")


def _told(refunds: Sequence[Refund]) -> int:
    """What the gateway has said before to have gone back. What was made by hand is not in its sum, unless it shows it too."""
    return total(each for each in refunds if each.status is R.SUCCEEDED and each.accepted_at)


def _by_hand(refunds: Sequence[Refund]) -> list[Refund]:
    """Those that are done on a person's word: made by hand, or seen at the gateway by him."""
    return [each for each in refunds if each.status is R.SUCCEEDED and not each.accepted_at]


def _is_too_low(refunds: Sequence[Refund], fetched: GatewayPayment) -> bool:
    """Whether less is told to have gone back than the gateway has said before."""
    done = sum(each.amount.minor for each in fetched.refunds if each.state is RefundState.SUCCEEDED)
    return fetched.refunded is not None and max(fetched.refunded.minor, done) < _told(refunds)


def _doubt_about_cancel(fetched: GatewayPayment) -> Doubt | None:
    """A word that says that money went back, without a sum, or with none."""
    if fetched.status is not GatewayStatus.CANCELED:
        return None
    shown = fetched.refunded or fetched.amount
    if shown is None:
        return Doubt(Attention.INCOMPLETE_LOOK_UP, "says that it was canceled, and not how much went back")
    told = "says that it was canceled, and that nothing went back"
    return None if shown.minor else Doubt(Attention.CONTRADICTORY_LOOK_UP, told)


def _of_rejected(refunds: Sequence[Refund], fetched: GatewayPayment) -> Difference | None:
    """Of rejected money only one thing matters: whether all of it is refunded, by whomever."""
    live = next((refund for refund in refunds if refund.is_undecided), None)
    if fetched.status is GatewayStatus.CANCELED:
        return _doubt_about_cancel(fetched) or Move(live, R.SUCCEEDED, "given_back") if live else None
    back = fetched.refunded_minor
    left = Money(fetched.amount.minor - back, fetched.amount.currency) if fetched.amount else None
    if live is None and _is_too_low(refunds, fetched):
        return Doubt(Attention.REFUNDS_TOO_LOW)
    if live is None:
        return Mismatch(left) if left and left.minor > 0 and _is_short(refunds, fetched, back) else None
    if fetched.status is GatewayStatus.REFUND_PENDING:
        return Move(live, R.PENDING, "refund_under_way") if live.status is not R.PENDING else None
    for cancel in fetched.refunds:
        is_it = cancel.ref == live.gateway_ref if live.gateway_ref else cancel.amount == live.returned
        if is_it and live.status is not R.CREATED and (move := _follows(live, cancel, fetched)):
            return move
    if live.status is R.CREATED:
        is_other = left is not None and left != live.amount
        return Move(live, R.FAILED, "refund_no_longer_fits", failure=BALANCE_CHANGED) if is_other else None
    if _lost([live]) and back and left is not None and left.minor < live.amount.minor:
        names = {each.gateway_ref for each in refunds}
        new = [each for each in fetched.refunds if each.state is not RefundState.FAILED and each.ref not in names]
        if not fetched.refunds or any(_may_be(each) for each in new):
            return Doubt(Attention.UNEXPLAINED_REFUND)
    # Only what is said to have gone back counts: an amount that has become smaller by itself gave nothing to anybody.
    news = back - total(each for each in refunds if each.status is R.SUCCEEDED)
    is_ours = fetched.refunded is not None and fetched.refunded.currency == live.amount.currency and not fetched.refunds
    return Move(live, R.SUCCEEDED, "refund_shown") if is_ours and news >= live.returned.minor else None


def _is_short(refunds: Sequence[Refund], fetched: GatewayPayment, back: int) -> bool:
    """Whether the refunds of rejected money are over, and money is left beside them.

    A look-up may not show a refund that was made by hand: the sum that it shows must be that of the stored ones.
    """
    if not refunds or fetched.status is not GatewayStatus.CAPTURED:
        return False
    if refunds[-1].status is R.FAILED:
        return True
    return back > 0 and back == total(each for each in refunds if each.status is R.SUCCEEDED)


def _follows(refund: Refund, cancel: GatewayRefund, fetched: GatewayPayment) -> Move | None:
    """Return the move of a refund that a listed cancel is known to be; to the cancel's amount, if one alone has that name."""
    is_sole = sum(each.ref == cancel.ref for each in fetched.refunds) == 1
    amount = cancel.amount if is_sole and cancel.amount != refund.returned else None
    match cancel.state:
        case RefundState.SUCCEEDED if refund.status is not R.SUCCEEDED:
            return Move(refund, R.SUCCEEDED, "refund_done", gateway_ref=cancel.ref, amount=amount)
        case RefundState.SUCCEEDED if amount is not None:
            return Move(refund, R.SUCCEEDED, "refund_adjusted", gateway_ref=cancel.ref, amount=amount)
        case RefundState.PENDING if refund.status is R.UNKNOWN:
            return Move(refund, R.PENDING, "refund_under_way", gateway_ref=cancel.ref, amount=amount)
        case RefundState.FAILED if refund.status is R.PENDING:
            return Move(refund, R.FAILED, "refund_failed_later", failure=Failure(Refusal.DECLINED))
    return None


def _meant(refunds: Sequence[Refund], amount: Money, *, is_counted: bool) -> Refund | None:
    """Find the refund that a listed cancel of this amount may be, among those without a name at the gateway."""
    same = [each for each in refunds if each.gateway_ref is None and each.returned == amount]
    for status in () if is_counted else (R.UNKNOWN, R.PENDING):
        if found := next((each for each in same if each.status is status), None):
            return found
    late = next((each for each in same if each.status is R.FAILED and each.is_lost), None)
    if late and not is_counted:
        return late
    return next((each for each in same if each.status is R.SUCCEEDED), None)


def _is_going(refund: Refund, listed: Sequence[GatewayRefund]) -> bool:
    """Whether the list shows it as under way, by its name, or by its amount where it has none."""
    going = [each for each in listed if each.state is RefundState.PENDING]
    return any(each.ref == refund.gateway_ref if each.ref else each.amount == refund.returned for each in going)


def _lost(refunds: Sequence[Refund]) -> Refund | None:
    """The refund that was asked for without an answer, and that no look-up has named; one at most."""
    return next((each for each in refunds if each.status is R.UNKNOWN and each.gateway_ref is None), None)


def _may_be(cancel: GatewayRefund) -> bool:
    """Whether a cancel of another amount may be the one that was asked for without an answer: all but what is told not to be."""
    return cancel.is_by_api is not False


def answered(payment: Payment, refund: Refund, to: RefundStatus, answer: RefundAnswer) -> Move | Doubt:
    """What the yes to a request comes to: the refund's move, to the amount that it names, or what must come first."""
    if answer.refund_ref and any(
        answer.refund_ref == each.gateway_ref != refund.gateway_ref for each in payment.refunds
    ):
        return Doubt(Attention.UNEXPLAINED_REFUND)  # a look-up took it for somebody else's
    news, kept = Move(refund, to, "refund_done", amount=answer.amount), payment.captured_attempt
    if answer.amount is None or kept is None or refund.attempt_id != kept.id:
        return news  # as it was reserved, or money that we do not keep: nothing must make room
    fit = with_room(payment, payment.refunds_of(refund.attempt_id), news)
    assert not isinstance(fit, Found)
    return fit


def with_room(
    payment: Payment, refunds: Sequence[Refund], news: Found | Move, listed: Sequence[GatewayRefund] = ()
) -> Found | Move | Doubt:
    """An external refund or one of another amount than was reserved, or first the stored refund that fails because of it.

    One that the shop bound to a balance fails, and each that no longer fits beside it: those first that were never requested.
    One that is `listed` as under way does not: where both do not fit, that is a doubt.
    """
    if isinstance(news, Found):
        others, more = list(refunds), news.amount.minor
    else:
        others = [each for each in refunds if each.id != news.refund.id]
        counted = 0 if news.refund.status is R.FAILED else news.refund.returned.minor
        more = (news.amount or news.refund.returned).minor - counted
    bound = [each for each in others if each.status is R.CREATED and each.expected_minor is not None]
    for status in (R.CREATED, R.UNKNOWN, R.PENDING) if more > payment.refundable_minor else ():
        bound += [each for each in reversed(others) if each.status is status and not _is_going(each, listed)]
    if bound:
        return Move(bound[0], R.FAILED, "refund_overtaken", failure=BALANCE_CHANGED)
    return Doubt(Attention.REFUNDS_TOO_HIGH) if more > payment.refundable_minor else news
