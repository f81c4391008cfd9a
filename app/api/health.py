"""`/healthz`: the process answers. `/readyz`: it can also serve, because the database answers with the right schema."""

import asyncio

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.db.database import Database

READY_TIMEOUT_S = 2.0


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
