"""Create, list, rotate, revoke and find API keys. A key is shown once; only its SHA-256 is kept.

The role of the processes may read and revoke keys, and note when one was used. Making one, and saying how long it lives, needs
the owner's login: who takes over a process can end keys, and not make himself one that outlives him.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from app.db.database import DATABASE_AWAY, Database
from app.db.pool import Connection
from app.domain import ids
from app.domain.clock import Now, utc_now
from app.domain.errors import Forbidden, InvalidRequest, NotFound
from app.logs import get_logger

OWNER_ONLY = (
    "Only the database's owner makes API keys. Where ONETILL_DATABASE_OWNER_URL is set, as for `onetill migrate`, run: "
    "onetill keys create, or keys rotate"
)

USED_EVERY = timedelta(minutes=5)
"""`last_used_at` is written at most so often for one key, by all processes together."""

LONGEST_OVERLAP = timedelta(days=7)
"""How long a replaced key may go on working beside its successor."""

SCOPES = (
    "*",
    "payments:read",
    "payments:write",
    "payments:resolve",
    "refunds:read",
    "refunds:write",
    "notifications:read",
    "notifications:write",
)

READ = """
SELECT id, store, mode, name, hint, scopes, created_at, revoked_at, expires_at, last_used_at, replaces FROM api_keys
"""
LIST = READ + "ORDER BY created_at DESC, id DESC"
GET = READ + "WHERE id = $1"
FIND = READ + "WHERE hash = $1 AND revoked_at IS NULL AND mode = $2"
SUCCESSOR = READ + "WHERE replaces = $1 AND revoked_at IS NULL"
FIRST_SUCCESSOR = READ + "WHERE replaces = $1 ORDER BY created_at, id LIMIT 1"
INSERT = """
INSERT INTO api_keys (id, store, mode, name, hash, hint, scopes, created_at, expires_at, replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
SHORTEN = "UPDATE api_keys SET expires_at = $2 WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)"
REVOKE = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
USED = """
UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3) RETURNING id
"""

log = get_logger("api_keys")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it may be shown: without the key."""

    id: UUID
    store: str
    mode: str
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None = None
    expires_at: datetime | None = None
    """From then on it opens nothing; None: it lives until it is revoked."""
    last_used_at: datetime | None = None
    """Within `USED_EVERY`; None: never used, as far back as uses are noted."""
    replaces: UUID | None = None
    """The key that this one was made for in its place."""

    @property
    def public_id(self) -> str:
        """`key_…`"""
        return ids.show(ids.Prefix.API_KEY, self.id)

    def is_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now


class ApiKeyService:
    """The keys of one deployment."""

    def __init__(self, database: Database, mode: str, now: Now = utc_now, *, owner_url: str | None = None) -> None:
        """`owner_url` makes keys; None: the login of `database`, where it is the owner's."""
        self._database = database
        self._owner_url = owner_url
        self._mode = mode
        self._now = now
        self._noted: dict[UUID, datetime] = {}
        self._noting: set[asyncio.Task[None]] = set()

    async def create(
        self, *, mode: str, scopes: list[str], store: str, name: str, lives_for: timedelta | None = None
    ) -> tuple[ApiKey, str]:
        """Make a key and return it with its text, which is not to be had again. `lives_for` None: until it is revoked.

        Raises InvalidRequest for a mode other than the deployment's, an unknown scope, or a life that is over at once;
        Forbidden without the owner's login.
        """
        if mode != self._mode:
            raise InvalidRequest(
                ("mode", f"this deployment runs in {self._mode} mode, so a {mode} key would never work")
            )
        if not scopes or (unknown := set(scopes) - set(SCOPES)):
            raise InvalidRequest(
                ("scopes", f"must be some of {', '.join(SCOPES)}; got {sorted(unknown) if scopes else '[]'}")
            )
        if not store.strip():
            raise InvalidRequest(("store", "must not be empty"))
        async with self._as_owner() as owner:
            return await self._make(owner, store, mode, name, scopes, lives_for)

    async def rotate(
        self, key_id: str, *, overlap: timedelta, lives_for: timedelta | None = None
    ) -> tuple[ApiKey, ApiKey, str]:
        """Make a successor with the same store, scopes and name; return the old key, the new one, and the new one's text.

        The old key ends after `overlap`, or sooner where it would have ended by itself. `lives_for` None: as long as the old
        one was made to live. Both happen, or nothing does. Raises InvalidRequest for a key that has ended or has a successor,
        and for an overlap beyond `LONGEST_OVERLAP`; NotFound, MalformedId, Forbidden.
        """
        if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
            raise InvalidRequest(("overlap", f"must be from 0 to {LONGEST_OVERLAP.days} days"))
        wanted, now = ids.read(ids.Prefix.API_KEY, key_id), self._now()
        async with self._as_owner() as owner, owner.transaction():
            row = await owner.fetchrow(GET + " FOR UPDATE", wanted)
            if row is None:
                raise NotFound()
            old = ApiKey(**row)
            if ended := old.revoked_at or (old.expires_at if old.is_expired(now) else None):
                raise InvalidRequest(
                    ("key", f"has ended at {ended.isoformat(timespec='seconds')}; make one with `onetill keys create`")
                )
            if (row := await owner.fetchrow(SUCCESSOR, wanted)) is not None:
                raise InvalidRequest(
                    ("key", f"has a successor already, {ApiKey(**row).public_id}; rotate or revoke that")
                )
            if lives_for is None:
                # One that was rotated before ends with its overlap; how long it was made to live, its first successor tells.
                row = await owner.fetchrow(FIRST_SUCCESSOR, wanted)
                model = ApiKey(**row) if row is not None else old
                lives_for = None if model.expires_at is None else model.expires_at - model.created_at
            new, text = await self._make(owner, old.store, old.mode, old.name, old.scopes, lives_for, wanted)
            await owner.execute(SHORTEN, wanted, now + overlap)
            row = await owner.fetchrow(GET, wanted)
            assert row is not None
            return ApiKey(**row), new, text

    async def list(self) -> list[ApiKey]:
        """All keys, newest first, revoked ones too."""
        rows = await self._database.rows(LIST)
        return [ApiKey(**row) for row in rows]

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key; running processes stop taking it within seconds. Safe to repeat. Raises NotFound or MalformedId."""
        wanted = ids.read(ids.Prefix.API_KEY, key_id)
        await self._database.row(REVOKE, wanted, self._now())
        row = await self._database.row(GET, wanted)
        if row is None:
            raise NotFound()
        return ApiKey(**row)

    async def find(self, key: str) -> ApiKey | None:
        """The key with this text, also one whose time is over; None where there is none, or it was revoked."""
        row = await self._database.row(FIND, _hash(key), self._mode)
        return ApiKey(**row) if row else None

    def note_use(self, key: ApiKey) -> None:
        """Note beside the call that uses a key that it was used. A note that fails is logged, and the next use makes it."""
        now = self._now()
        noted = max((at for at in (key.last_used_at, self._noted.get(key.id)) if at is not None), default=None)
        if noted is not None and noted > now - USED_EVERY:
            return
        self._noted[key.id] = now
        task = asyncio.create_task(self._used(key, now))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def close(self) -> None:
        """Wait for the notes under way."""
        await asyncio.gather(*self._noting)

    async def _used(self, key: ApiKey, at: datetime) -> None:
        try:
            await self._database.row(USED, key.id, at, at - USED_EVERY)
        except (asyncpg.PostgresError, *DATABASE_AWAY) as error:
            log.warning("key_use_not_noted", key=key.public_id, error=type(error).__name__)

    async def _make(
        self,
        owner: Connection,
        store: str,
        mode: str,
        name: str,
        scopes: Iterable[str],
        lives_for: timedelta | None,
        replaces: UUID | None = None,
    ) -> tuple[ApiKey, str]:
        now = self._now()
        if lives_for is not None and lives_for <= timedelta(0):
            raise InvalidRequest(("expires_in", "must be longer than nothing"))
        ends = None if lives_for is None else now + lives_for
        key = f"sk_{mode}_{secrets.token_urlsafe(32)}"
        made = ApiKey(ids.uuid7(), store, mode, name, key[-4:], list(scopes), now, expires_at=ends, replaces=replaces)
        values = (made.id, store, mode, name, _hash(key), made.hint, made.scopes, now, ends, replaces)
        await owner.execute(INSERT, *values)
        return made, key

    @asynccontextmanager
    async def _as_owner(self) -> AsyncIterator[Connection]:
        """The owner's connection. Raises Forbidden where that login may not make keys."""
        async with self._database.as_owner(self._owner_url) as owner:
            try:
                yield owner
            except asyncpg.InsufficientPrivilegeError as error:
                raise Forbidden(hint=OWNER_ONLY) from error


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
