"""Ids sort by time, say what they are of, and lead from a gateway's message back to their payment."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import ids
from app.domain.errors import MalformedId
from app.domain.ids import Prefix
from tests.unit.properties import thorough

SOME = UUID("019aa6f1-c2d3-7e4f-8a5b-6c7d8e9f0a1b")
HEX = "019aa6f1c2d37e4f8a5b6c7d8e9f0a1b"


def test_a_fresh_id_is_a_uuid_of_version_7() -> None:
    fresh = ids.uuid7()
    assert fresh.version == 7
    assert fresh.variant == RFC_4122


def test_a_derived_id_is_a_uuid_of_version_7_with_the_time_of_what_it_is_about() -> None:
    made = ids.derived(SOME, b"paid")
    assert (made.version, made.variant, ids.made_at(made)) == (7, RFC_4122, ids.made_at(SOME))
    assert made == ids.derived(SOME, b"paid")


def test_a_derived_id_is_of_one_fact_about_one_thing() -> None:
    others = [ids.derived(UUID(int=SOME.int ^ 1), b"paid"), *(ids.derived(SOME, b"%d" % n) for n in range(1000))]
    assert len({ids.derived(SOME, b"paid"), *others}) == 1002


def test_an_id_begins_with_the_milliseconds_of_its_making() -> None:
    before = time.time_ns() // 1_000_000
    fresh = ids.uuid7()
    after = time.time_ns() // 1_000_000
    assert before <= fresh.int >> 80 <= after + 1  # + 1: ids made faster than the clock ticks run ahead of it


def test_the_twelve_bits_after_the_version_are_the_part_of_the_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    at_ns = (time.time_ns() // 1_000_000 + 60_000) * 1_000_000  # ahead of every id made so far
    monkeypatch.setattr(ids, "_last", 0)
    monkeypatch.setattr(time, "time_ns", lambda: at_ns + 500_000)
    fresh = ids.uuid7()
    assert fresh.int >> 80 == at_ns // 1_000_000
    assert fresh.int >> 64 & 0xFFF == 2048  # half a millisecond


def test_ids_of_one_process_rise_strictly() -> None:
    made = [ids.uuid7() for _ in range(20_000)]
    assert made == sorted(set(made), key=lambda each: each.int)


def test_ids_rise_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 1_000_000_000_000_000_000)
    second = ids.uuid7()
    assert second.int >> 64 > first.int >> 64
    assert second.version == 7


def test_ids_rise_strictly_in_every_thread_and_no_two_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted_max(one: int, other: int) -> int:
        time.sleep(0.000_01)  # another thread runs exactly where the next id is being worked out
        return max(one, other)

    monkeypatch.setattr(ids, "max", interrupted_max, raising=False)
    monkeypatch.setattr(time, "time_ns", lambda: 0)  # the counter alone tells them apart
    together = Barrier(4)

    def make(_: int) -> list[UUID]:
        together.wait()
        return [ids.uuid7() for _ in range(100)]

    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(make, range(4)))
    for row in rows:
        assert row == sorted(row)
    # Time and counter alone, without the random part, are already unique: the order is the order of making.
    assert len({each.int >> 64 for row in rows for each in row}) == 400


def test_two_ids_of_the_same_instant_do_not_share_their_random_part() -> None:
    assert len({ids.uuid7().int & ((1 << 62) - 1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("prefix", Prefix)
def test_what_is_shown_is_read_back(prefix: Prefix) -> None:
    assert ids.show(prefix, SOME) == f"{prefix.value}_{HEX}"
    assert ids.read(prefix, ids.show(prefix, SOME)) == SOME


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pay",
        "pay_",
        HEX,
        f"att_{HEX}",
        f"key_{HEX}",
        f"PAY_{HEX}",
        f"pay-{HEX}",
        f"pay__{HEX}",
        f"pay_{HEX.upper()}",
        f"pay_{SOME}",
        f"pay_{HEX[:-1]}",
        f"pay_{HEX}0",
        f" pay_{HEX}",
        f"pay_{HEX} ",
        f"pay_{HEX}\n",
        f"pay_ {HEX[1:]}",
        f"pay_{HEX[:-1]}g",
        f"pay_{HEX[:-1]}１",
        f"pay_0x{HEX[2:]}",
        f"pay_{HEX}\x00",
        f"pay_{{{HEX}}}",
    ],
)
def test_only_the_form_that_was_shown_is_read(text: str) -> None:
    with pytest.raises(MalformedId) as refused:
        ids.read(Prefix.PAYMENT, text)
    assert refused.value.details == {"prefix": "pay"}


@thorough
@given(text=st.text(max_size=40))
def test_whatever_is_read_is_shown_as_the_very_same_text(text: str) -> None:
    for candidate in (text, f"pay_{text}"):
        try:
            value = ids.read(Prefix.PAYMENT, candidate)
        except MalformedId:
            continue
        assert ids.show(Prefix.PAYMENT, value) == candidate


@thorough
@given(payment=st.uuids(), number=st.integers(1, 99_999))
def test_a_reference_is_what_every_gateway_accepts_and_leads_back_to_its_payment(payment: UUID, number: int) -> None:
    text = ids.reference(payment, number)
    assert ids.REFERENCE.fullmatch(text)
    assert re.fullmatch(r"[0-9A-Za-z]{1,40}", text)
    assert ids.payment_of_reference(text) == payment


def test_references_of_two_attempts_differ() -> None:
    assert ids.reference(SOME, 1) == f"{HEX}a1"
    assert len({ids.reference(SOME, number) for number in range(1, 1000)}) == 999


@pytest.mark.parametrize("number", [1, 99_999])
def test_the_first_and_the_last_attempt_number_fit(number: int) -> None:
    assert ids.payment_of_reference(ids.reference(SOME, number)) == SOME


@pytest.mark.parametrize("number", [0, -1, 100_000, 10_000_000])
def test_a_number_that_could_not_be_read_back_makes_no_reference(number: int) -> None:
    with pytest.raises(ValueError, match="does not fit into a reference"):
        ids.reference(SOME, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order1",
        HEX,
        f"{HEX}a",
        f"{HEX}a0",
        f"{HEX}a01",
        f"{HEX}a100000",
        f"{HEX}A1",
        f"{HEX.upper()}a1",
        f"{HEX}b1",
        f"{HEX}a1 ",
        f"{HEX}a1\n",
        f"{HEX}a１",
        f"x{HEX}a1",
        f"{HEX[:-1]}a1",
    ],
)
def test_a_text_that_is_none_of_our_references_belongs_to_no_payment(text: str) -> None:
    assert ids.payment_of_reference(text) is None
