"""The product with all gateways, allowed to notify this machine."""

from collections.abc import AsyncIterator

import pytest

from app.settings import NotificationSettings, Settings
from simulator.server import Simulator
from tests.support.databases import Urls
from tests.support.receiver import Receiver, receiving
from tests.support.settings import settings_for


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    settings = settings_for(urls, simulator)
    return settings.model_copy(update={"notifications": NotificationSettings(allow_private=True)})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver
