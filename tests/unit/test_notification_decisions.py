"""What attempts tell of an endpoint and of an event, each rule by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.domain.schedule import ALARM_PERCENTS, DOWN_AFTER, FAILING_FOR, JITTER, NOTIFY_AGAIN, PROBE_AGAIN
from app.notifications.decisions import PUT_ASIDE, Standing, fares, probe_after, standing
from app.notifications.model import Attempt, Delivery, Endpoint, NotificationStatus, PauseReason, Pending

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
UP = Endpoint(
    id=UUID(int=1),
    store="main",
    url="https://shop.example/events",
    description="",
    events=(),
    secrets=(),
    rate_per_s=None,
    created_at=BEFORE,
    updated_at=BEFORE,
)
DOWN = replace(UP, failures=DOWN_AFTER, failing_since=BEFORE)
FRESH = Pending(UUID(int=2), UUID(int=3), 2, BEFORE, BEFORE, 0, None, is_alone=False, body="{}")
AGAIN = replace(FRESH, delivery_attempts=3, tried_at=BEFORE)
ALONE = replace(AGAIN, is_alone=True)


def attempt(status: int | None = 500, pending: Pending = FRESH, endpoint: Endpoint = UP, **made: float) -> Attempt:
    return Attempt(pending, endpoint, Delivery(NOW, 5.0, status, None, None, **made))


def after(before: Endpoint, *attempts: Attempt) -> Endpoint:
    return fares(before, attempts, NOW, FAILING_FOR)


def stands(endpoint: Endpoint, made: Attempt, before: Endpoint | None = None) -> Standing:
    return standing(before or endpoint, endpoint, made, NOW, 1)


class TestEndpoint:
    def test_it_is_down_after_as_many_different_events(self) -> None:
        endpoint = UP
        for number in range(1, DOWN_AFTER + 1):
            endpoint = after(endpoint, attempt())
            assert (endpoint.failures, endpoint.is_down) == (number, number == DOWN_AFTER)
        assert endpoint.failing_since == NOW

    def test_one_event_never_makes_it_down(self) -> None:
        endpoint = after(UP, attempt())
        for _ in range(100):
            endpoint = after(endpoint, attempt(pending=AGAIN))
        assert endpoint.failures == 1

    def test_what_was_under_way_when_it_went_down_is_no_probe(self) -> None:
        assert after(UP, *(attempt() for _ in range(32))).failures == DOWN_AFTER
        assert after(DOWN, *(attempt() for _ in range(32))).failures == DOWN_AFTER
        assert after(DOWN, attempt(endpoint=DOWN)).failures == DOWN_AFTER + 1

    @pytest.mark.parametrize("status", [200, 204, 299])
    def test_what_it_takes_makes_it_up(self, status: int) -> None:
        alarmed = replace(DOWN, failures=40, alarmed_percent=90)
        endpoint = after(alarmed, attempt(status, AGAIN, DOWN), attempt(500))
        assert (endpoint.failures, endpoint.failing_since, endpoint.alarmed_percent) == (0, None, 0)
        assert endpoint.delivered_at == NOW

    def test_one_that_it_refuses_beside_others_tells_nothing_of_it(self) -> None:
        assert after(UP, attempt(pending=ALONE)) == UP

    def test_an_event_that_is_not_kept_any_more_tells_nothing_of_it(self) -> None:
        assert after(UP, attempt(None, replace(FRESH, body=None))) == UP

    def test_410_pauses_it_whatever_else_it_took(self) -> None:
        assert after(UP, attempt(204), attempt(410)).pause_reason is PauseReason.GONE

    @pytest.mark.parametrize("percent", ALARM_PERCENTS)
    def test_it_alarms_by_its_time_and_only_a_down_one_is_paused(self, percent: int) -> None:
        since = NOW - FAILING_FOR * (percent / 100)
        for before in (replace(UP, failures=1, failing_since=since), replace(DOWN, failing_since=since)):
            endpoint = after(before, attempt(pending=AGAIN, endpoint=before))
            assert endpoint.alarmed_percent == percent
            is_over = percent == 100 and before.is_down
            assert endpoint.pause_reason is (PauseReason.FAILING if is_over else None)


class TestEvent:
    def test_one_that_is_taken_is_delivered(self) -> None:
        told = stands(UP, attempt(204, AGAIN))
        assert (told.status, told.next_try_at, told.delivery_attempts) == (NotificationStatus.DELIVERED, None, 4)

    @pytest.mark.parametrize("number", range(len(NOTIFY_AGAIN) + 5))
    def test_it_waits_by_the_table_and_the_last_wait_repeats(self, number: int) -> None:
        pending = replace(AGAIN, delivery_attempts=number)
        told = stands(UP, attempt(pending=pending))
        assert told.status is NotificationStatus.PENDING
        assert told.next_try_at is not None
        wait_s = NOTIFY_AGAIN[min(number, len(NOTIFY_AGAIN) - 1)]
        assert wait_s <= (told.next_try_at - NOW).total_seconds() <= wait_s * (1 + JITTER)

    def test_retry_after_lengthens_a_wait(self) -> None:
        told = stands(UP, attempt(429, retry_after_s=3000.0))
        assert told.next_try_at == NOW + timedelta(seconds=3000)

    def test_it_is_given_up_only_where_others_were_taken_since_its_last_attempt(self) -> None:
        last = replace(AGAIN, delivery_attempts=len(NOTIFY_AGAIN))
        took = replace(UP, delivered_at=BEFORE + timedelta(seconds=1))
        assert stands(took, attempt(pending=last)).status is NotificationStatus.FAILED
        for endpoint in (UP, replace(UP, delivered_at=BEFORE), replace(took, failures=DOWN_AFTER)):
            assert stands(endpoint, attempt(pending=last)).status is NotificationStatus.PENDING
        sooner = replace(last, delivery_attempts=last.delivery_attempts - 1)
        assert stands(took, attempt(pending=sooner)).status is NotificationStatus.PENDING

    def test_it_is_alone_once_others_were_taken_and_stays_so(self) -> None:
        took = replace(UP, delivered_at=NOW)
        assert not stands(took, attempt()).is_alone
        assert stands(took, attempt(pending=AGAIN)).is_alone
        assert stands(UP, attempt(pending=ALONE)).is_alone

    @pytest.mark.parametrize("number", [3, len(NOTIFY_AGAIN)])
    def test_a_refusal_while_nothing_is_taken_tells_nothing_of_it(self, number: int) -> None:
        """The endpoint took others after its last attempt, and then nothing more: it is away."""
        pending = replace(AGAIN, delivery_attempts=number)
        for before in (
            replace(DOWN, delivered_at=NOW),
            replace(UP, failures=1, failing_since=BEFORE, delivered_at=NOW),
        ):
            told = stands(before, attempt(pending=pending, endpoint=before))
            assert (told.status, told.is_alone) == (NotificationStatus.PENDING, False)

    def test_a_probe_is_put_aside_and_not_counted(self) -> None:
        told = stands(DOWN, attempt(pending=AGAIN, endpoint=DOWN))
        assert (told.next_try_at, told.delivery_attempts) == (NOW + PUT_ASIDE, AGAIN.delivery_attempts)

    def test_one_whose_event_is_not_kept_any_more_is_given_up(self) -> None:
        told = stands(UP, attempt(None, replace(FRESH, body=None)))
        assert told.status is NotificationStatus.FAILED


@pytest.mark.parametrize("number", range(len(PROBE_AGAIN) + 3))
def test_probes_come_at_growing_intervals(number: int) -> None:
    endpoint = replace(DOWN, failures=DOWN_AFTER + number)
    wait_s = PROBE_AGAIN[min(number, len(PROBE_AGAIN) - 1)]
    waits = probe_after(endpoint, Delivery(NOW, 1.0, 500), time_scale=2).total_seconds()
    assert wait_s / 2 <= waits <= wait_s * (1 + JITTER) / 2
