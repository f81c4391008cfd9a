"""Rate limits: how a bucket empties and fills, what it costs in memory, and whom an address stands for."""

from typing import Any

import pytest

from app.api import limits
from app.api.limits import Limiter, Limits
from app.api.source import source_behind
from app.domain.errors import RateLimited
from app.domain.ids import uuid7
from app.settings import LimitSettings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


SPELLINGS = (
    "203.0.113.9",
    "203.0.113.9:5000",
    "::ffff:203.0.113.9",
    "::FFFF:cb00:7109",
    "[::ffff:203.0.113.9]",
    "[::ffff:203.0.113.9]:443",
    '"203.0.113.9:5000"',
)
"""Of one address, as balancers and sockets for both versions write it."""


def scope(source: str = "192.0.2.1") -> dict[str, Any]:
    return {"type": "http", "client": (source, 1), "headers": []}


def taken(limiter: Limiter, times: int = 10_000) -> int:
    """How many calls in a row it lets through."""
    for done in range(times):
        try:
            limiter.take("a")
        except RateLimited:
            return done
    return times


def test_a_bucket_takes_its_burst_and_no_more(clock: Clock) -> None:
    limiter = Limiter(10, burst=30, now=clock)
    assert taken(limiter) == 30
    assert limiter.is_used_up("a")
    assert limiter.take("b") is not None, "another one's bucket is another"


def test_it_fills_again_at_its_rate(clock: Clock) -> None:
    limiter = Limiter(10, burst=30, now=clock)
    taken(limiter)
    clock.now += 0.5
    assert taken(limiter) == 5
    clock.now += 3600
    assert taken(limiter) == 30


def test_whoever_goes_on_asking_is_not_punished_for_it(clock: Clock) -> None:
    limiter = Limiter(1, burst=1, now=clock)
    limiter.take("a")
    for _ in range(100):
        with pytest.raises(RateLimited) as refused:
            limiter.take("a")
    assert refused.value.details == {"retry_after_s": 1}
    clock.now += 1
    limiter.take("a")


def test_it_says_when_and_how_much_is_left(clock: Clock) -> None:
    limiter = Limiter(0.5, burst=2, now=clock)
    first, second = limiter.take("a"), limiter.take("a")
    assert first is not None
    assert second is not None
    assert (first.limit, first.remaining, first.reset_s) == (2, 1, 2)
    assert (second.limit, second.remaining, second.reset_s) == (2, 0, 4)
    with pytest.raises(RateLimited) as refused:
        limiter.take("a")
    assert refused.value.details == {"retry_after_s": 2}


def test_zero_is_no_limit(clock: Clock) -> None:
    limiter = Limiter(0, burst=0, now=clock)
    assert taken(limiter) == 10_000
    assert not limiter.is_used_up("a")


def test_a_million_sources_do_not_fill_the_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BUCKETS", 100)
    limiter = Limiter(1, burst=5, now=clock)
    for number in range(10_000):
        limiter.take(number)
        clock.now += 0.001
        assert len(limiter._empty_at) <= 100


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1:5000", "192.0.2.1:5001", True),
        ("[2001:db8:1:2::3]:5000", "2001:db8:1:2::4", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("not:an:address", "another", True),
    ],
)
def test_an_address_of_ipv6_stands_for_its_network(one: str, other: str, is_same: bool) -> None:
    budgets = Limits(LimitSettings(source_per_s=1), source_behind(0))
    for _ in range(3):
        budgets.stranger(scope(one))
    assert budgets.is_over(scope(other)) is is_same


def test_a_published_source_has_no_budget_and_everybody_else_one() -> None:
    budgets = Limits(LimitSettings(source_per_s=1, payment_per_min=3), source_behind(0), frozenset({"52.78.100.19"}))
    payment = uuid7()
    for written in ["52.78.100.19", "::ffff:52.78.100.19", "52.78.100.19:443"] * 100:
        budgets.stranger(scope(written))
        budgets.hint(scope(written), payment)
    budgets.hint(scope(), payment)
    with pytest.raises(RateLimited):
        budgets.hint(scope(), payment)


def test_a_payment_has_one_budget_whatever_the_source() -> None:
    budgets, payment = Limits(LimitSettings(payment_per_min=30), source_behind(0)), uuid7()
    for number in range(10):
        budgets.hint(scope(f"192.0.2.{number}"), payment)
    with pytest.raises(RateLimited) as refused:
        budgets.look(payment, is_client=False)
    assert refused.value.details == {"retry_after_s": 2}
    budgets.look(payment, is_client=True)
    budgets.look(uuid7(), is_client=False)


def test_all_hints_together_have_one_too() -> None:
    budgets = Limits(LimitSettings(hints_per_s=50), source_behind(0))
    for number in range(100):
        budgets.hint(scope(f"192.0.{number}.1"), None)
    with pytest.raises(RateLimited):
        budgets.hint(scope("192.0.2.101"), None)


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [
        (0, ["203.0.113.9"], "192.0.2.1"),
        (1, ["203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (2, ["6.6.6.6, 203.0.113.9, 10.0.0.1"], "203.0.113.9"),
        (2, ["10.0.0.1"], None),
        (1, [], None),
        *((1, [written], "203.0.113.9") for written in SPELLINGS),
        *((1, [f"6.6.6.6, {written}"], "203.0.113.9") for written in SPELLINGS),
        (1, ["[2001:DB8::1]:5000"], "2001:db8::1"),
        (1, ["2001:db8:0::1%eth0"], "2001:db8::1"),
        *(
            (1, [none], None)
            for none in ("", "unknown", "_hidden", "203.0.113.009", "1", "[", "[]:1", ":", "x" * 60_000)
        ),
    ],
)
def test_forwarded_addresses_are_believed_as_far_as_configured(
    hops: int, forwarded: list[str], found: str | None
) -> None:
    given = scope() | {"headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}
    assert source_behind(hops)(given) == found


@pytest.mark.parametrize("written", SPELLINGS)
def test_a_connections_own_address_is_read_as_well(written: str) -> None:
    assert source_behind(0)(scope(written)) == "203.0.113.9"


@pytest.mark.parametrize("name", LimitSettings.model_fields)
def test_every_limit_can_be_switched_off(name: str) -> None:
    assert getattr(LimitSettings.model_validate({name: 0}), name) == 0
