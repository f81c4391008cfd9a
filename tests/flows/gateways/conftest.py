"""The product with all four gateways on, as the demo has them."""

import pytest

from app.settings import Settings
from simulator.server import Simulator
from tests.conftest import Urls
from tests.support import every_account


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return Settings.model_validate(
        {
            "database_url": urls.app,
            "database_owner_url": urls.owner,
            "public_url": "http://testserver",
            "log_level": "error",
            "confirm_wait_s": 5,
            **every_account(simulator),
        }
    )
