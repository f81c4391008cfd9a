"""A second product beside the one of the fixtures: other settings on the same database, as another process would be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from app.domain.clock import Now
from app.gateways.point3.manifest import Point3Settings
from app.settings import Settings
from tests.support import app_of, lifespan


@asynccontextmanager
async def running(settings: Settings, now: Now, api_key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A shop server's client of a product with these settings."""
    app = app_of(settings, now)
    headers = {"Authorization": f"Bearer {api_key}"}
    async with (
        lifespan(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://testserver", headers=headers
        ) as client,
    ):
        yield client


def with_point3(settings: Settings, **changes: object) -> Settings:
    """The same settings with another Point3 account."""
    account = settings.account(Point3Settings)
    assert account is not None
    return settings.model_copy(update={"point3": account.model_copy(update=changes)})
