"""What the READMEs of the clients show sells an order anew whose payments ended unpaid, and hides no refusal."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from onetill_client import Onetill, OnetillProblem

from app.demo.processes import serving
from app.paths import ROOT
from app.ports import free_ports
from app.settings import Settings
from simulator.server import Simulator
from tests.clients.test_python import buyer_pays
from tests.documents.markdown import read
from tests.support.databases import Urls
from tests.support.settings import settings_for

SHOWN_URL, SHOWN_KEY = "https://pay.shop.example", "sk_test_…"
NODE_TEST = """
import assert from "node:assert/strict";
const sendTheBuyerTo = (url) => assert.ok(url.includes("/checkout/ct_"));
"""


def shown(path: str, language: str) -> str:
    block, *_ = read(path).blocks(language)
    return block.text


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """With a gateway that gives back parts."""
    return settings_for(urls, simulator, point3=None, portone_v1=None, unifi_pay=None)


@pytest_asyncio.fixture
async def url(product: FastAPI) -> AsyncIterator[str]:
    port = free_ports()
    async with serving(product, port, is_started=True):
        yield f"http://127.0.0.1:{port}"


def end_two_payments(client: Onetill) -> list[str]:
    """Of the order that the READMEs sell, with the keys that they use."""
    ended = []
    for n in (1, 2):
        made = client.create_payment(
            idempotency_key=f"order-1001-{n}", order_id="1001", order_name="Ceramic mug", amount=24000, currency="KRW"
        )
        ended.append(client.cancel_payment(made["id"])["id"])
    return ended


async def test_in_python(url: str, api_key: str, simulator: Simulator) -> None:
    code = shown("clients/python/README.md", "python").replace(SHOWN_URL, url).replace(SHOWN_KEY, api_key)

    def reader(sends: Callable[[str], None]) -> None:
        names: dict[str, Any] = {"send_the_buyer_to": sends}
        try:
            exec(code, names)  # noqa: S102  the README, as its reader runs it
        finally:
            names["onetill"].close()

    def run() -> None:
        with Onetill(url, api_key) as client:
            ended = end_two_payments(client)

            def goes_away(_: str) -> None: ...

            with pytest.raises(OnetillProblem) as refused:  # nothing was paid: the refund's refusal is not swallowed
                reader(goes_away)
            assert refused.value.code != "refund_exceeds_balance"

            def pays(_: str) -> None:
                payment_id = client.list_payments(order_id="1001")["data"][0]["id"]
                assert payment_id not in ended
                buyer_pays(client, simulator, payment_id)
                client.sync_payment(payment_id)

            reader(pays)
            payments = client.list_payments(order_id="1001")["data"]
            assert [each["id"] for each in payments[1:]] == ended[::-1], "asked for twice, it was the same third one"
            assert payments[0]["status"] == "partially_refunded"

    await asyncio.to_thread(run)


@pytest.mark.node
async def test_in_node(url: str, api_key: str, tmp_path: Path) -> None:
    code = shown("clients/typescript/README.md", "js").replace(SHOWN_URL, url).replace(SHOWN_KEY, api_key)
    opening, _, refunding = code.partition("\ntry {")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/onetill-client").symlink_to(ROOT / "clients/typescript")

    async def node(name: str, text: str) -> tuple[int | None, str]:
        (tmp_path / name).write_text(NODE_TEST + text, "utf-8")
        process = await asyncio.create_subprocess_exec(
            "node", tmp_path / name, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await process.communicate()
        return process.returncode, said.decode()

    def sold() -> list[str]:
        with Onetill(url, api_key) as client:
            return [each["id"] for each in client.list_payments(order_id="1001")["data"]]

    with Onetill(url, api_key) as client:
        ended = await asyncio.to_thread(end_two_payments, client)
    for _ in range(2):
        assert await node("opens.mjs", opening) == (0, "")
        third, *before = await asyncio.to_thread(sold)
        assert before == ended[::-1]
        assert third not in ended
    status, said = await node("refunds.mjs", f"{opening}\ntry {{{refunding}")
    assert status == 1, "nothing was paid: the refund's refusal is not swallowed"
    assert "OnetillProblem" in said
