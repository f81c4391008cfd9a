"""What strangers leave in the inbox: so many rows and no more, and of their words what a person needs."""

import base64
import json
import os
from typing import Any

import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.errors import RateLimited
from app.domain.text import LONGEST_NAME
from app.settings import LimitSettings, Settings
from app.webhooks.inbox import Inbox
from app.webhooks.room import COUNT_AGAIN_S, FULL_S, MOST_OF_A_PAYMENT, Room
from app.webhooks.service import KEPT_HINT_BYTES, LONGEST_HINT_HEADER, MAX_HINT_BYTES
from simulator.server import Simulator
from tests.api.house import house, limited
from tests.api.test_hint_budgets import about, bought, kept
from tests.api.test_limits import PUBLISHED
from tests.flows.webhooks.senders import JSON, UNIFI_PATH, Post, unifi, unifi_body, v1, v2, v2_body
from tests.support import MovableClock
from tests.support.databases import Urls
from tests.support.settings import settings_for

V1_PATH = "/webhooks/portone-v1"
ROW_BYTES = 6 * 1024
"""On disk, of the largest that a stranger can have kept: docs/threat-model.md counts with it."""


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator, trusted_proxies=1)


UNKNOWN = {
    "a made-up imp_uid": lambda n: v1(None, f"imp_{n}"),
    "a foreign order": lambda n: v1(f"order-{n}"),
    "a made-up reference of ours": lambda n: v1(ids.reference(ids.uuid7(), 1)),
    "a made-up transaction": lambda n: about("unifi_pay", None, f"t-{n}", n),
    "nobody": lambda n: Post(UNIFI_PATH, JSON, b'{"x":%d}' % n),
}


@pytest.mark.parametrize("unknown", UNKNOWN.values(), ids=UNKNOWN)
async def test_hints_that_nobody_knows_have_so_many_rows_and_stand_in_nobodys_way(
    settings: Settings,
    clock: MovableClock,
    api_key: str,
    simulator: Simulator,
    database: Database,
    unknown: Any,
) -> None:
    async with house(settings, clock, api_key, unknown_hints=3) as at:
        attempt = await bought(at, simulator, "portone_v1")
        assert await kept(at, [unknown(n) for n in range(8)]) == 3
        assert await database.rows("SELECT 1 FROM webhook_inbox OFFSET 3") == []
        refused = await at.post(unknown(9))
        limited(refused)
        assert refused.headers["retry-after"] == str(FULL_S)
        for post in (
            about("portone_v1", attempt["reference"], None, 1),
            about("portone_v1", None, attempt["gateway_ref"], 2),
            v2(settings, v2_body(ids.reference(ids.uuid7(), 1))),
            unifi(settings, unifi_body("t-signed")),
        ):
            assert (await at.post(post)).status_code == 200
        assert (await at.post(unknown(10), PUBLISHED[0])).status_code == 200, "who has no budget has room"


async def test_a_payment_has_so_many_rows_of_hints(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, database: Database
) -> None:
    async with house(settings, clock, api_key) as at:
        attempt, other = [await bought(at, simulator, "portone_v1") for _ in range(2)]
        await database.row(
            "INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, payment_id, received_at, "
            "last_received_at, applied_at) "
            "SELECT gen_random_uuid(), 'portone_v1', 'hint:' || n, 'hint', '{}', '', $1, now(), now(), now() "
            "FROM generate_series(2, $2) AS n",
            ids.payment_of_reference(attempt["reference"]),
            MOST_OF_A_PAYMENT,
        )
        assert (await at.post(about("portone_v1", attempt["reference"], None, 1))).status_code == 200
        refused = await at.post(about("portone_v1", None, attempt["gateway_ref"], 2))
        limited(refused)
        assert refused.headers["retry-after"] == str(FULL_S)
        assert (await at.post(about("portone_v1", other["reference"], None, 3))).status_code == 200
        published = await at.post(about("portone_v1", attempt["reference"], None, 4), PUBLISHED[0])
        assert published.status_code == 200, "nobody keeps the gateway's own news out"


async def fill(database: Database, rows: int, proof: str = "hint") -> None:
    await database.row(
        "INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, next_try_at) "
        "SELECT gen_random_uuid(), 'unifi_pay', gen_random_uuid(), $2, '{}', '', now(), now(), now() FROM generate_series(1, $1)",
        rows,
        proof,
    )


async def test_room_is_counted_again_and_what_other_processes_let_in_is_among_it(database: Database) -> None:
    now = 100.0
    room = Room(Inbox(database), 5, lambda: now)
    await fill(database, 3)
    await fill(database, 9, "signature")
    assert await taken(room, 9) == 2
    await database.row("DELETE FROM webhook_inbox")
    assert await taken(room, 1) == 0, "counted a moment ago"
    now += COUNT_AGAIN_S
    assert await taken(room, 9) == 5
    assert await taken(Room(Inbox(database), 0), 9) == 9, "no limit"


async def taken(room: Room, times: int) -> int:
    let_in = 0
    for _ in range(times):
        try:
            await room.take(None)
            let_in += 1
        except RateLimited:
            continue
    return let_in


async def test_of_an_unsigned_body_no_more_is_kept_than_a_person_needs(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, database: Database
) -> None:
    """All of it where it says what nobody knows, to a length that no notice has; nothing where the payment is known."""
    async with house(settings, clock, api_key) as at:
        attempt = await bought(at, simulator, "unifi_pay")
        for name in (b"t-1", attempt["gateway_ref"].encode()):
            start = b'{"transactionId":"%s","x":"' % name
            body = start + b"x" * (MAX_HINT_BYTES - len(start) - 2) + b'"}'
            headers = JSON | {"User-Agent": "u" * 5000}
            assert (await at.post(Post(UNIFI_PATH, headers, body))).status_code == 200
            row = await database.row("SELECT body, headers FROM webhook_inbox WHERE gateway_ref = $1", name.decode())
            assert row is not None
            assert row["body"] == (body[:KEPT_HINT_BYTES] if name == b"t-1" else b"")
            assert max(map(len, json.loads(row["headers"]).values())) == LONGEST_HINT_HEADER


@pytest.mark.parametrize("path", [V1_PATH, UNIFI_PATH])
async def test_the_largest_row_of_a_stranger_is_as_large_as_the_threat_model_says(
    settings: Settings, clock: MovableClock, api_key: str, database: Database, path: str
) -> None:
    """Every text as long and as wide as may be, and nothing that can be compressed."""
    rows = 200
    async with house(settings, clock, api_key, hints_per_s=0) as at:
        for n in range(rows):
            wide = "".join(chr(0x20000 + byte) for byte in os.urandom(LONGEST_NAME))
            noise = base64.b64encode(os.urandom(7000)).decode()
            told = {"x": noise, "status": wide, "merchant_uid": wide, "orderId": wide, "transactionId": noise[:100]}
            headers = {"User-Agent": noise[:5000], "Content-Type": noise[:5000]}
            post = Post(path, headers, json.dumps(told, ensure_ascii=False).encode())
            assert (await at.post(post, f"203.0.113.{n}")).status_code == 200
    row = await database.row(
        "SELECT pg_total_relation_size('webhook_inbox') AS bytes, count(*) AS n FROM webhook_inbox"
    )
    assert row is not None
    assert row["n"] == rows
    assert KEPT_HINT_BYTES < row["bytes"] / rows <= ROW_BYTES
    assert LimitSettings().unknown_hints * ROW_BYTES <= 60 * 1024**2
