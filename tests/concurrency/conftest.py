"""What more than one of these files starts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.db.database import Database
from tests.concurrency.processes import Running, running
from tests.support.databases import Urls


@pytest.fixture
def urls(own_urls: Urls) -> Urls:
    """Processes are killed here, and databases copied: each test has one of its own."""
    return own_urls


@pytest.fixture
async def product_of_processes(urls: Urls, api_key: str, database: Database, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(urls, api_key, database, tmp_path / "processes.log") as product:
        yield product
