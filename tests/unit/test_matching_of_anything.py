"""Any payment and any answer: money is kept or taken only when everything that must match matches."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.money import Money
from app.domain.schedule import CAPTURE_GRACE
from app.domain.states import (
    PAYMENT_UNPAID,
)
from app.gateways.values import Failure, GatewayPayment
from app.ledger.model import Payment
from app.ledger.transitions import step
from app.verification.matching import Capture, Decide, NotOurs, Wait, match_payment
from tests.unit.factories import AMOUNT, EXPIRES_AT, NOW, attempt, held, payment
from tests.unit.properties import thorough
from tests.unit.test_matching import GRACE_ENDS, JUST_BEFORE, A, H, P, in_status

REFERENCES = [attempt().reference, attempt(number=2).reference, "another", None]
AMOUNTS = [AMOUNT, Money(23_999, "KRW"), Money(24_000, "JPY"), Money(24_000, "USD"), None]
MOMENTS = [NOW, EXPIRES_AT, GRACE_ENDS - JUST_BEFORE, GRACE_ENDS, GRACE_ENDS + timedelta(days=9)]

any_held = st.builds(
    held,
    st.sampled_from(H),
    reference=st.sampled_from(REFERENCES),
    amount=st.sampled_from(AMOUNTS),
    gateway_ref=st.sampled_from(["sig", None]),
    is_live=st.sampled_from([True, False, None]),
)
any_attempt = st.builds(
    attempt,
    st.sampled_from(A),
    gateway_ref=st.sampled_from(["sig", None]),
    next_action=st.sampled_from(["{}", None]),
    capture_accepted_at=st.sampled_from([NOW, None]),
)
any_other = st.lists(st.builds(attempt, st.sampled_from(A), number=st.just(2)), max_size=1)


@st.composite
def any_payment(draw: st.DrawFn) -> Payment:
    attempts = (draw(any_attempt), *draw(any_other))
    return payment(*attempts, status=draw(st.sampled_from(P)), mode=draw(st.sampled_from(["test", "live"])))


@thorough
@given(stored=any_payment(), shown=any_held, now=st.sampled_from(MOMENTS), shows_unconfirmed=st.booleans())
def test_money_is_only_ever_kept_or_taken_when_everything_that_must_match_matches(
    stored: Payment, shown: GatewayPayment, now: datetime, shows_unconfirmed: bool
) -> None:
    one = stored.attempts[0]
    judged = match_payment(stored, one, shown, now=now, shows_unconfirmed=shows_unconfirmed)
    matches = shown.reference == one.reference and shown.amount == stored.amount
    if isinstance(judged, Decide) and judged.status is A.CAPTURED:
        assert shown.status is H.CAPTURED
        assert matches
        assert not (stored.mode == "live" and shown.is_live is False)
        assert stored.status in PAYMENT_UNPAID | {P.EXPIRED}
        assert not judged.must_refund
    if isinstance(judged, Capture):
        assert stored.status in PAYMENT_UNPAID
        assert now < stored.expires_at + CAPTURE_GRACE
        assert one.capture_accepted_at is None
        assert all(other.status is not A.UNKNOWN for other in stored.attempts[1:])
        if shown.status is H.ABSENT:
            assert not shows_unconfirmed
            assert one.gateway_ref is not None
        else:
            assert shown.status in {H.AUTHORIZED, H.STATUS_MISSING}
            assert matches
            assert shown.status is H.AUTHORIZED or one.status is not A.UNKNOWN
    if isinstance(judged, Decide) and judged.must_refund:
        assert shown.status is H.CAPTURED or one.capture_accepted_at is not None
        assert shown.reference == one.reference
        assert judged.status is A.REJECTED
        assert judged.failure == Failure(judged.reason)


@thorough
@given(stored=any_payment(), shown=any_held, now=st.sampled_from(MOMENTS), shows_unconfirmed=st.booleans())
def test_every_verdict_that_applies_can_be_written_down(
    stored: Payment, shown: GatewayPayment, now: datetime, shows_unconfirmed: bool
) -> None:
    """A look-up's truth that the transition tables refused would be lost, and its row looked at again for ever."""
    one = stored.attempts[0]
    judged = match_payment(stored, one, shown, now=now, shows_unconfirmed=shows_unconfirmed)
    if isinstance(judged, Decide) and judged.moves(one):
        written = step(stored, one, judged.status, at=now, trigger="sweep", reason=judged.reason, evidence={})
        assert written.attempt.status is judged.status
    if isinstance(judged, Capture) and one.status in {A.PENDING, A.UNKNOWN}:
        step(stored, one, A.UNKNOWN, at=now, trigger="sweep", reason="confirm_requested", evidence={})


@pytest.mark.parametrize("shows_unconfirmed", [True, False])
def test_whatever_is_shown_there_is_a_verdict_with_a_reason(shows_unconfirmed: bool) -> None:
    for stored, shown, now in _everything():
        judged = match_payment(stored, stored.attempts[0], shown, now=now, shows_unconfirmed=shows_unconfirmed)
        if isinstance(judged, (Wait, Decide)):
            assert judged.reason.replace("_", "").isalpha()
        else:
            assert isinstance(judged, (Capture, NotOurs))


def _everything() -> Iterator[tuple[Payment, GatewayPayment, datetime]]:
    for payment_status in P:
        for status in A:
            for shown in H:
                for now in (NOW, GRACE_ENDS):
                    yield in_status(payment_status, attempt(status)), held(shown), now
