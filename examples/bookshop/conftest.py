"""Patience: the product works on by itself, and a test waits for what it comes to."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is so; two minutes at most."""

    def wait(is_so: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not is_so():
            assert time.monotonic() < end, "it did not come to that"
            time.sleep(0.2)

    return wait
