"""The breaker: when calls are refused, and how a gateway that is well again is found out."""

from app.gateways.breaker import FAILURES, OPEN_S, Breaker


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def failing(clock: Clock, times: int) -> Breaker:
    breaker = Breaker(now=clock)
    for _ in range(times):
        assert breaker.lets_through()
        breaker.record(is_good=False)
        breaker.release()
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_no_sooner() -> None:
    assert not failing(Clock(), FAILURES - 1).is_open
    breaker = failing(Clock(), FAILURES)
    assert breaker.is_open
    assert not breaker.lets_through()


def test_one_good_call_in_between_starts_the_count_again() -> None:
    breaker = failing(Clock(), FAILURES - 1)
    breaker.record(is_good=True)
    breaker.record(is_good=False)
    assert not breaker.is_open


def test_after_the_pause_one_call_at_a_time_finds_out() -> None:
    clock = Clock()
    breaker = failing(clock, FAILURES)
    clock.now += OPEN_S
    assert breaker.lets_through()
    assert not breaker.lets_through()
    breaker.record(is_good=False)
    breaker.release()
    assert not breaker.lets_through(), "it was still ill: another pause"
    clock.now += OPEN_S
    assert breaker.lets_through()
    breaker.record(is_good=True)
    breaker.release()
    assert not breaker.is_open
    assert breaker.lets_through()
    assert breaker.lets_through()


def test_a_caller_who_left_does_not_keep_the_probe() -> None:
    clock = Clock()
    breaker = failing(clock, FAILURES)
    clock.now += OPEN_S
    assert breaker.lets_through()
    breaker.release()
    assert breaker.lets_through()
