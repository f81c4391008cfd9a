"""API keys that end, show when they were last used, and are replaced while both work."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from app.api.security import KEY_CACHE_S
from app.api_keys.service import LONGEST_OVERLAP, USED, USED_EVERY, ApiKey, ApiKeyService
from app.cli import app
from app.db.database import Database
from app.domain.errors import InvalidRequest
from tests.api.checks import problem
from tests.support import MovableClock
from tests.support.databases import Urls
from tests.support.settings import SECRET_KEY

HOUR = timedelta(hours=1)


@pytest.fixture
async def nobody(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends no key by itself."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver") as client:
        yield client


@pytest.fixture
async def keys(database: Database, urls: Urls, clock: MovableClock) -> AsyncIterator[ApiKeyService]:
    service = ApiKeyService(database, "test", clock, owner_url=urls.owner)
    yield service
    await service.close()


async def made(keys: ApiKeyService, lives_for: timedelta | None = None) -> tuple[ApiKey, str]:
    return await keys.create(mode="test", scopes=["payments:read"], store="main", name="till", lives_for=lives_for)


def near(at: datetime | None, expected: datetime, within_s: float = 5) -> bool:
    return at is not None and abs((at - expected).total_seconds()) <= within_s


async def settled(product: FastAPI) -> None:
    """What is being noted is noted."""
    await product.state.authenticator._keys.close()


async def lists(client: httpx.AsyncClient, text: str) -> httpx.Response:
    return await client.get("/payments", headers={"Authorization": f"Bearer {text}"})


async def test_a_key_ends_when_it_was_made_to_and_the_answer_says_so(
    nobody: httpx.AsyncClient, keys: ApiKeyService, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = await made(keys, HOUR)
    monkeypatch.setattr("app.api.security.monotonic", lambda: clock().timestamp())
    assert (await lists(nobody, text)).status_code == 200
    clock.advance(HOUR.total_seconds() - 1)
    assert (await lists(nobody, text)).status_code == 200
    clock.advance(1.0)  # less than the cache would trust it
    assert KEY_CACHE_S > 1
    told = problem(await lists(nobody, text), "unauthorized")
    assert "time is over" in told["detail"]


@pytest.mark.parametrize("life", [timedelta(0), -HOUR])
async def test_a_life_that_is_over_at_once_is_refused(keys: ApiKeyService, life: timedelta) -> None:
    with pytest.raises(InvalidRequest, match="expires_in"):
        await made(keys, life)
    assert await keys.list() == []


@pytest.mark.parametrize("overlap", [timedelta(0), HOUR, LONGEST_OVERLAP])
async def test_a_key_is_replaced_and_both_work_until_the_overlap_is_over(
    nobody: httpx.AsyncClient,
    keys: ApiKeyService,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    overlap: timedelta,
) -> None:
    monkeypatch.setattr("app.api.security.monotonic", lambda: clock().timestamp())
    first, old_text = await made(keys)
    old, new, text = await keys.rotate(first.public_id, overlap=overlap)
    assert (new.store, new.mode, new.name, new.scopes) == (first.store, first.mode, first.name, first.scopes)
    assert (new.replaces, new.expires_at, old.id) == (first.id, None, first.id)
    assert near(old.expires_at, clock() + overlap)
    assert (await lists(nobody, text)).status_code == 200
    assert (await lists(nobody, old_text)).status_code == (200 if overlap else 401)
    clock.advance(overlap.total_seconds())
    assert (await lists(nobody, old_text)).status_code == 401
    assert (await lists(nobody, text)).status_code == 200


async def test_a_replaced_key_never_lives_longer_and_its_successor_as_long_as_it_was_made_to(
    keys: ApiKeyService, clock: MovableClock
) -> None:
    first, _ = await made(keys, 2 * HOUR)
    clock.advance(HOUR.total_seconds())
    old, new, _ = await keys.rotate(first.public_id, overlap=timedelta(days=1))
    assert old.expires_at == first.expires_at
    assert near(new.expires_at, clock() + 2 * HOUR)
    _, newest, _ = await keys.rotate(new.public_id, overlap=HOUR, lives_for=5 * HOUR)
    assert near(newest.expires_at, clock() + 5 * HOUR)


@pytest.mark.parametrize("why", ["revoked", "expired", "replaced", "overlap", "negative"])
async def test_what_cannot_be_replaced_is_told_and_nothing_is_made(
    keys: ApiKeyService, clock: MovableClock, why: str
) -> None:
    key, _ = await made(keys, HOUR)
    if why == "revoked":
        await keys.revoke(key.public_id)
    elif why == "expired":
        clock.advance(HOUR.total_seconds())
    elif why == "replaced":
        await keys.rotate(key.public_id, overlap=HOUR)
    before = await keys.list()
    overlap = {"overlap": LONGEST_OVERLAP + timedelta(seconds=1), "negative": -HOUR}.get(why, HOUR)
    with pytest.raises(InvalidRequest, match="overlap" if why in {"overlap", "negative"} else "key"):
        await keys.rotate(key.public_id, overlap=overlap)
    assert await keys.list() == before


async def test_replaced_by_two_at_once_it_has_one_successor(keys: ApiKeyService) -> None:
    key, _ = await made(keys)
    answers = await asyncio.gather(
        *(keys.rotate(key.public_id, overlap=HOUR) for _ in range(4)), return_exceptions=True
    )
    assert sorted(isinstance(each, InvalidRequest) for each in answers) == [False, True, True, True]
    assert len(await keys.list()) == 2


async def test_a_revoked_successor_lets_its_key_be_replaced_again(keys: ApiKeyService) -> None:
    key, _ = await made(keys)
    _, lost, _ = await keys.rotate(key.public_id, overlap=HOUR)
    await keys.revoke(lost.public_id)
    _, found, _ = await keys.rotate(key.public_id, overlap=HOUR)
    assert found.replaces == key.id


async def test_the_app_cannot_lengthen_a_keys_life(keys: ApiKeyService, urls: Urls) -> None:
    key, _ = await made(keys, HOUR)
    thief = await asyncpg.connect(urls.app)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await thief.execute("UPDATE api_keys SET expires_at = NULL WHERE id = $1", key.id)
    finally:
        await thief.close()


async def test_uses_are_noted_and_written_once_in_a_while(
    nobody: httpx.AsyncClient,
    product: FastAPI,
    keys: ApiKeyService,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[object] = []
    row_of = Database.row

    async def counted(database: Database, sql: str, *values: object) -> asyncpg.Record | None:
        row = await row_of(database, sql, *values)
        if sql is USED:
            written.append(row)
        return row

    monkeypatch.setattr(Database, "row", counted)
    monkeypatch.setattr("app.api.security.monotonic", lambda: clock().timestamp())
    key, text = await made(keys)
    assert (await keys.list())[0].last_used_at is None
    first = clock()
    for _ in range(30):  # six minutes of uses, each of them looked up
        assert all(each.status_code == 200 for each in await asyncio.gather(*(lists(nobody, text) for _ in range(5))))
        clock.advance(12.0)
    await settled(product)
    (seen,) = await keys.list()
    assert seen.id == key.id
    assert near(seen.last_used_at, first + USED_EVERY, within_s=13)
    assert len(written) == 2
    assert None not in written


async def test_a_note_that_cannot_be_made_fails_no_call(
    nobody: httpx.AsyncClient, product: FastAPI, keys: ApiKeyService, urls: Urls
) -> None:
    _, text = await made(keys)
    owner = await asyncpg.connect(urls.owner)
    try:
        async with owner.transaction():
            await owner.execute("LOCK TABLE api_keys IN SHARE MODE")  # reads go on, writes wait
            assert (await asyncio.wait_for(lists(nobody, text), 5)).status_code == 200
    finally:
        await owner.close()
    await settled(product)
    assert (await keys.list())[0].last_used_at is not None


def test_the_terminal_makes_replaces_and_lists_them(
    urls: Urls, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONETILL_DATABASE_URL", urls.app)
    monkeypatch.setenv("ONETILL_DATABASE_OWNER_URL", urls.owner)
    monkeypatch.setenv("ONETILL_SECRET_KEY", SECRET_KEY)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["keys", *words])
        assert done.exit_code == 0, done.output
        return done.output

    first = json.loads(run("create", "--expires-in", "90d", "--json"))
    second = json.loads(run("rotate", first["id"], "--overlap", "2h", "--json"))
    assert second["replaces"] == first["id"]
    assert second["key"] != first["key"]
    newest, oldest = json.loads(run("list", "--json"))
    assert (newest["id"], newest["replaces"], newest["last_used_at"]) == (second["id"], first["id"], None)
    assert oldest["expires_at"] == second["replaced_expires_at"] < newest["expires_at"]
    for words in (["create", "--expires-in", "soon"], ["rotate", first["id"], "--overlap", "1y"]):
        refused = CliRunner().invoke(app, ["keys", *words])
        assert refused.exit_code == 2
        assert "90d, 12h or 30m" in " ".join(refused.output.replace("│", " ").split())
    again = CliRunner().invoke(app, ["keys", "rotate", first["id"]])
    assert again.exit_code == 2
    assert second["id"] in again.output


@pytest.mark.parametrize("life", [None, timedelta(days=90)])
async def test_a_second_successor_lives_as_long_as_the_first_was_made_to(
    keys: ApiKeyService, clock: MovableClock, life: timedelta | None
) -> None:
    """The first one's text was lost. By now the old key ends with the overlap, which is nobody's life."""
    old, _ = await keys.create(mode="test", scopes=["*"], store="main", name="shop", lives_for=life)
    clock.advance(10 * 86_400)
    _, first, _ = await keys.rotate(old.public_id, overlap=timedelta(hours=24))
    await keys.revoke(first.public_id)
    _, second, _ = await keys.rotate(old.public_id, overlap=timedelta(hours=24))
    made = None if second.expires_at is None else second.expires_at - second.created_at
    assert made == life
