"""What a decision writes: pure, for what no imitated gateway does."""

from typing import cast

import pytest

from app.domain.states import AttemptStatus
from app.gateways.port import Gateway
from app.gateways.values import Capability, GatewayStatus
from app.verification.context import Snapshot
from app.verification.decisions import Rules, decided
from app.verification.matching import Decide
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
