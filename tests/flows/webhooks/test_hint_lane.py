"""Hints have a small lane of their own: however many come, what is signed is looked into at once. And a person's hands."""

import asyncio
import json
import time
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.db.database import Database
from app.domain import ids
from app.domain.errors import NotFound
from app.domain.schedule import UNKNOWN_AGAIN
from app.jobs.engine import Engine
from app.jobs.listener import Listener
from app.jobs.worker import Worker
from app.services import Services
from app.webhooks.jobs import HINTS_AT_WORK
from tests.concurrency.victims import until
from tests.flows.gateways.orders import BY_NAME
from tests.flows.webhooks.test_arrival import rows
from tests.flows.webhooks.test_inbox import post, signed_for_nobody, told
from tests.support import MovableClock, Shop
from tests.support.databases import Urls

FLOOD = """
INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, payment_id, reference, received_at, last_received_at,
    next_try_at)
SELECT gen_random_uuid(), 'portone_v1', 'hint:' || n, 'hint', '{}', '', $1, $2, now() - interval '1 hour', now(),
    now() - interval '1 hour'
FROM generate_series(1, 10000) AS n
"""


async def test_a_flood_of_hints_takes_no_hand_from_what_is_signed(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    """All of them name a payment of ours whose gateway hangs, and were there an hour before."""
    victim = await shop.create(**BY_NAME["portone_v1"].order)
    reference = victim["attempts"][0]["reference"]
    await database.row(FLOOD, ids.read(ids.Prefix.PAYMENT, victim["id"]), reference)
    await shop.scenario("accept_then_hang", "portone_v1", call="lookup", times=-1)
    paid = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.buyer_pays(paid, "lost_webhook")
    await post(shop, told(shop, clock, paid))
    engine = Engine(parts.due_work, (), now=clock, time_scale=1)
    running = asyncio.create_task(engine.run())
    try:
        deadline = time.monotonic() + 60
        while (await shop.get(paid))["status"] != "paid":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        claimed = await database.row(
            "SELECT count(*) FROM webhook_inbox WHERE proof = 'hint' AND claimed_until > $1", clock()
        )
        assert claimed is not None
        assert claimed["count"] <= HINTS_AT_WORK
    finally:
        engine.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_whoever_looks_for_signed_ones_reads_past_no_hint(
    parts: Services, database: Database, urls: Urls
) -> None:
    await database.row(FLOOD, ids.uuid7(), "0" * 32 + "a1")
    owner = await asyncpg.connect(urls.owner)
    try:
        of_webhooks = [lane for lane in parts.due_work if lane.name.startswith(("webhooks", "hints"))]
        assert of_webhooks
        for name, sql in {lane.name: lane.rows.due_sql for lane in of_webhooks}.items():
            told = await owner.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", parts.now(), 200)
            scans = [node for node in _nodes(json.loads(told)[0]["Plan"]) if "Scan" in node["Node Type"]]
            assert {node.get("Index Name", "webhook_inbox_lane_idx") for node in scans} == {"webhook_inbox_lane_idx"}
            read = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
            assert (read == 0) is name.startswith("webhooks")
    finally:
        await owner.close()


async def test_what_is_kept_wakes_its_gateways_lane(
    shop: Shop, parts: Services, urls: Urls, clock: MovableClock
) -> None:
    heard: list[str] = []
    listening = asyncio.create_task(Listener(urls.app, heard.append).run())
    try:
        async with asyncio.timeout(20):
            await until(lambda: _is("" in heard), 0.02)
            for name in ("portone_v1", "portone_v2"):
                await post(shop, told(shop, clock, await shop.create(**BY_NAME[name].order)))
            await until(lambda: _is(len(heard) == 3), 0.02)
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    assert heard == ["", "hints_portone_v1", "webhooks_portone_v2"]
    assert set(heard[1:]) <= {lane.name for lane in parts.due_work}


async def _is(claim: bool) -> bool:
    return claim


def _nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [node, *(inner for each in node.get("Plans", []) for inner in _nodes(each))]


async def parked(shop: Shop, parts: Services, clock: MovableClock) -> str:
    """A signed webhook that nobody knows, when its tries are over."""
    await post(shop, signed_for_nobody(shop, clock))
    for _ in range(len(UNKNOWN_AGAIN) + 1):
        clock.advance(86_400)
        await Worker(parts).sweep()
    (webhook,) = await parts.webhooks.parked(10)
    return webhook.public_id


async def test_a_person_ends_a_parked_one_and_it_leaves_with_the_old_ones(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    public_id = await parked(shop, parts, clock)
    wanted = ids.read(ids.Prefix.WEBHOOK, public_id)
    await parts.webhooks.dismiss(wanted, "of the old shop")
    (row,) = await rows(database, "portone_v2")
    assert (row["parked_at"], row["note"]) == (None, "dismissed: of the old shop")
    assert row["applied_at"] is not None
    assert await parts.webhooks.parked(10) == []
    with pytest.raises(NotFound):
        await parts.webhooks.dismiss(wanted, "twice")
    clock.advance(400 * 86_400)
    assert await parts.chore("webhooks").forget(10) == 1


async def test_a_hint_that_waits_for_a_gateway_in_vain_does_not_stay_for_ever(
    shop: Shop, parts: Services, database: Database, clock: MovableClock
) -> None:
    payment = await shop.create(**BY_NAME["portone_v1"].order)
    await shop.scenario("error_500", "portone_v1", call="lookup", times=-1)
    await post(shop, told(shop, clock, payment))
    for _ in range(12):
        clock.advance(86_400 * 1.3)
        await Worker(parts).sweep()
    (webhook,) = await parts.webhooks.parked(10)
    assert webhook.note == "the gateway did not answer the look-up"
    clock.advance(400 * 86_400)
    assert await parts.chore("webhooks").forget(10) == 1


def test_the_terminal_lists_and_dismisses(urls: Urls, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETILL_DATABASE_URL", urls.app)
    runner = CliRunner()
    empty = runner.invoke(app, ["inbox", "list", "--json"])
    assert (empty.exit_code, json.loads(empty.stdout)) == (0, [])
    asyncio.run(_park_one(urls))
    (row,) = json.loads(runner.invoke(app, ["inbox", "list", "--json"]).stdout)
    assert (row["gateway"], row["proof"], row["note"]) == ("portone_v2", "signature", "nobody knows it")
    done = runner.invoke(app, ["inbox", "dismiss", row["id"], "--note", "of the old shop"])
    assert (done.exit_code, done.stdout) == (0, f"{row['id']} of portone_v2 is dismissed.\n")
    assert json.loads(runner.invoke(app, ["inbox", "list", "--json"]).stdout) == []
    assert runner.invoke(app, ["inbox", "dismiss", row["id"], "--note", "again"]).exit_code == 2
    assert runner.invoke(app, ["inbox", "dismiss", "whi_1", "--note", "no id"]).exit_code == 2


async def _park_one(urls: Urls) -> None:
    connection = await asyncpg.connect(urls.app)
    await connection.execute(
        "INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, parked_at, "
        "note) VALUES ($1, 'portone_v2', 'wh-1', 'signature', '{}', '', now(), now(), now(), 'nobody knows it')",
        ids.uuid7(),
    )
    await connection.close()


async def test_signed_ones_stand_before_what_anybody_may_send(shop: Shop, parts: Services, database: Database) -> None:
    """A thousand of those would hide the one that a person must see."""
    await database.rows(
        "INSERT INTO webhook_inbox (id, gateway, dedupe_key, proof, headers, body, received_at, last_received_at, parked_at) "
        "SELECT gen_random_uuid(), 'portone_v1', 'key-' || n, CASE n WHEN 1 THEN 'signature' ELSE 'hint' END, "
        "'{}', '', at, at, at "
        "FROM (SELECT n, now() + n * interval '1 ms' AS at FROM generate_series(1, 30) AS n) AS made"
    )
    first = (await parts.webhooks.parked(10))[0]
    assert not first.is_hint
