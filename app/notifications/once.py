"""Calls that answer with a fresh signing secret, done once under their Idempotency-Key: who lost the answer gets it again.

The key's row is written with the endpoint's, in one transaction, and holds the answer sealed as the secret itself is.
"""

from collections.abc import Awaitable, Callable

from app.db.pool import Connection
from app.encryption import Encryption
from app.idempotency.service import Answered, Idempotency, Intent
from app.notifications.endpoints import Also
from app.notifications.model import Endpoint

Render = Callable[[Endpoint, str], bytes]
"""Makes the answer's bytes of an endpoint and its fresh secret."""


class _Done(Exception):
    """An earlier call with this key has done it."""


class Once:
    """Does what was asked for, or finds the answer of the call that did it."""

    def __init__(self, idempotency: Idempotency, encryption: Encryption) -> None:
        self._idempotency = idempotency
        self._encryption = encryption

    async def find(self, intent: Intent) -> Answered | None:
        """The answer of the call that did it; None while none has. Raises IdempotencyKeyReused for another request, and
        EncryptionKeyMissing where the answer does not open any more."""
        found = await self._idempotency.resume(intent)
        if not isinstance(found, Answered):
            return None
        body = self._encryption.open(found.body.decode(), intent.place).encode()
        return Answered(found.status, body, is_replay=True)

    async def do(
        self, intent: Intent, status: int, render: Render, work: Callable[[Also], Awaitable[object]]
    ) -> Answered:
        """Do it, unless somebody else does at this moment. What it raises is not stored: the next call with the key does it."""
        bodies: list[bytes] = []

        async def also(connection: Connection, endpoint: Endpoint, secret: str) -> None:
            body = render(endpoint, secret)
            sealed = Answered(status, self._encryption.seal(body.decode(), intent.place).encode())
            if not await self._idempotency.keep(connection, intent, endpoint.id, sealed):
                raise _Done
            bodies.append(body)

        try:
            await work(also)
        except _Done:
            found = await self.find(intent)
            assert found is not None
            return found
        return Answered(status, bodies[-1])
