"""`/healthz`: the process answers. `/readyz`: it can also serve, because the database answers with the right schema."""

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
async def get_readiness(pool: Annotated[Database, Depends(kept("database"))]) -> Response:
    """Also asks the database, and whether its schema is the one that this version needs: send no traffic on 503."""
    fault = await _fault(pool)
    return JSONResponse({"status": "unready", "reason": fault}, 503) if fault else JSONResponse({"status": "ready"})


async def _fault(pool: Database) -> str | None:
    try:
        found = await pool.revision()
    except DatabaseUnusable as error:
        return error.reason
    if found == REVISION:
        return None
    way_out = "run the release that migrated it" if found and found > REVISION else "run `onetill migrate`"
    return f"the schema is not at revision {REVISION}: {way_out}"
