"""Packed bodies are unpacked as far as they are wanted, and no further: a bomb costs no memory."""

import gzip
import tracemalloc

import pytest

from app.gateways.text import TooLarge, unpacked


def test_a_bomb_is_not_unpacked_to_its_end() -> None:
    bomb = gzip.compress(bytes(40 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            unpacked(bomb, 16_384)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
