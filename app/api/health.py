"""`/healthz`: the process answers. `/readyz`: it can also serve, because the database answers with the right schema."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from typing_extensions import TypedDict

from app.api.document import PUBLIC, success
from app.api.parameters import kept
from app.db.database import Database, DatabaseUnusable
from app.db.schema import REVISION

router = APIRouter(tags=["operations"])


class Health(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """The process can serve."""

    status: Literal["ready"]


class Unready(TypedDict):
    """The process cannot serve, and why."""

    status: Literal["unready"]
    reason: str


class Readiness:
    """Whether this process can serve. One look for all who ask meanwhile: anybody may ask, and is never refused."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look: asyncio.Task[str | None] | None = None

    async def fault(self) -> str | None:
        """Why it cannot; None: it can."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._find_fault())
        return await asyncio.shield(self._look)

    async def _find_fault(self) -> str | None:
        try:
            found = await self._database.revision()
        except DatabaseUnusable as error:
            return error.reason
        if found == REVISION:
            return None
        way_out = "run the release that migrated it" if found and found > REVISION else "run `onetill migrate`"
        return f"the schema is not at revision {REVISION}: {way_out}"


@router.get(
    "/healthz",
    operation_id="getHealth",
    summary="The process answers",
    response_description="It does.",
    response_model=Health,
    responses={200: success({"status": "ok"})},
    openapi_extra=PUBLIC,
)
async def get_health() -> Response:
    """Asks nothing but the process itself: restart it when this fails."""
    return JSONResponse({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="getReadiness",
    summary="The process can serve",
    response_description="It can.",
    response_model=Ready,
    responses={
        200: success({"status": "ready"}),
        503: success(
            {"status": "unready", "reason": "the database does not answer"},
            model=Unready,
            description="It cannot now.",
        ),
    },
    openapi_extra=PUBLIC,
)
async def get_readiness(readiness: Annotated[Readiness, Depends(kept("readiness"))]) -> Response:
    """Also asks the database, and whether its schema is the one that this version needs: send no traffic on 503."""
    fault = await readiness.fault()
    return JSONResponse({"status": "unready", "reason": fault}, 503) if fault else JSONResponse({"status": "ready"})
