"""The product with all four gateways on, as the demo has them."""

import pytest

from app.settings import Settings
from simulator.server import Simulator
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)
