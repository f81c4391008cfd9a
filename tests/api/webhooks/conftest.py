from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.settings import Settings
from simulator.server import Simulator
from tests.api.webhooks.post import SECOND_SECRET
from tests.support.databases import Urls
from tests.support.settings import settings_for


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """All four gateways; PortOne V2's webhook secret is being rotated."""
    settings = settings_for(urls, simulator)
    account = settings.account(PortOneV2Settings)
    assert account is not None
    account.webhook_secrets.append(SecretStr(SECOND_SECRET))
    return settings


@pytest.fixture
async def gateways(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The gateways' servers: no key of ours."""
    transport = httpx.ASGITransport(app=product, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
