"""Text that nobody needs cannot spoil a webhook: every damage × every gateway; and compressed bodies, however much they hold.

The look-ups have the same list in tests/contract/test_damaged_text.py.
"""

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote_from_bytes

import httpx
import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.domain import ids
from app.settings import Settings
from app.webhooks.service import MAX_BODY_BYTES, MAX_HINT_BYTES
from simulator.server import Simulator
from tests.api.checks import problem, wrong_fields
from tests.flows.webhooks.senders import UNIFI_PATH, Post, unifi, v2
from tests.support.damages import BOM, DAMAGES, MARK
from tests.support.databases import Urls
from tests.support.settings import settings_for
from tests.unit.captured_logs import capture_logs

REFERENCE = ids.reference(ids.uuid7(), 1)
V1_PATH = "/webhooks/portone-v1"

TOLD: dict[str, dict[str, Any]] = {
    "portone_v1": {"imp_uid": "imp_1", "merchant_uid": REFERENCE, "status": "paid", "name": MARK},
    "portone_v2": {
        "type": "Transaction.Paid", "data": {"paymentId": REFERENCE, "transactionId": "tx-1"}, "orderName": MARK
    },
    "unifi_pay": {"transactionId": "t-1", "orderId": REFERENCE, "status": "CONFIRMED", "itemName": MARK},
}  # fmt: skip
NAMED = {
    "portone_v1": ("imp_1", "paid"),
    "portone_v2": ("tx-1", "Transaction.Paid"),
    "unifi_pay": ("t-1", "CONFIRMED"),
}

Sign = Callable[[bytes], Post]
gateways = pytest.mark.parametrize("gateway", [*TOLD, "unifi_unsigned"])
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


@pytest.fixture
async def sender(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway's server."""
    transport = httpx.ASGITransport(app=product, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
def written(settings: Settings, gateway: str) -> Sign:
    """A body as the gateway posts it, signed where it signs."""
    return {
        "portone_v1": lambda body: Post(V1_PATH, {}, body),
        "portone_v2": lambda body: v2(settings, body),
        "unifi_pay": lambda body: unifi(settings, body),
        "unifi_unsigned": lambda body: Post(UNIFI_PATH, {}, body),
    }[gateway]


def told(gateway: str, damage: bytes, **changes: object) -> bytes:
    fields = TOLD.get(gateway, TOLD["unifi_pay"]) | changes
    return json.dumps(fields).encode().replace(MARK.encode(), damage)


async def kept(database: Database) -> dict[str, Any]:
    (row,) = await database.rows("SELECT * FROM webhook_inbox")
    return dict(row)


def named(gateway: str, row: dict[str, Any]) -> None:
    assert row["reference"] == REFERENCE
    assert (row["gateway_ref"], row["kind"]) == NAMED.get(gateway, NAMED["unifi_pay"])


@gateways
@damages
async def test_it_is_kept_with_whom_it_is_about_and_the_log_says_which_byte_could_not_be_read(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str, damage: bytes
) -> None:
    body = told(gateway, damage)
    post = written(body)
    with capture_logs("info") as logs:
        answer = await sender.post(post.path, content=post.content, headers=post.headers)
    assert answer.status_code == 200, answer.text
    row = await kept(database)
    named(gateway, row)
    assert row["body"] == body, "as it came"
    assert f"byte {body.index(damage)} of {len(body)} cannot be read" in logs.text


@gateways
@damages
async def test_a_name_that_cannot_be_read_names_nobody(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str, damage: bytes
) -> None:
    name = REFERENCE[:-1] + MARK
    about: dict[str, dict[str, Any]] = {
        "portone_v1": {"merchant_uid": name},
        "portone_v2": {"data": {"paymentId": name, "transactionId": "tx-1"}},
    }
    post = written(told(gateway, damage, **about.get(gateway, {"orderId": name})))
    answer = await sender.post(post.path, content=post.content, headers=post.headers)
    assert answer.status_code == 200, answer.text
    row = await kept(database)
    assert (row["reference"], row["payment_id"]) == (None, None)
    assert row["gateway_ref"] == NAMED.get(gateway, NAMED["unifi_pay"])[0]


@gateways
@pytest.mark.parametrize("change", [lambda body: BOM + body, gzip.compress, lambda body: gzip.compress(BOM + body)])
async def test_a_byte_order_mark_and_gzip_are_no_damage(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str, change: Callable[[bytes], bytes]
) -> None:
    """Who signs, signs what is read; how it is packed for the way is no matter."""
    body = told(gateway, b"mug")
    content = change(body)
    signed = written(BOM + body if content[:2] != b"\x1f\x8b" or BOM in gzip.decompress(content) else body)
    with capture_logs("info") as logs:
        answer = await sender.post(signed.path, content=content, headers=signed.headers | {"Content-Encoding": "gzip"})
    assert answer.status_code == 200, answer.text
    row = await kept(database)
    named(gateway, row)
    assert row["body"] == content
    assert "cannot be read" not in logs.text


@pytest.mark.parametrize("gateway", ["portone_v1"])
async def test_a_form_in_euc_kr_is_kept_written_out_or_escaped(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str
) -> None:
    name = "도자기 컵".encode("euc-kr")
    for number, text in enumerate((name, quote_from_bytes(name).encode())):
        post = written(b"imp_uid=imp_1&merchant_uid=" + REFERENCE.encode() + b"&status=paid&name=" + text)
        assert (await sender.post(post.path, content=post.content)).status_code == 200
        row = await kept(database)
        named(gateway, row)
        assert row["times_received"] == number + 1


@gateways
async def test_a_compressed_body_holds_no_more_than_a_plain_one_may(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str
) -> None:
    """A bomb of some kilobytes is not unpacked to its end, and what anybody may send stays small in both forms."""
    limit = MAX_HINT_BYTES if gateway in {"portone_v1", "unifi_unsigned"} else MAX_BODY_BYTES
    for size in (limit + 1, 40 << 20):
        body = told(gateway, b"x" * size)
        post = written(body)
        answer = await sender.post(post.path, content=gzip.compress(body), headers=post.headers)
        assert problem(answer, "body_too_large")["limit_bytes"] == limit
    assert await database.rows("SELECT 1 FROM webhook_inbox") == []


@gateways
async def test_a_broken_compressed_body_says_nothing(
    sender: httpx.AsyncClient, database: Database, written: Sign, gateway: str
) -> None:
    whole = gzip.compress(told(gateway, b"mug"))
    flipped = whole[:20] + bytes([whole[20] ^ 0xFF]) + whole[21:]
    for content in (whole[:-9], whole[:12], b"\x1f\x8b", b"\x1f\x8b\x08\x00garbage", flipped, whole[:-8] + bytes(8)):
        post = written(b"")
        answer = await sender.post(post.path, content=content, headers=post.headers)
        assert wrong_fields(answer) == ["body"]
    with pytest.raises(zlib.error):
        zlib.decompress(flipped, wbits=31)
    assert await database.rows("SELECT 1 FROM webhook_inbox") == []
