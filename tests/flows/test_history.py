"""The books prove money: whoever rewrites a row, or cuts an audit trail, is found out by `onetill payments verify-history`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from rich.console import Console

from app.db.database import Database
from app.domain import ids
from app.domain.errors import InvalidRequest
from app.jobs.history import check, check_all
from app.ledger.anchors import SETTLED
from app.ledger.audit_trail import FIRST_HASH, faults_of
from app.ledger.repository import PaymentRepository
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.settings import HISTORY_KEYS, settings_for

NOBODY = Console(quiet=True)


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


@pytest.fixture
async def owner(urls: Urls) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """Somebody who may write everything in the database, and does not have the key."""
    connection = await asyncpg.connect(urls.owner)
    yield connection
    await connection.close()


@pytest.fixture
async def paid(shop: Shop) -> dict[str, Any]:
    """A paid order, given back in part, beside which another one is open."""
    await shop.create(gateway="point3")
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    path = f"/payments/{payment['id']}/refunds"
    answer = await shop.client.post(path, json={"reason": "broken", "amount": 400}, headers=key())
    assert answer.status_code == 201, answer.text
    return payment


def _id(payment: dict[str, Any]) -> UUID:
    return ids.read(ids.Prefix.PAYMENT, payment["id"])


async def test_true_books_have_no_faults(paid: dict[str, Any], parts: Services) -> None:
    assert await check_all(parts, NOBODY) == (2, [])


@pytest.mark.parametrize(
    ("rewrite", "names"),
    [
        ("UPDATE payments SET amount_minor = 24, captured_minor = 24, refunded_minor = 0 WHERE id = $1", "went back"),
        ("UPDATE payments SET amount_minor = 25000, captured_minor = 25000 WHERE id = $1", "amount_minor 25000"),
        ("UPDATE payments SET currency = 'USD' WHERE id = $1", "currency USD"),
        ("UPDATE payments SET order_id = 'another' WHERE id = $1", "order_id another"),
        ("UPDATE payments SET store = 'other' WHERE id = $1", "store other"),
        ("UPDATE attempts SET reference = 'another' WHERE payment_id = $1", "reference another"),
        ("UPDATE attempts SET gateway_ref = 'another' WHERE payment_id = $1", "gateway_ref another"),
        ("UPDATE attempts SET gateway = 'unifi_pay' WHERE payment_id = $1", "gateway unifi_pay"),
        ("UPDATE attempts SET account = 'another' WHERE payment_id = $1", "account another"),
        ("UPDATE refunds SET gateway_ref = 'another' WHERE payment_id = $1", "gateway_ref another"),
        ("UPDATE refunds SET initiator = 'operator' WHERE payment_id = $1", "initiator operator"),
        ("UPDATE refunds SET amount_minor = 300, taxed_minor = 300 WHERE payment_id = $1", "300"),
        ("UPDATE payment_events SET evidence = '{}' WHERE payment_id = $1 AND seq = 3", "step 3 was changed"),
        ("UPDATE payment_events SET facts = '{}' WHERE payment_id = $1 AND seq = 3", "step 3 was changed"),
        ("UPDATE payment_events SET hash = sha256('mine') WHERE payment_id = $1 AND seq = 3", "step 3 was changed"),
    ],
)
async def test_money_that_was_rewritten_is_found(
    paid: dict[str, Any], parts: Services, owner: "asyncpg.Connection[Any]", rewrite: str, names: str
) -> None:
    await owner.execute(rewrite, _id(paid))
    faults = await check(parts, _id(paid))
    assert any(names in fault for fault in faults), faults


async def test_an_open_order_for_less_money_is_found(
    shop: Shop, parts: Services, owner: "asyncpg.Connection[Any]"
) -> None:
    """The issue's own input: 24,000 becomes 24 before the buyer pays."""
    payment = await shop.create()
    await owner.execute("UPDATE payments SET amount_minor = 24 WHERE id = $1", _id(payment))
    assert await check(parts, _id(payment)) == ["the payment has amount_minor 24, step 2 says 24000"]


class Interrupted(Database):
    """A database where something happens between two reads of one snapshot."""

    def __init__(self, url: str, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__(url, connections=2)
        self._meanwhile = meanwhile

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Any]:
        async with super().snapshot() as connection:
            yield _Between(connection, self._meanwhile)


class _Between:
    def __init__(self, connection: Any, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self.fetchrow = connection.fetchrow
        self._fetch = connection.fetch
        self._meanwhile = meanwhile

    async def fetch(self, *arguments: Any) -> Any:
        await self._meanwhile()
        return await self._fetch(*arguments)


async def test_a_step_between_two_reads_is_no_false_alarm(shop: Shop, urls: Urls) -> None:
    payment = await shop.create()
    proof, before = await shop.buyer_pays(payment), len(await shop.events(payment))

    async def pay() -> None:
        assert (await shop.complete(payment, **proof)).status_code == 200

    database = Interrupted(urls.app, pay)
    await database.open()
    trail = await PaymentRepository(database).history(_id(payment))
    await database.close()
    assert len(trail[1]) == before < len(await shop.events(payment))
    assert faults_of(*trail, HISTORY_KEYS) == []


CUT = """
WITH cut AS (DELETE FROM payment_events WHERE payment_id = $1 AND seq > 2),
    undone AS (DELETE FROM refunds WHERE payment_id = $1),
    attempt AS (UPDATE attempts SET status = 'pending', gateway_ref = NULL, next_check_at = now() WHERE payment_id = $1)
UPDATE payments SET status = 'open', captured_minor = 0, refunded_minor = 0, refund_count = 0, paid_at = NULL, last_seq = 2,
    last_hash = (SELECT hash FROM payment_events WHERE payment_id = $1 AND seq = 2) WHERE id = $1
"""
"""Everything after the second step: as if the buyer had never paid. What is left is true, every seal of it."""


async def test_a_cut_tail_is_seen_by_the_anchor_alone(
    paid: dict[str, Any], parts: Services, clock: MovableClock, owner: "asyncpg.Connection[Any]"
) -> None:
    assert await parts.anchors.advance(9) == 0, "nothing has settled yet"
    clock.advance(SETTLED.total_seconds() + 1)
    assert (await parts.anchors.advance(9), await parts.anchors.advance(9)) == (9, 0)
    last = await owner.fetchval("SELECT last_seq FROM payments WHERE id = $1", _id(paid))
    await owner.execute(CUT, _id(paid))
    assert await check(parts, _id(paid)) == []
    assert await check_all(parts, NOBODY) == (
        2,
        [("anchors", [f"{paid['id']}: step {last}, which anchor 1 saw, is gone"])],
    )


async def test_a_payment_that_is_gone_is_seen(
    shop: Shop, parts: Services, clock: MovableClock, owner: "asyncpg.Connection[Any]"
) -> None:
    payment = await shop.create()
    clock.advance(SETTLED.total_seconds() + 1)
    await parts.anchors.advance(9)
    await owner.execute("DELETE FROM payment_events")
    await owner.execute("DELETE FROM attempts")
    await owner.execute("DELETE FROM payments")
    assert await check_all(parts, NOBODY) == (
        0,
        [("anchors", [f"{payment['id']}: step 2, which anchor 1 saw, is gone"])],
    )


@pytest.fixture
async def anchored(shop: Shop, parts: Services, clock: MovableClock, owner: "asyncpg.Connection[Any]") -> str:
    """Three anchors; the name of the last one, as it was kept outside."""
    for _ in range(3):
        await shop.create()
        clock.advance(3600)
        while await parts.anchors.advance(9):
            pass
    row = await owner.fetchrow("SELECT number, mac FROM history_anchors ORDER BY number DESC LIMIT 1")
    assert row is not None
    assert row["number"] >= 3
    return f"{row['number']}:{row['mac'].hex()}"


@pytest.mark.parametrize(
    ("forge", "names"),
    [
        ("DELETE FROM history_anchors WHERE number = 2", "anchor 2 is missing"),
        ("UPDATE history_anchors SET ends = '' WHERE number = 2", "anchor 2 was changed"),
        ("UPDATE history_anchors SET key_id = 'mine' WHERE number = 2", "the key 'mine'"),
        (
            "DELETE FROM history_anchors WHERE number = (SELECT max(number) FROM history_anchors)",
            "kept outside and is gone",
        ),
    ],
)
async def test_anchors_that_were_forged_or_cut_are_seen(
    anchored: str, parts: Services, owner: "asyncpg.Connection[Any]", forge: str, names: str
) -> None:
    assert await check_all(parts, NOBODY, anchor=anchored) == (3, [])
    await owner.execute(forge)
    _, broken = await check_all(parts, NOBODY, anchor=anchored)
    assert any(names in fault for _, faults in broken for fault in faults), broken


async def test_another_anchor_than_the_one_kept_outside_is_seen(anchored: str, parts: Services) -> None:
    number = anchored.partition(":")[0]
    _, broken = await check_all(parts, NOBODY, anchor=f"{number}:{'00' * 32}")
    assert broken == [("anchors", [f"anchor {number} is not the one that was kept outside"])]
    with pytest.raises(InvalidRequest):
        await check_all(parts, NOBODY, anchor="the last one")


async def test_two_workers_write_one_anchor(shop: Shop, parts: Services, clock: MovableClock) -> None:
    await shop.create()
    clock.advance(SETTLED.total_seconds() + 1)
    await asyncio.gather(*(parts.anchors.advance(9) for _ in range(4)))
    assert await parts.anchors.count() == 1
    assert await check_all(parts, NOBODY) == (1, [])


@pytest.fixture
async def unsealed(owner: "asyncpg.Connection[Any]") -> AsyncIterator[None]:
    """The owner drops the check that every new event is sealed; the next test's database has it again."""
    await owner.execute("ALTER TABLE payment_events DROP CONSTRAINT payment_events_sealed_check")
    yield
    await owner.execute(
        "ALTER TABLE payment_events ADD CONSTRAINT payment_events_sealed_check "
        "CHECK (key_id IS NOT NULL AND facts IS NOT NULL) NOT VALID"
    )


@pytest.mark.usefixtures("unsealed")
async def test_a_trail_that_claims_to_be_older_than_the_keys_is_seen(
    paid: dict[str, Any], shop: Shop, parts: Services, owner: "asyncpg.Connection[Any]"
) -> None:
    """Whoever may write everything takes the seals away, and chains all rows by their plain hashes."""
    payment = await shop.create(gateway="point3")
    stored, rows = await parts.repository.history(_id(payment))
    before = FIRST_HASH
    for event, _ in rows:
        plain = replace(event, key_id=None, facts=None, prev_hash=before)
        before = plain.hash()
        await owner.execute(
            "UPDATE payment_events SET key_id = NULL, facts = NULL, prev_hash = $3, hash = $4 WHERE payment_id = $1 AND seq = $2",
            stored.id, event.seq, plain.prev_hash, before,
        )  # fmt: skip
    await owner.execute("UPDATE payments SET last_hash = $2, amount_minor = 24 WHERE id = $1", stored.id, before)
    faults = await check(parts, stored.id)
    assert faults == [f"step {event.seq} is not sealed, and all of its time are" for event, _ in rows]
    _, broken = await check_all(parts, NOBODY)
    assert [each for each, _ in broken] == [payment["id"]]


@pytest.mark.parametrize("column", ["next_action", "deposit"])
async def test_another_place_to_pay_at_is_seen(
    shop: Shop, parts: Services, owner: "asyncpg.Connection[Any]", column: str
) -> None:
    """The app's login may write there, and the next buyers would pay a thief."""
    payment = await shop.create(method="VIRTUAL_ACCOUNT", **BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment, "virtual_account"))
    assert await check(parts, _id(payment)) == []
    await owner.execute(f"UPDATE attempts SET {column} = replace({column}::text, '0', '1')::json")  # noqa: S608
    (fault,) = await check(parts, _id(payment))
    assert "attempt 1 has leads_to" in fault
