"""What a decision writes: pure, for what no imitated gateway does."""

from datetime import datetime, timedelta
from typing import cast

import msgspec
import pytest

from app.domain.schedule import DEPOSIT_GRACE
from app.domain.states import AttemptStatus, PaymentStatus
from app.gateways.port import Gateway
from app.gateways.values import Capability, DepositAccount, GatewayStatus
from app.ledger.model import Attempt
from app.verification.context import Snapshot, VerificationContext
from app.verification.decisions import Rules, decided, undecided
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
