"""What a decision writes: pure, for what no imitated gateway does."""

from datetime import datetime, timedelta
from typing import cast

import msgspec
import pytest

from app.domain.attention import Attention
from app.domain.schedule import DEPOSIT_GRACE
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.port import Gateway
from app.gateways.values import Capability, DepositAccount, GatewayStatus
from app.ledger.model import Attempt
from app.ledger.transitions import Step
from app.verification.context import Snapshot, VerificationContext
from app.verification.decisions import Rules, at_rest, decided, undecided
from app.verification.matching import Decide, Wait
from tests.unit.factories import NOW, attempt, held, payment


class _Bare:
    name = "acmepay"
    capabilities = Capability(0)


@pytest.mark.parametrize(
    ("known", "hinted", "shown", "bound"),
    [
        (None, "forged", None, None),
        (None, "forged", "real", "real"),
        (None, None, "real", "real"),
        ("ours", "forged", None, "ours"),
        ("ours", None, "real", "real"),
    ],
)
def test_a_name_is_bound_only_where_the_look_up_shows_it(
    known: str | None, hinted: str | None, shown: str | None, bound: str | None
) -> None:
    tried = attempt(gateway_ref=known)
    snapshot = Snapshot(cast(Gateway, _Bare()), payment(tried), tried, ref=known or hinted, looked_at=NOW)
    verdict = Decide(AttemptStatus.CAPTURED, "captured")
    made = decided(
        snapshot, verdict, held(GatewayStatus.CAPTURED, gateway_ref=shown), "browser", Rules(NOW, 1.0, False)
    )
    assert made.attempt.gateway_ref == bound


ENDS_AT = NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("ends_at", "looked_at"),
    [
        (ENDS_AT, ENDS_AT + DEPOSIT_GRACE),
        (NOW + timedelta(days=30), NOW + timedelta(days=1)),
        (NOW - timedelta(days=30), NOW + timedelta(days=1)),
        (None, NOW + timedelta(days=1)),
    ],
)
def test_an_account_for_a_deposit_is_looked_at_when_it_ends_though_a_look_is_due_much_later(
    ends_at: datetime | None, looked_at: datetime
) -> None:
    account = msgspec.json.encode(DepositAccount(bank="SHINHAN", number="110", expires_at=ends_at)).decode()
    waits = attempt(AttemptStatus.AWAITING_DEPOSIT, deposit=account, lookup_attempts=40)
    bought = payment(waits, status=PaymentStatus.AWAITING_DEPOSIT, expires_at=NOW + timedelta(days=60))
    change = undecided(
        bought, waits, Wait("not_paid_yet"), VerificationContext("sweep"), Rules(NOW, 1.0, False), is_asked=False
    )
    assert isinstance(change, Attempt)
    assert change.next_check_at == looked_at


class _Capturing(_Bare):
    capabilities = Capability.CAPTURE


def test_a_call_for_a_person_takes_no_look_from_an_attempt_that_has_ended() -> None:
    """Its gateway was asked for the money, and may show it only later; somebody else's news brought this look."""
    later = NOW + timedelta(hours=1)
    ended = attempt(AttemptStatus.FAILED, gateway_ref="sig/1+=", next_check_at=later, ended_at=NOW)
    snapshot = Snapshot(cast(Gateway, _Capturing()), payment(ended), ended, ref="sig/1+=", looked_at=NOW)
    wait = Wait("unrecognized_status", attention=Attention.UNKNOWN_STATUS)
    called = at_rest(snapshot, "webhook", Rules(NOW, 1.0, False), wait)
    assert isinstance(called, Step)
    assert (called.after.attention, called.attempt.next_check_at) == (Attention.UNKNOWN_STATUS, later)
