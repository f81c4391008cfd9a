"""`/healthz`: the process answers. `/readyz`: it can also serve, because the database answers with the right schema."""

import asyncio
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.db.database import Database

READY_TIMEOUT_S = 2.0


def _documented(
    id: str, summary: str, description: str, answers: dict[str, tuple[str, dict[str, str]]]
) -> dict[str, Any]:
    responses = {
        status: {
            "description": text,
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": sorted(example),
                        "properties": {name: {"type": "string"} for name in sorted(example)},
                    },
                    "example": example,
                }
            },
        }
        for status, (text, example) in answers.items()
    }
    entry = {"operationId": id, "tags": ["operations"], "summary": summary, "description": description, "security": []}
    return {"get": entry | {"responses": responses}}


HEALTH_PATHS = {
    "/healthz": _documented(
        "getHealth",
        "The process answers",
        "Asks nothing but the process itself: restart it when this fails.",
        {"200": ("It does.", {"status": "ok"})},
    ),
    "/readyz": _documented(
        "getReadiness",
        "The process can serve",
        "Also asks the database, and whether its schema is the one that this version needs: send no traffic on 503.",
        {
            "200": ("It can.", {"status": "ready"}),
            "503": ("It cannot now.", {"status": "unready", "reason": "the database does not answer"}),
        },
    ),
}
"""Their entries in the OpenAPI document."""


def health_routes(database: Database, schema: str) -> list[Route]:
    """The two routes. `schema` is the revision that this code needs."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        fault = await _fault(database, schema)
        return JSONResponse({"status": "unready", "reason": fault}, 503) if fault else JSONResponse({"status": "ready"})

    return [
        Route("/healthz", healthz, include_in_schema=False),
        Route("/readyz", readyz, include_in_schema=False),
    ]


async def _fault(database: Database, schema: str) -> str | None:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            row = await database.row("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        return "the schema is missing: run `onetill migrate`"
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        return "the database does not answer"
    if row is None or row["version_num"] != schema:
        return f"the schema is not at revision {schema}: run `onetill migrate`"
    return None
