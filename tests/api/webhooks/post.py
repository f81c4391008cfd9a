"""How the tests of this folder send a webhook, and what they read of it."""

from typing import Any

import httpx

from app.db.database import Database
from app.domain import ids
from tests.flows.webhooks.senders import Post

REFERENCE = ids.reference(ids.uuid7(), 1)
SECOND_SECRET = "whsec_" + "bmV4dC1zZWNyZXQtd2hpbGUtcm90YXRlZA=="


async def sent(client: httpx.AsyncClient, post: Post, **headers: str) -> httpx.Response:
    given = httpx.Headers(post.headers | headers, encoding="utf-8")
    return await client.post(post.path, content=post.content, headers=given)


async def rows(database: Database) -> list[dict[str, Any]]:
    return [dict(row) for row in await database.rows("SELECT * FROM webhook_inbox ORDER BY received_at")]


async def only_row(database: Database) -> dict[str, Any]:
    (row,) = await rows(database)
    return row
