"""What anybody may send costs little: packed bodies are unpacked as far as they are wanted, damaged ones read in passes of C."""

import gzip
import time
import tracemalloc
from collections.abc import Callable

import pytest

from app.gateways.text import TooLarge, readable, unpacked


def test_a_bomb_is_not_unpacked_to_its_end() -> None:
    bomb = gzip.compress(bytes(40 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, 16_384)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def cpu_s(work: Callable[[], object]) -> float:
    """The least that it takes of this thread, whatever else the machine does."""
    taken = []
    for _ in range(5):
        began = time.thread_time()
        work()
        taken.append(time.thread_time() - began)
    return min(taken)


@pytest.mark.parametrize(
    "damage", [b"\x01", b"\\u0000", b"\\ud83d", b"\xff", b"\x01\\\\", b"\x01\\n", "한".encode()[:2]], ids=repr
)
def test_a_body_that_is_damaged_all_over_costs_few_times_what_its_decoding_does(damage: bytes) -> None:
    body = damage * (256 * 1024 // len(damage))
    assert readable(body)[1] is not None
    decoding_s = cpu_s(lambda: (b"\xff" * len(body)).decode(errors="replace"))
    assert cpu_s(lambda: readable(body)) < 20 * decoding_s  # a call for each byte took 140 times as long


@pytest.mark.parametrize(
    ("body", "text", "first"),
    [
        (rb"\\u0000", rb"\\u0000", None),
        (rb"\\\u0000", rb"\\\ufffd", 2),
        (rb"\ud83d\ude00", rb"\ud83d\ude00", None),
        (rb"\ud83d\ud83d\ude00\ude00", rb"\ufffd\ud83d\ude00\ufffd", 0),
        (rb"\ud83d\\ude00", rb"\ufffd\\ude00", 0),
        (rb"a\\\ude00", rb"a\\\ufffd", 3),
        (b"\t\r\n\x00", "\t\r\n\ufffd".encode(), 3),
        (b"\x00\\\\\x00", "\ufffd\\\\\ufffd".encode(), 0),
        (b"\xef\xbb\xbf\xec\x01", "\ufffd\ufffd".encode(), 3),
    ],
)
def test_what_is_damaged_is_replaced_and_what_is_escaped_is_not(body: bytes, text: bytes, first: int | None) -> None:
    told = None if first is None else f"byte {first} of {len(body)} cannot be read"
    assert readable(body) == (text, told)
