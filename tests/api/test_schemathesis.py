"""Schemathesis against the running product: no 5xx, and no answer that differs from the document.

It runs as a process of its own against real HTTP, deterministic and bounded by `schemathesis.toml`; on failure the test
shows its report with the curl commands that repeat each finding.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.db.database import Database
from app.demo.processes import serving
from app.main import create_app
from app.paths import ROOT
from app.ports import free_ports
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import row_counts
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.settings import settings_for

pytestmark = pytest.mark.long

CONFIG = ROOT / "tests" / "api" / "schemathesis.toml"
TIMEOUT_S = 900
UNLIMITED = ("key_per_s", "token_per_s", "payment_per_min", "source_per_s", "hints_per_s")


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """Every gateway, so that there are some that send webhooks; and no budgets, which generated calls would be over."""
    return settings_for(urls, simulator, limits=dict.fromkeys(UNLIMITED, 0))


@pytest.fixture
async def url(settings: Settings, clock: MovableClock) -> AsyncIterator[str]:
    """The product on a real port."""
    port = free_ports()
    async with serving(create_app(settings, clock), port):
        yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments to ask for, in several states."""

    ids: list[str]
    references: list[str]
    refunds: list[str]


@pytest.fixture
async def payments(shop: Shop) -> Payments:
    opened, paid, kept, declined = [await shop.create() for _ in range(4)]
    for payment in (paid, kept):
        await shop.complete(payment, **await shop.buyer_pays(payment))
    await shop.complete(declined, **await shop.buyer_pays(declined, "declined"))
    refund = await shop.client.post(f"/payments/{paid['id']}/refunds", json={"reason": "broken"}, headers=key())
    assert refund.status_code == 202, refund.text
    all_of_them: list[dict[str, Any]] = [opened, paid, kept, declined]
    return Payments(
        [p["id"] for p in all_of_them], [p["attempts"][0]["reference"] for p in all_of_them], [refund.json()["id"]]
    )


async def _run(tmp_path: Path, url: str, credential: str, payments: Payments, *more: str) -> tuple[int, str]:
    bound = {"payments": payments.ids, "references": payments.references, "refunds": payments.refunds}
    dictionaries = "".join(f"\n[dictionaries.{name}]\nvalues = {values}\n" for name, values in bound.items())
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.read_text(encoding="utf-8") + dictionaries, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "--no-color", "--config-file", str(config), "run", f"{url}/openapi.json",
        "--header", f"Authorization: Bearer {credential}", *more,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HYPOTHESIS_STORAGE_DIRECTORY": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
    except TimeoutError:
        process.kill()
        raise
    return process.returncode or 0, output.decode()


async def test_no_answer_to_a_server_differs_from_the_document(
    url: str, api_key: str, payments: Payments, database: Database, tmp_path: Path
) -> None:
    before = await row_counts(database)
    code, report = await _run(tmp_path, url, api_key, payments)
    assert code == 0, report
    assert "Tested: 28" in report, report
    after = await row_counts(database)
    assert after["payments"] - before["payments"] >= 50, "too few generated payments were good ones"


async def test_no_answer_to_a_buyers_browser_differs_from_the_document(
    url: str, shop: Shop, payments: Payments, tmp_path: Path
) -> None:
    client_token = (await shop.client.get(f"/payments/{payments.ids[0]}")).json()["client_token"]
    calls = [f"--include-operation-id={name}" for name in ("getPayment", "createAttempt", "completePayment")]
    code, report = await _run(tmp_path, url, client_token, payments, *calls)
    assert code == 0, report
    assert "Tested: 3" in report, report
