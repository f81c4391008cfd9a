"""Create, list, revoke and find API keys. A key is shown once; only its SHA-256 is kept.

The role of the processes may read and revoke keys. Making one needs the owner's login: who takes over a process can end keys,
and not make himself one that outlives him.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from app.db.database import Database
from app.domain import ids
from app.domain.clock import Now, utc_now
from app.domain.errors import Forbidden, InvalidRequest, NotFound

OWNER_ONLY = (
    "Only the database's owner makes API keys. Where ONETILL_DATABASE_OWNER_URL is set, as for `onetill migrate`, run: "
    "onetill keys create"
)

SCOPES = ("*", "payments:read", "payments:write", "payments:resolve", "refunds:read", "refunds:write")

INSERT = """
INSERT INTO api_keys (id, store, mode, name, hash, hint, scopes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
RETURNING id, store, mode, name, hint, scopes, created_at, revoked_at
"""
LIST = """
SELECT id, store, mode, name, hint, scopes, created_at, revoked_at FROM api_keys ORDER BY created_at DESC, id DESC
"""
REVOKE = """
UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $2) WHERE id = $1
RETURNING id, store, mode, name, hint, scopes, created_at, revoked_at
"""
FIND = """
SELECT id, store, mode, name, hint, scopes, created_at, revoked_at FROM api_keys
WHERE hash = $1 AND revoked_at IS NULL AND mode = $2
"""


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
    revoked_at: datetime | None

    @property
    def public_id(self) -> str:
        """`key_…`"""
        return ids.show(ids.Prefix.API_KEY, self.id)


class ApiKeyService:
    """The keys of one deployment."""

    def __init__(self, database: Database, mode: str, now: Now = utc_now, *, owner_url: str | None = None) -> None:
        """`owner_url` makes keys; None: the login of `database`, where it is the owner's."""
        self._database = database
        self._owner_url = owner_url
        self._mode = mode
        self._now = now

    async def create(self, *, mode: str, scopes: list[str], store: str, name: str) -> tuple[ApiKey, str]:
        """Make a key and return it with its text, which is not to be had again.

        Raises InvalidRequest for a mode other than the deployment's, or an unknown scope; Forbidden without the owner's
        login.
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
        key = f"sk_{mode}_{secrets.token_urlsafe(32)}"
        values = (ids.uuid7(), store, mode, name, _hash(key), key[-4:], scopes, self._now())
        async with self._database.as_owner(self._owner_url) as owner:
            try:
                row = await owner.fetchrow(INSERT, *values)
            except asyncpg.InsufficientPrivilegeError as error:
                raise Forbidden(hint=OWNER_ONLY) from error
        assert row is not None
        return ApiKey(**row), key

    async def list(self) -> list[ApiKey]:
        """All keys, newest first, revoked ones too."""
        rows = await self._database.rows(LIST)
        return [ApiKey(**row) for row in rows]

    async def revoke(self, key_id: str) -> ApiKey:
        """End a key; running processes stop taking it within seconds. Safe to repeat. Raises NotFound or MalformedId."""
        row = await self._database.row(REVOKE, ids.read(ids.Prefix.API_KEY, key_id), self._now())
        if row is None:
            raise NotFound()
        return ApiKey(**row)

    async def find(self, key: str) -> ApiKey | None:
        """The live key with this text, or None."""
        row = await self._database.row(FIND, _hash(key), self._mode)
        return ApiKey(**row) if row else None


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
