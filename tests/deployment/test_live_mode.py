"""Live money is refused by a process that is set up for tests, and it says everything that is wrong at once."""

import re

import pytest

from tests.deployment.image import Image

TEST_SETTINGS = {
    "ONETILL_MODE": "live",
    "ONETILL_TIME_SCALE": "10",
    "ONETILL_POINT3__BASE_URL": "http://simulator:8003",
    "ONETILL_POINT3__WIDGET_ORIGIN": "http://127.0.0.1:8003",
    "ONETILL_POINT3__SECRET": "sim_point3_secret",
    "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
    "ONETILL_POINT3__CLIENT_NICKNAME": "Shop",
}
FAULTS = {
    "ONETILL_SECRET_KEY",
    "ONETILL_HISTORY_KEYS",
    "ONETILL_TIME_SCALE",
    "ONETILL_PUBLIC_URL",
    "ONETILL_POINT3__BASE_URL",
    "ONETILL_POINT3__WIDGET_ORIGIN",
    "ONETILL_POINT3__SECRET",
}


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_it_does_not_start_and_names_every_fault(image: Image, command: str) -> None:
    done = image.run("onetill", command, **TEST_SETTINGS)
    assert done.returncode == 2
    assert set(re.findall(r"ONETILL_\w+", done.stderr)) == FAULTS
    assert "Traceback" not in done.stderr
    assert TEST_SETTINGS["ONETILL_POINT3__SECRET"] not in done.stderr
