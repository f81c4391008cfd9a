"""Idempotency-Key, as the IETF draft draft-ietf-httpapi-idempotency-key-header says, with a lease for crashes.

A key's row is written in the commit that stores what it stands for. Whoever finds the row either replays the stored
answer, is told to wait, or, when the first caller died or could not finish, takes over and goes on where that one stopped.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

import asyncpg
import msgspec
from pydantic import BaseModel

from app.db.database import DATABASE_AWAY, Database, Row
from app.db.old_rows import OldRows
from app.db.pool import Connection
from app.domain.client_tokens import ClientTokens
from app.domain.clock import Now
from app.domain.errors import (
    IdempotencyKeyInUse,
    IdempotencyKeyMalformed,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    IllegalTransition,
    OnetillError,
)
from app.domain.schedule import DATABASE_AWAY_S, KEYS_KEPT

_FORM = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Intent:
    """What the caller wants, by its own name for it: the key within its scope, and the fingerprint of the request."""

    scope: str
    key: str
    fingerprint: bytes
    until: datetime | None = None
    """Until when the caller may work on it, once it has begun; see `Idempotency.working`."""

    @property
    def place(self) -> str:
        """What the secrets in its stored answer are bound to."""
        return _place(self.scope, self.key)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a call with a key: fresh, or the stored one again."""

    status: int
    body: bytes
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class TakeOver:
    """The key is ours now: go on with this payment. `since` is when an earlier call claimed it; None: this one did."""

    payment_id: UUID
    since: datetime | None = None


def read_key(header: str | None) -> str:
    """The key of the header, bare or quoted. Raises IdempotencyKeyMissing or IdempotencyKeyMalformed."""
    if header is None or not header.strip():
        raise IdempotencyKeyMissing()
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _FORM.fullmatch(key):
        raise IdempotencyKeyMalformed()
    return key


def fingerprint(operation: str, body: BaseModel) -> bytes:
    """SHA-256 over the call and its body's meaning: white space and member order of the JSON make no difference.

    Keys live 30 days, so a release must find what the one before it has written: a model's members in the order of its
    class with all defaults, maps by name, as msgspec writes them (`tests/fixtures/stored_requests.json`).
    """
    return hashlib.sha256(operation.encode() + b"\0" + _encode(body)).digest()


_ADDED_LATER = frozenset({"link_expires_at", "buyer_chooses"})
"""Members that release 0.1.0 did not know: left out while they are absent, so that its keys go on."""


def _in_order(model: BaseModel) -> msgspec.Raw:
    known = ((name, value) for name, value in model if not (value is None and name in _ADDED_LATER))
    members = (b'"%b":%b' % (name.encode(), _encode(value)) for name, value in known)
    return msgspec.Raw(b"{" + b",".join(members) + b"}")


_encode = msgspec.json.Encoder(enc_hook=_in_order, order="deterministic").encode


class Idempotency:
    """The key table. A lease is how long a caller may work on a key before others may take it over."""

    def __init__(self, database: Database, *, lease_s: float, now: Now, tokens: ClientTokens | None = None) -> None:
        """`tokens` keep client tokens out of what is stored, and put them in again when it is replayed."""
        self._database = database
        self._tokens = tokens
        self._lease = timedelta(seconds=lease_s)
        self._now = now
        self._letting_go: set[asyncio.Task[None]] = set()
        self.old = OldRows(database, "idempotency_keys", ("scope", "key"), since="created_at", keep=KEYS_KEPT, now=now)

    def lease_until(self) -> datetime:
        """Until when a lease taken now holds."""
        return self._now() + self._lease

    @asynccontextmanager
    async def working(self, intent: Intent) -> AsyncIterator[Intent]:
        """The intent while somebody works on it. Who ends with an error that is no answer (the database went away) lets go of the
        key as soon as that can be written, so that a retry does not wait for the lease.
        """
        leased = replace(intent, until=self.lease_until())
        try:
            yield leased
        except Exception as error:
            if not isinstance(error, OnetillError) or isinstance(error, IllegalTransition):
                task = asyncio.create_task(self.let_go(leased))
                self._letting_go.add(task)
                task.add_done_callback(self._letting_go.discard)
            raise

    async def close(self) -> None:
        """Let go of what is left; a database that is away keeps its leases."""
        for task in self._letting_go:
            task.cancel()
        await asyncio.gather(*self._letting_go, return_exceptions=True)

    async def let_go(self, intent: Intent) -> None:
        """Let go of our own lease, and of no other: somebody else may work on the key by now."""
        assert intent.until is not None
        while self._now() < intent.until:
            try:
                await self._database.row(
                    "UPDATE idempotency_keys SET lease_until = NULL "
                    "WHERE scope = $1 AND key = $2 AND answer IS NULL AND lease_until = $3",
                    intent.scope, intent.key, intent.until,
                )  # fmt: skip
            except (asyncpg.PostgresError, *DATABASE_AWAY):
                await asyncio.sleep(DATABASE_AWAY_S)
            else:
                return

    async def claim(self, intent: Intent, payment_id: UUID) -> Answered | TakeOver:
        """Claim the key for work on an existing payment, or find out what became of it. Raises as `resume` does."""
        row = await self._database.row(
            "INSERT INTO idempotency_keys (scope, key, fingerprint, payment_id, lease_until, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING payment_id",
            intent.scope, intent.key, intent.fingerprint, payment_id, intent.until or self.lease_until(), self._now(),
        )  # fmt: skip
        if row is not None:
            return TakeOver(payment_id)
        found = await self.resume(intent)
        return found if found is not None else await self.claim(intent, payment_id)

    async def resume(self, intent: Intent) -> Answered | TakeOver | None:
        """What a key that was seen before stands for; None when it has no row (any more).

        Raises IdempotencyKeyReused for another request under the same key, IdempotencyKeyInUse while its lease holds.
        """
        row = await self._database.row(
            "SELECT fingerprint, payment_id, status, answer, lease_until, created_at FROM idempotency_keys "
            "WHERE scope = $1 AND key = $2",
            intent.scope, intent.key,
        )  # fmt: skip
        if row is None:
            return None
        if row["fingerprint"] != intent.fingerprint:
            raise IdempotencyKeyReused()
        if row["answer"] is not None:
            return self._replayed(row, intent)
        now = self._now()
        if row["lease_until"] is not None and row["lease_until"] > now:
            raise self._in_use(row["lease_until"] - now)
        taken = await self._database.row(
            "UPDATE idempotency_keys SET lease_until = $4 WHERE scope = $1 AND key = $2 AND answer IS NULL "
            "AND lease_until IS NOT DISTINCT FROM $3 RETURNING payment_id",
            intent.scope, intent.key, row["lease_until"], intent.until or self.lease_until(),
        )  # fmt: skip
        if taken is None:
            raise self._in_use(self._lease)
        return TakeOver(taken["payment_id"], row["created_at"])

    async def keep(self, connection: Connection, intent: Intent, about: UUID, answer: Answered) -> bool:
        """Write the key with its answer, in the transaction that does what it stands for: so nobody ever finds it half done.

        Waits for whoever does the same at this moment. False: he has done it, so nothing of this may be committed.
        """
        status = await connection.execute(
            "INSERT INTO idempotency_keys (scope, key, fingerprint, payment_id, status, answer, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
            intent.scope, intent.key, intent.fingerprint, about, answer.status, answer.body, self._now(),
        )  # fmt: skip
        return status == "INSERT 0 1"

    async def finish(self, intent: Intent, answer: Answered) -> Answered:
        """Store the answer of a key whose work is done, and return it; or the one that is stored, which is everybody's."""
        row = await self._database.row(
            "UPDATE idempotency_keys SET status = $3, answer = $4, lease_until = NULL "
            "WHERE scope = $1 AND key = $2 AND answer IS NULL RETURNING key",
            intent.scope, intent.key, answer.status, self.sealed(answer.body, intent.scope, intent.key),
        )  # fmt: skip
        return answer if row is not None else await self.stored(intent) or answer

    def sealed(self, answer: bytes, scope: str, key: str) -> bytes:
        """An answer as it is stored for this key: it opens no payment for whoever reads the table, or writes there."""
        return answer if self._tokens is None else self._tokens.seal(answer, _place(scope, key))

    async def release(self, intent: Intent) -> Answered | None:
        """Let go of a key whose work ended without an answer to keep: the next call with it starts anew, at once.

        Returns the answer that somebody else has stored, who took the key over: it is everybody's.
        """
        row = await self._database.row(
            "UPDATE idempotency_keys SET lease_until = NULL WHERE scope = $1 AND key = $2 AND answer IS NULL RETURNING key",
            intent.scope, intent.key,
        )  # fmt: skip
        return None if row is not None else await self.stored(intent)

    async def stored(self, intent: Intent) -> Answered | None:
        """The stored answer of a key; None while it has none, and for another request than the one that it answers."""
        row = await self._database.row(
            "SELECT status, answer FROM idempotency_keys "
            "WHERE scope = $1 AND key = $2 AND fingerprint = $3 AND answer IS NOT NULL",
            intent.scope, intent.key, intent.fingerprint,
        )  # fmt: skip
        return self._replayed(row, intent) if row is not None else None

    def _replayed(self, row: Row, intent: Intent) -> Answered:
        answer: bytes = row["answer"]
        if self._tokens is not None:
            answer = self._tokens.unseal(answer, _place(intent.scope, intent.key))
        return Answered(row["status"], answer, is_replay=True)

    def _in_use(self, left: timedelta) -> IdempotencyKeyInUse:
        """Come back after as long as the first call has worked, and no later than its lease ends: most end within a second."""
        return IdempotencyKeyInUse(retry_after_s=max(1, ceil(min(left, self._lease - left).total_seconds())))


def _place(scope: str, key: str) -> str:
    return f"{scope}\0{key}"
