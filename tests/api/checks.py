"""What the API tests assert again and again: a whole problem, and that nothing was stored."""

from typing import Any

import httpx

from app.api.problems import PROBLEMS
from app.db.database import Database
from migrations.tables import metadata

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"}


def problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    """The answer is the whole problem of this code, in its status, as RFC 9457 and docs/problems.md say; returns its members."""
    entry = PROBLEMS[code]
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, answer.text
    assert answer.status_code == body["status"] == entry.status, answer.text
    assert body.keys() >= MEMBERS
    assert body["type"] == f"/problems/{code}"
    assert body["retryable"] is entry.retryable
    assert body["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert body["request_id"] == answer.headers["x-request-id"]
    language = answer.headers["content-language"]
    assert body["title"] == (entry.title_ko if language == "ko" else entry.title)
    assert body["detail"]
    assert "{" not in body["detail"]
    assert "?" not in body["detail"]
    assert answer.headers["cache-control"] == "no-store"
    return body


def wrong_fields(answer: httpx.Response) -> list[str]:
    """The fields that an `invalid_request` names, in order; each is also explained, in a sentence that its name begins."""
    errors = problem(answer, "invalid_request")["errors"]
    assert errors
    assert all(error["message"] for error in errors)
    assert not any(error["message"].startswith(("Input ", "String ", "List ", "Dictionary ")) for error in errors)
    return [error["field"] for error in errors]


async def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table holds. What was said with gateways is left out: it is written behind the answer's back."""
    counts = {}
    for table in (each for each in metadata.sorted_tables if each.name != "gateway_exchanges"):
        row = await database.row(f'SELECT count(*) AS n FROM "{table.name}"')  # noqa: S608  our own table names
        assert row is not None
        counts[table.name] = row["n"]
    return counts
