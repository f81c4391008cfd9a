"""When an undecided attempt is looked at again, how moments are written, and which language somebody reads."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.clock import rfc3339, utc_now
from app.domain.language import Language, pick_language
from app.domain.schedule import next_look

NOW = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
HOUR, DAY = 3600, 86_400


def _waits(returned: bool, looks: int, time_scale: float = 1.0) -> list[float]:
    return [
        (next_look(NOW, lookup_attempts, returned=returned, time_scale=time_scale) - NOW).total_seconds()
        for lookup_attempts in range(looks)
    ]


def test_who_came_back_is_looked_at_soon_then_hourly_for_a_day_then_daily() -> None:
    assert _waits(True, 33) == [5, 15, 60, 300, 900, HOUR, *[HOUR] * 24, DAY, DAY, DAY]


def test_who_has_not_come_back_is_looked_at_from_a_minute_on() -> None:
    assert _waits(False, 31) == [60, 300, 900, HOUR, *[HOUR] * 24, DAY, DAY, DAY]


def test_a_payment_whose_buyer_came_back_is_settled_within_the_promised_minute() -> None:
    """Law 8: at least three looks fall into the first 60 s and a bit, so that one lost answer costs nothing."""
    assert sum(_waits(True, 2)) < 60


@pytest.mark.parametrize("lookup_attempts", [10_000, 10**9])
def test_looking_never_ends(lookup_attempts: int) -> None:
    assert next_look(NOW, lookup_attempts, returned=True) == NOW + timedelta(days=1)


def test_the_time_scale_divides_every_wait() -> None:
    assert _waits(True, 40, time_scale=10) == [wait / 10 for wait in _waits(True, 40)]


def test_now_is_aware_and_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)


def test_a_moment_is_written_in_utc_with_all_its_microseconds() -> None:
    korean = datetime(2026, 11, 21, 17, 30, 0, 5, tzinfo=timezone(timedelta(hours=9)))
    assert rfc3339(korean) == "2026-11-21T08:30:00.000005Z"
    assert rfc3339(NOW) == "2026-11-21T08:30:00.000000Z"


def test_written_moments_sort_like_moments() -> None:
    moments = [NOW + timedelta(microseconds=step) for step in (0, 1, 999_999, 1_000_000, 60_000_000)]
    assert sorted(map(rfc3339, reversed(moments))) == [rfc3339(moment) for moment in moments]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR", "ko"),
        ("KO-kr", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("en;q=0.5, ko;q=0.9", "ko"),
        ("en;q=0.5,ko;q=0.5", "en"),
        ("ko;q=0.5,en;q=0.5", "ko"),
        ("ja,ko;q=0.5", "ko"),
        ("ja,fr;q=0.9", "en"),
        ("*", "en"),
        ("*;q=0.8,ko;q=0.5", "en"),
        ("ko;q=0", "en"),
        ("en;q=0,ko;q=0", "en"),
        ("ko;q=abc,en", "en"),
        ("ko;q=abc", "en"),
        ("kok", "en"),
        ("korean", "en"),
        (",,;q=,", "en"),
        ("ko;q=nan", "en"),
        ("x," * 100 + "ko", "en"),
    ],
)
def test_the_language_is_the_preferred_one_of_ours(header: str | None, language: Language) -> None:
    assert pick_language(header) == language
