"""What each gateway's rules say of giving a sale back, before anybody asks it. No call is made here."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.errors import Refusal
from app.domain.money import Money
from app.gateways.point3.refund_policy import AGAIN_S, BATCH_S, REFUND_POLICY
from app.gateways.portone_v1 import refund_policy as portone_v1
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.gateways.portone_v2 import refund_policy as portone_v2
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.values import CapturedPayment, RefundPolicy

NOON = datetime(2026, 11, 21, 3, tzinfo=UTC)
"""Noon in Korea."""
SALE = CapturedPayment(Money(24_000, "KRW"), captured_at=NOON)
DOLLARS = replace(SALE, amount=Money(1234, "USD"))
V1 = {"imp_key": "k", "imp_secret": "s", "user_code": "imp1", "channel_key": "channel"}
V2 = {"api_secret": "s", "store_id": "store", "channel_key": "channel"}


def v1(captured: CapturedPayment, now: datetime = NOON, **settings: Any) -> RefundPolicy:
    return portone_v1.refund_policy(captured, now, PortOneV1Settings.model_validate(V1 | settings))


def v2(captured: CapturedPayment, settlement_currency: str | None = None) -> RefundPolicy:
    made = PortOneV2Settings.model_validate(V2 | {"settlement_currency": settlement_currency})
    return portone_v2.refund_policy(captured, made.settlement_currency)


class TestPoint3:
    def test_it_gives_back_the_whole_with_the_next_batch_and_is_asked_again_after_two(self) -> None:
        assert RefundPolicy(part=Refusal.PART_REFUSED, done_after_s=300, again_after_s=600) == REFUND_POLICY
        assert (BATCH_S, AGAIN_S) == (300, 600)


class TestPaymentwall:
    def test_it_gives_back_a_part_or_all_at_a_time_that_nobody_names(self) -> None:
        """A part whose answer is lost is a person's, all that is left is asked again after a quiet hour."""
        notes = ("fee_from_tomorrow",)
        assert v1(SALE) == RefundPolicy(done_after_s=None, again_after_s=None, whole_again_after_s=3600, notes=notes)

    @pytest.mark.parametrize(
        ("captured_at", "now", "note"),
        [
            ("2026-11-21T00:00:00+09:00", "2026-11-21T23:59:59.999999+09:00", "fee_from_tomorrow"),
            ("2026-11-21T23:59:59+09:00", "2026-11-22T00:00:00+09:00", "fee"),
            ("2026-11-20T15:00:00+00:00", "2026-11-21T14:59:59+00:00", "fee_from_tomorrow"),
            ("2026-11-20T14:59:59+00:00", "2026-11-20T15:00:00+00:00", "fee"),
            ("2026-11-21T12:00:00+09:00", "2027-11-21T12:00:00+09:00", "fee"),
            ("2026-11-22T00:00:00+09:00", "2026-11-21T23:59:59+09:00", "fee_from_tomorrow"),
        ],
    )
    def test_it_is_free_until_the_sales_day_ends_in_korea(self, captured_at: str, now: str, note: str) -> None:
        captured = replace(SALE, captured_at=datetime.fromisoformat(captured_at))
        assert v1(captured, datetime.fromisoformat(now)).notes == (note,)

    def test_the_payment_with_which_a_card_was_saved_cannot_go_back_at_all(self) -> None:
        policy = v1(replace(DOLLARS, is_first_of_saved_card=True), settlement_currency="KRW")
        assert (policy.whole, policy.part, policy.notes) == (*["first_payment_of_saved_card"] * 2, ())
        assert policy.again_after_s is None

    @pytest.mark.parametrize(
        ("settled", "part"),
        [(None, None), ("USD", None), ("KRW", Refusal.OTHER_CURRENCY), ("EUR", Refusal.OTHER_CURRENCY)],
    )
    def test_a_part_goes_back_only_in_the_currency_of_the_settlement(
        self, settled: str | None, part: Refusal | None
    ) -> None:
        policy = v1(DOLLARS, settlement_currency=settled)
        assert (policy.whole, policy.part) == (None, part)


class TestAnotherPgOfPortOneV1:
    @pytest.mark.parametrize("is_deposit", [False, True])
    def test_it_gives_back_at_once_and_a_deposit_to_an_account_only(self, is_deposit: bool) -> None:
        captured = replace(DOLLARS, is_deposit=is_deposit, is_first_of_saved_card=True)
        assert v1(captured, pg="other", settlement_currency="KRW") == RefundPolicy(needs_account=is_deposit)


class TestPortOneV2:
    @pytest.mark.parametrize("is_deposit", [False, True])
    def test_it_gives_back_at_once_and_a_deposit_to_an_account_only(self, is_deposit: bool) -> None:
        assert v2(replace(SALE, is_deposit=is_deposit)) == RefundPolicy(needs_account=is_deposit)

    @pytest.mark.parametrize(
        ("settled", "part"),
        [(None, None), ("USD", None), ("KRW", Refusal.OTHER_CURRENCY), ("EUR", Refusal.OTHER_CURRENCY)],
    )
    def test_a_part_goes_back_only_in_the_currency_of_the_settlement(
        self, settled: str | None, part: Refusal | None
    ) -> None:
        assert v2(DOLLARS, settled) == RefundPolicy(part=part)


@pytest.mark.parametrize("currency", ["krw", "WON", "KR", "XXX", "", "KRW "])
def test_a_settlement_currency_that_is_none_stops_the_start(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        v1(SALE, settlement_currency=currency)
    with pytest.raises(ValueError, match="ISO 4217"):
        v2(SALE, currency)
