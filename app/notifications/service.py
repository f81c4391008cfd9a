"""What the API and the terminal do with endpoints, notifications and events. One method per intent."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.db.wake_up import WakeUp
from app.domain import ids
from app.domain.clock import Now
from app.domain.errors import InvalidRequest
from app.idempotency.service import Answered, Intent
from app.ledger.outbox import event
from app.notifications.endpoints import Endpoints
from app.notifications.feed import Feed, FeedQuery, NotificationQuery, ReplayQuery
from app.notifications.guard import Guard, Refused
from app.notifications.jobs import KIND
from app.notifications.model import Delivery, Endpoint, Notification, PauseReason
from app.notifications.once import Once, Render
from app.notifications.sender import Sender

TEST_EVENT = "endpoint.test"


class NotificationService:
    """Endpoints of a store, and what was told there. Raises NotFound for what is not the store's."""

    def __init__(
        self, endpoints: Endpoints, sender: Sender, feed: Feed, guard: Guard, once: Once, wake_up: WakeUp, now: Now
    ) -> None:
        self._endpoints = endpoints
        self._sender = sender
        self._feed = feed
        self._guard = guard
        self._once = once
        self._wake_up = wake_up
        self._now = now

    async def close(self) -> None:
        """Close the connections to endpoints."""
        await self._sender.close()
        await self._guard.close()

    async def add(
        self, store: str, *, url: str, description: str, events: list[str], rate_per_s: int | None
    ) -> tuple[Endpoint, str]:
        """Keep a new endpoint; returned with its secret. Raises InvalidRequest for a URL that nothing would be sent to,
        TooManyEndpoints, EncryptionKeyMissing."""
        await self._check(url)
        return await self._endpoints.add(store, url=url, description=description, events=events, rate_per_s=rate_per_s)

    async def add_once(self, store: str, fields: dict[str, Any], intent: Intent, render: Render) -> Answered:
        """As `add`, once under this key: the same call again gets the same answer. Raises the idempotency errors as well."""
        if (found := await self._once.find(intent)) is not None:
            return found
        await self._check(fields["url"])
        return await self._once.do(intent, 201, render, lambda also: self._endpoints.add(store, **fields, also=also))

    async def get(self, endpoint_id: UUID, store: str) -> Endpoint:
        """One endpoint."""
        return await self._endpoints.get(endpoint_id, store)

    async def page(self, store: str, after: tuple[datetime, UUID], limit: int) -> list[Endpoint]:
        """So many endpoints, oldest first."""
        return await self._endpoints.page(store, after, limit)

    async def change(
        self, endpoint_id: UUID, store: str, fields: dict[str, Any], *, paused: bool | None = None
    ) -> Endpoint:
        """Set some of its fields, pause or resume it. Raises InvalidRequest."""
        if "url" in fields:
            await self._check(fields["url"])
        await self._endpoints.get(endpoint_id, store)
        if fields:
            await self._endpoints.change(endpoint_id, fields)
        if paused is True:
            await self._endpoints.pause(endpoint_id, PauseReason.ASKED)
        elif paused is False:
            await self._endpoints.resume(endpoint_id)
        self._wake_up(KIND)
        return await self._endpoints.get(endpoint_id, store)

    async def rotate(self, endpoint_id: UUID, store: str, overlap: timedelta) -> tuple[Endpoint, str]:
        """Give it a fresh secret, and return that. Raises EncryptionKeyMissing."""
        rotated = await self._endpoints.rotate(endpoint_id, store, overlap)
        self._wake_up(KIND)
        return rotated

    async def rotate_once(
        self, endpoint_id: UUID, store: str, overlap: timedelta, intent: Intent, render: Render
    ) -> Answered:
        """As `rotate`, once under this key."""
        await self._endpoints.get(endpoint_id, store)
        if (found := await self._once.find(intent)) is not None:
            return found
        rotated = await self._once.do(
            intent, 200, render, lambda also: self._endpoints.rotate(endpoint_id, store, overlap, also)
        )
        self._wake_up(KIND)
        return rotated

    async def delete(self, endpoint_id: UUID, store: str) -> None:
        """End it."""
        await self._endpoints.delete(endpoint_id, store)
        self._wake_up(KIND)

    async def test(self, endpoint_id: UUID, store: str) -> Delivery:
        """Send a signed `endpoint.test` now, whether it is paused or not. Raises EncryptionKeyMissing."""
        endpoint = await self._endpoints.get(endpoint_id, store)
        made = event(None, TEST_EVENT, 0, self._now(), {"endpoint_id": endpoint.public_id})
        return await self._sender.send_now(endpoint, ids.show(ids.Prefix.EVENT, made.id), made.body)

    async def replay(self, query: ReplayQuery, *, is_preview: bool) -> int:
        """Send again, or only count. Raises InvalidRequest for more than is done at once."""
        if query.endpoint_id is not None:
            await self._endpoints.get(query.endpoint_id, query.store)
        if is_preview:
            return await self._feed.count(query)
        count = await self._feed.replay(query)
        self._wake_up(KIND)
        return count

    async def notifications(self, query: NotificationQuery) -> list[Notification]:
        """Notifications, each with its newest attempts."""
        return await self._feed.notifications(query)

    async def events(self, query: FeedQuery) -> list[tuple[int, str]]:
        """What happened, in one order: positions and bodies."""
        return await self._feed.events(query)

    async def gauges(self) -> dict[str, tuple[str, float]]:
        """How the endpoints fare, for `/metrics`."""
        return await self._feed.gauges()

    async def _check(self, url: str) -> None:
        """Refuse now what would be refused at each attempt."""
        try:
            await self._guard.check(url)
        except Refused as error:
            raise InvalidRequest(("url", str(error))) from error
