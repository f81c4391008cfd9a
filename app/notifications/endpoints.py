"""The shop's endpoints: kept, changed, found. Their signing secrets lie encrypted in the database.

What the shop sets and how the endpoint fares are columns apart, each written by statements of its own, so that the shop's change
and the sender's never undo each other.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.db.database import Database
from app.db.old_rows import BY_INDEX
from app.db.pool import Connection
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import EncryptionKeyMissing, NotFound, TooManyEndpoints
from app.encryption import Encryption
from app.logs import get_logger
from app.notifications.model import Endpoint, PauseReason, SealedSecret
from app.notifications.queue import Queue
from app.notifications.signing import new_secret

log = get_logger("notifications")

MOST_ENDPOINTS = 50
"""Of one store."""

OLDEST = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
"""Where the first page of a list begins."""


MOST_SECRETS = 5
"""That sign at once, however often one is rotated."""

SETTABLE = ("url", "description", "events", "rate_per_s")

_BITE = 1000
_DROP_SPELL_S = 2.0
"""How long a call drops what waits for an endpoint that it ends; the worker goes on."""

_COLUMNS = (
    "id, store, url, description, events, secrets, rate_per_s, created_at, updated_at, paused_at, pause_reason, failures, "
    "failing_since, alarmed_percent, delivered_at, key_missing_since"
)
_FIND = f"SELECT {_COLUMNS} FROM notification_endpoints WHERE id = $1 AND deleted_at IS NULL"  # noqa: S608  our names
_PAGE = f"""
SELECT {_COLUMNS} FROM notification_endpoints
WHERE store = $1 AND deleted_at IS NULL AND (created_at, id) > ($2, $3) ORDER BY created_at, id LIMIT $4
"""  # noqa: S608  only constants of the code are put in; values are bound
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('notification_endpoints ' || $1::text, 0))"
"""Of a store, until the transaction ends: else each of two would not see the other."""
_ADD = f"""
INSERT INTO notification_endpoints (id, store, url, description, events, secrets, rate_per_s, created_at, updated_at)
SELECT $1::uuid, $2::text, $3::text, $4::text, $5::text[], $6::json, $7::integer, $8::timestamptz, $8::timestamptz
WHERE (SELECT count(*) FROM notification_endpoints WHERE store = $2 AND deleted_at IS NULL) < {MOST_ENDPOINTS}
"""  # noqa: S608  only constants of the code are put in; values are bound
_URL = "SELECT url FROM notification_endpoints WHERE id = $1 AND deleted_at IS NULL FOR UPDATE"
_ROTATE = """
UPDATE notification_endpoints SET secrets = $2, updated_at = $3, key_missing_since = NULL,
    due_at = CASE WHEN paused_at IS NULL THEN $3::timestamptz END
WHERE id = $1
"""
_LOOK_NOW = """
UPDATE notification_endpoints SET due_at = $2 WHERE id = $1 AND paused_at IS NULL AND deleted_at IS NULL
"""
_PAUSE = """
UPDATE notification_endpoints SET paused_at = $2, pause_reason = $3, updated_at = $2, due_at = NULL
WHERE id = $1 AND paused_at IS NULL AND deleted_at IS NULL AND ($4::text IS NULL OR url = $4 AND updated_at = $5)
"""
"""Whoever sends there keeps his claim until he looks again, so that nobody sends beside him once it is resumed."""
_RESUME = """
UPDATE notification_endpoints SET paused_at = NULL, pause_reason = NULL, updated_at = $2, due_at = $2
WHERE id = $1 AND paused_at IS NOT NULL AND deleted_at IS NULL RETURNING id
"""
_ANEW = "UPDATE notification_endpoints SET failures = 0, failing_since = NULL, alarmed_percent = 0 WHERE id = $1"
_FORGIVE = """
WITH refused AS MATERIALIZED (
    SELECT payment_id, event_id FROM notifications
    WHERE endpoint_id = $1 AND is_again AND next_try_at IS NOT NULL ORDER BY next_try_at LIMIT $3
)
UPDATE notifications AS n SET next_try_at = $2, delivery_attempts = 0, tried_at = NULL, is_again = false, is_alone = false
FROM refused AS r WHERE n.payment_id = r.payment_id AND n.event_id = r.event_id AND n.endpoint_id = $1
"""
"""In bites: an endpoint may have refused very many."""
_DELETE = """
UPDATE notification_endpoints SET deleted_at = coalesce(deleted_at, $2), updated_at = $2, due_at = $2, secrets = '[]'
WHERE id = $1 AND store = $3 AND (deleted_at IS NULL OR (
    SELECT true FROM notifications WHERE endpoint_id = $1 AND next_try_at IS NOT NULL ORDER BY is_again, next_try_at LIMIT 1
))
"""
"""It is due until nothing waits for it any more, so a worker drops what a call that was cut off has left."""
_DROP = """
WITH ended AS MATERIALIZED (
    SELECT id FROM notification_endpoints WHERE id = $1 AND deleted_at IS NOT NULL FOR UPDATE
)
DELETE FROM notifications WHERE (payment_id, event_id, endpoint_id) IN (
    SELECT n.payment_id, n.event_id, n.endpoint_id FROM notifications n
    WHERE n.endpoint_id = (SELECT id FROM ended) AND n.next_try_at IS NOT NULL ORDER BY n.is_again, n.next_try_at LIMIT $2
)
"""
_KEY_MISSING = """
UPDATE notification_endpoints SET key_missing_since = $2::timestamptz
WHERE id = $1 AND (key_missing_since IS NULL) = ($2::timestamptz IS NOT NULL)
"""


Also = Callable[[Connection, Endpoint, str], Awaitable[None]]
"""What is written in the transaction that gives an endpoint its secret."""


class Endpoints:
    """Reads and writes endpoints. Raises NotFound for one that is not there, or another store's."""

    def __init__(self, database: Database, queue: Queue, encryption: Encryption, now: Now) -> None:
        self._database = database
        self._queue = queue
        self._encryption = encryption
        self._now = now

    async def add(
        self,
        store: str,
        *,
        url: str,
        description: str,
        events: Sequence[str],
        rate_per_s: int | None,
        also: Also | None = None,
    ) -> tuple[Endpoint, str]:
        """Keep a new endpoint, and return it with its fresh secret. Raises TooManyEndpoints, EncryptionKeyMissing."""
        endpoint_id, now, secret = ids.uuid7(), self._now(), new_secret()
        made = Endpoint(
            id=endpoint_id,
            store=store,
            url=url,
            description=description,
            events=tuple(events),
            secrets=(self._seal(endpoint_id, secret),),
            rate_per_s=rate_per_s,
            created_at=now,
            updated_at=now,
        )
        values = (made.id, store, url, description, list(events), _stored(made.secrets), rate_per_s, now)
        async with self._database.transaction() as connection:
            if also is not None:
                await also(connection, made, secret)
            await connection.execute(ONE_AT_A_TIME, store)
            if await connection.execute(_ADD, *values) != "INSERT 0 1":
                raise TooManyEndpoints(limit=MOST_ENDPOINTS)
        return made, secret

    async def find(self, endpoint_id: UUID) -> Endpoint | None:
        """The endpoint, whoever's it is; None when there is none."""
        row = await self._database.row(_FIND, endpoint_id)
        return None if row is None else Endpoint.of(row)

    async def get(self, endpoint_id: UUID, store: str) -> Endpoint:
        """The store's endpoint."""
        endpoint = await self.find(endpoint_id)
        if endpoint is None or endpoint.store != store:
            raise NotFound()
        return endpoint

    async def page(self, store: str, after: tuple[datetime, UUID], limit: int) -> list[Endpoint]:
        """So many endpoints of a store, oldest first."""
        return [Endpoint.of(row) for row in await self._database.rows(_PAGE, store, *after, limit)]

    async def change(self, endpoint_id: UUID, fields: dict[str, Any]) -> None:
        """Set some of `SETTABLE`. What waits is tried at once: the change may be the mend. At another URL all begins anew."""
        names = [name for name in SETTABLE if name in fields]
        sets = "".join(f", {name} = ${number}" for number, name in enumerate(names, 3))
        sql = (
            f"UPDATE notification_endpoints SET updated_at = $2{sets}, "  # noqa: S608  our names, values apart
            "due_at = CASE WHEN paused_at IS NULL THEN $2::timestamptz END WHERE id = $1 AND deleted_at IS NULL"
        )
        seen = await self.find(endpoint_id)
        if seen is not None and fields.get("url", seen.url) != seen.url:
            await self._forgive(endpoint_id)
        now = self._now()
        async with self._database.transaction() as connection:
            before = await connection.fetchval(_URL, endpoint_id)
            await connection.execute(sql, endpoint_id, now, *(fields[name] for name in names))
            if before is not None and fields.get("url", before) != before:
                await _begin_anew(connection, endpoint_id, now)

    async def pause(self, endpoint_id: UUID, reason: PauseReason, seen: Endpoint | None = None) -> bool:
        """Send nothing more until somebody resumes it. False: nothing was sent already, or the shop changed it since it was
        seen so."""
        as_seen = (seen.url, seen.updated_at) if seen else (None, None)
        return await self._database.changed(_PAUSE, endpoint_id, self._now(), reason, *as_seen) == 1

    async def resume(self, endpoint_id: UUID) -> bool:
        """Send all that waits, at once. False: it was not paused."""
        seen = await self.find(endpoint_id)
        if seen is None or seen.paused_at is None:
            return False
        await self._forgive(endpoint_id)
        now = self._now()
        async with self._database.transaction() as connection:
            if await connection.fetchval(_RESUME, endpoint_id, now) is None:
                return False
            await _begin_anew(connection, endpoint_id, now)
        return True

    async def _forgive(self, endpoint_id: UUID) -> None:
        """Most of what `_begin_anew` does, before the transaction that does the rest. Cut off, it has done no harm."""
        bitten = f"UPDATE {_BITE}"
        while bitten == f"UPDATE {_BITE}":
            async with self._database.transaction() as connection:
                await connection.execute(BY_INDEX)
                bitten = await connection.execute(_FORGIVE, endpoint_id, self._now(), _BITE)

    async def rotate(
        self, endpoint_id: UUID, store: str, overlap: timedelta, also: Also | None = None
    ) -> tuple[Endpoint, str]:
        """Give it a fresh secret, and return that. The ones before sign beside it until the overlap ends. What waits is tried at
        once: the secret may be the mend."""
        secret = new_secret()
        sealed = self._seal(endpoint_id, secret)
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(f"{_FIND} FOR UPDATE", endpoint_id)
            if row is None or row["store"] != store:
                raise NotFound()
            before, now = Endpoint.of(row), self._now()
            ends_at = now + overlap
            old = [SealedSecret(each.text, min(each.ends_at or ends_at, ends_at)) for each in before.secrets]
            secrets = (sealed, *(each for each in old if each.is_live(now)))[:MOST_SECRETS]
            made = replace(before, secrets=secrets, updated_at=now, key_missing_since=None)
            if also is not None:
                await also(connection, made, secret)
            await connection.execute(_ROTATE, endpoint_id, _stored(secrets), now)
        await self._queue.hurry(endpoint_id)
        await self._database.changed(_LOOK_NOW, endpoint_id, self._now())  # a sender may have looked before that
        return made, secret

    async def delete(self, endpoint_id: UUID, store: str) -> None:
        """End it. What was waiting for it is dropped; what was delivered stays listed. Again, it drops what is left.

        Raises NotFound also for one that ended, once nothing waits for it."""
        if not await self._database.changed(_DELETE, endpoint_id, self._now(), store):
            raise NotFound()
        await self.drop_pending(endpoint_id, time.monotonic() + _DROP_SPELL_S)

    async def drop_pending(self, endpoint_id: UUID, ends_at: float) -> None:
        """Forget what waits for an endpoint that ended, until nothing is left or this moment has come."""
        dropped = ""
        while dropped != "DELETE 0" and time.monotonic() < ends_at:
            async with self._database.transaction() as connection:
                await connection.execute(BY_INDEX)
                dropped = await connection.execute(_DROP, endpoint_id, _BITE)

    async def note_key(self, endpoint: Endpoint, *, is_missing: bool) -> bool:
        """Note that none of its secrets opens, or that one does again. False: that was known."""
        since = self._now() if is_missing else None
        return await self._database.changed(_KEY_MISSING, endpoint.id, since) == 1

    def live_secrets(self, endpoint: Endpoint, now: datetime) -> list[str]:
        """What signs now, the newest first. One whose encryption key has left the settings signs no more: the shop knows the
        others. Raises EncryptionKeyMissing where none opens."""
        opened, missing = list[str](), None
        for each in endpoint.secrets:
            if not each.is_live(now):
                continue
            try:
                opened.append(self._encryption.open(each.text, endpoint.public_id))
            except EncryptionKeyMissing as error:
                missing = error
                log.warning("secret_not_opened", endpoint=endpoint.public_id)
        if missing is not None and not opened:
            raise missing
        return opened

    def _seal(self, endpoint_id: UUID, secret: str) -> SealedSecret:
        return SealedSecret(self._encryption.seal(secret, ids.show(ids.Prefix.ENDPOINT, endpoint_id)))


async def _begin_anew(connection: Connection, endpoint_id: UUID, now: datetime) -> None:
    """What it did not take counts for nothing any more, and is tried at once."""
    await connection.execute(_ANEW, endpoint_id)
    await connection.execute(_FORGIVE, endpoint_id, now, None)


def _stored(secrets: Sequence[SealedSecret]) -> str:
    return msgspec.json.encode(list(secrets)).decode()
