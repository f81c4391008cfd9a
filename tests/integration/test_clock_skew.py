"""Clocks that differ are told of: leases and due times compare those of all machines."""

from datetime import timedelta

import pytest

from app.db.clock_skew import clock_ahead_s, watched_clock
from app.db.database import Database
from app.domain.clock import utc_now
from app.domain.schedule import LEASE_MARGIN_S
from app.services import Services
from tests.support import MovableClock
from tests.unit.captured_logs import capture_logs


@pytest.mark.parametrize("ahead_s", [0, 60, -60])
async def test_the_gauge_says_how_far_ahead_this_process_is(
    parts: Services, database: Database, clock: MovableClock, ahead_s: float
) -> None:
    clock.advance(ahead_s)
    assert abs((await parts.gauges())["onetill_clock_ahead_seconds"][1] - ahead_s) < 1
    # A statement that took long is half of it exact, as it is with NTP.
    moments = iter([utc_now() - timedelta(seconds=4), utc_now() + timedelta(seconds=4)])
    assert abs(await clock_ahead_s(database, lambda: next(moments))) < 1


@pytest.mark.parametrize(("ahead_s", "is_told"), [(0, False), (LEASE_MARGIN_S + 2, True), (-LEASE_MARGIN_S - 2, True)])
async def test_the_worker_says_so_in_its_log(
    parts: Services, database: Database, clock: MovableClock, ahead_s: float, is_told: bool
) -> None:
    clock.advance(ahead_s)
    with capture_logs("info") as logs:
        assert await watched_clock(database, clock).forget(1000) == 0
    told = [line["ahead_s"] for line in logs.lines() if line["event"] == "clock_skewed"]
    assert [round(each) for each in told] == ([ahead_s] if is_told else [])
    assert "clock" in {chore.name for chore in parts.chores}
