"""The route class on FastAPI: what it adds, and what of FastAPI's own goes on working beside it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Security
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import Field

from app.api import schemas
from app.api.errors import HANDLERS
from app.api.limits import Limits
from app.api.middleware import CallMiddleware
from app.api.route import Answer, StrictRoute, check_credentials
from app.api.security import Authenticator, Caller, Requirement, client_token, secret_key
from app.api.source import source_behind
from app.api_keys.service import ApiKey
from app.domain import ids
from app.domain.client_tokens import ClientTokens
from app.main import create_app
from app.settings import LimitSettings, Settings
from tests.api.checks import wrong_fields
from tests.support import key

KEY = {"Authorization": "Bearer sk_test_reader"}


class Told(schemas.Input):
    """Members that JSON writes as text, told and not told to be read from it."""

    id: Annotated[UUID, Field(strict=False)]
    at: Annotated[datetime, Field(strict=False)]
    other: UUID | None = None
    moment: datetime | None = None


class Filters(schemas.Query):
    """Two parameters."""

    limit: Annotated[int, Field(ge=1), schemas.Digits] = 1
    name: str = ""


ran: list[str] = []


async def named(request: Request) -> str:
    ran.append("named")
    return "named"


async def unnamed() -> None:
    ran.append("unnamed")


async def of_the_router() -> None:
    ran.append("router")


async def of_the_inclusion() -> None:
    ran.append("inclusion")


class OneKey:
    """One key is known, of a reader."""

    async def find(self, text: str) -> ApiKey | None:
        known = ApiKey(ids.uuid7(), "main", "test", "reader", "der", ["read"], datetime.now(UTC))
        return known if text == "sk_test_reader" else None

    def note_use(self, key: ApiKey) -> None:
        pass


def small_app() -> FastAPI:
    """An app of three routes, with one key that may read."""
    router = APIRouter(route_class=StrictRoute, dependencies=[Depends(of_the_router)])

    @router.post("/told/{id}", dependencies=[Depends(unnamed)])
    async def tell(
        body: Told,
        number: Annotated[UUID, Path(alias="id")],
        caller: Annotated[Caller, Security(secret_key, scopes=["read"])],
        name: Annotated[str, Depends(named)],
    ) -> Answer:
        return Answer(f'{{"id": "{body.id}", "at": "{body.at.isoformat()}", "store": "{caller.store}"}}'.encode())

    @router.post("/written")
    async def write(body: Told, caller: Annotated[Caller, Security(secret_key, scopes=["write"])]) -> Answer:
        raise AssertionError("nobody here may write")

    @router.get("/found")
    async def find(filters: Annotated[Filters, Query()]) -> Answer:
        return Answer(f'{{"limit": {filters.limit}}}'.encode())

    app = FastAPI(exception_handlers=HANDLERS, strict_content_type=False)
    app.add_middleware(CallMiddleware, log_every=0)
    app.include_router(router, dependencies=[Depends(of_the_inclusion)])

    app.state.limits = Limits(LimitSettings(), source_behind(0))
    app.state.authenticator = Authenticator(OneKey(), ClientTokens("a secret"), "test")
    return app


@pytest.fixture
async def reader() -> AsyncIterator[httpx.AsyncClient]:
    ran.clear()
    transport = httpx.ASGITransport(app=small_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=KEY) as client:
        yield client


ID, AT = "019aa6f1-c2d3-7e4f-8a5b-6c7d8e9f0a1b", "2026-11-21T08:30:00+00:00"
GOOD: dict[str, Any] = {"id": ID, "at": AT}


async def test_dependencies_of_the_inclusion_the_router_and_the_route_run_named_or_not(
    reader: httpx.AsyncClient,
) -> None:
    answer = await reader.post(f"/told/{ID}", json=GOOD)
    assert answer.status_code == 200, answer.text
    assert answer.json()["store"] == "main"
    assert ran == ["inclusion", "router", "unnamed", "named"]


async def test_a_strict_model_reads_ids_and_moments_from_text_where_it_is_told_to(reader: httpx.AsyncClient) -> None:
    answer = await reader.post(f"/told/{ID}", json=GOOD)
    assert answer.json() == {"id": ID, "at": AT, "store": "main"}
    refused = await reader.post(f"/told/{ID}", json=GOOD | {"other": ID, "moment": AT})
    assert wrong_fields(refused) == ["other", "moment"]


async def test_who_may_not_call_has_no_body_read_and_no_dependency_run(reader: httpx.AsyncClient) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"{"

    unknown = {"Authorization": "Bearer sk_test_unknown"}
    assert (await reader.post(f"/told/{ID}", content=body(), headers=unknown)).status_code == 401
    assert (await reader.post("/written", content=body())).status_code == 403
    assert (read, ran) == (0, [])
    assert (await reader.post(f"/told/{ID}", content=body())).status_code == 400
    assert read == 1


async def test_a_query_is_read_by_its_model_alone(reader: httpx.AsyncClient) -> None:
    assert (await reader.get("/found?limit=7")).json() == {"limit": 7}
    for query, named_fields in [
        ("limit=1&limit=1", ["limit"]),
        ("limit=1&colour=red", ["colour"]),
        ("limit=1.0&name=a&name=b", ["name"]),
        ("limit=1_0", ["limit"]),
        ("limit=+1", ["limit"]),
    ]:
        assert wrong_fields(await reader.get(f"/found?{query}")) == named_fields, query


async def test_all_wrong_fields_of_a_body_are_named_at_once(client: httpx.AsyncClient) -> None:
    body = {
        "order_id": "",
        "amount": 24000.0,
        "currency": "krw",
        "customer": {"email": 1, "address": {"street": "\n"}, "age": 3},
        "items": [{"name": "Mug", "quantity": 0, "unit_amount": "1"}],
        "metadata": {"a": 1},
        "colour": "red",
    }
    assert wrong_fields(await client.post("/payments", json=body, headers=key())) == [
        "order_id",
        "order_name",
        "amount",
        "currency",
        "customer.email",
        "customer.address.street",
        "customer.age",
        "items[0].quantity",
        "items[0].unit_amount",
        "metadata",
        "colour",
    ]


async def test_no_payment_is_named_complete(client: httpx.AsyncClient) -> None:
    answer = await client.get("/payments/complete")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_whole_number_beyond_all_floats_is_refused(client: httpx.AsyncClient) -> None:
    body = b'{"order_id": "1", "order_name": "a", "amount": 1, "currency": "KRW", "gateway_options": {"point3": {"a": 1e999}}}'
    headers = key() | {"Content-Type": "application/json"}
    assert wrong_fields(await client.post("/payments", content=body, headers=headers)) == ["gateway_options"]


def test_a_credential_names_a_scope() -> None:
    router = APIRouter(route_class=StrictRoute)
    with pytest.raises(ValueError, match="names no scope"):

        @router.get("/open")
        async def show(caller: Annotated[Caller, Security(secret_key)]) -> Answer:
            return Answer(b"{}")


Reading = Annotated[Caller, Security(secret_key, scopes=["read"])]


async def reader_of(caller: Reading) -> Caller:
    return caller


def _app(route_class: type[APIRoute], *included: Any, **of_the_route: Any) -> FastAPI:
    """An app of one route that answers anybody whom it lets in."""
    router = APIRouter(route_class=route_class)

    @router.get("/hidden", **of_the_route)
    async def show() -> Answer:
        return Answer(b"{}")

    app = FastAPI()
    app.include_router(router, dependencies=included)
    return app


NESTED = Security(reader_of, scopes=["more"])


def test_a_credential_behind_another_dependency_is_found_with_the_scopes_of_both() -> None:
    app = _app(StrictRoute, dependencies=[NESTED])
    check_credentials(app)
    (asked,) = [
        Requirement.of(each.dependant) for each in iter_route_contexts(app.routes) if isinstance(each.route, APIRoute)
    ]
    assert asked == Requirement(("more", "read"), takes_client_tokens=False)


@pytest.mark.parametrize("credential", [Security(secret_key, scopes=["read"]), NESTED])
async def test_a_credential_that_the_route_class_cannot_see_stops_the_start_and_opens_nothing(credential: Any) -> None:
    for app in (_app(APIRoute, dependencies=[credential]), _app(StrictRoute, credential), _app(APIRoute, credential)):
        with pytest.raises(ValueError, match="/hidden takes a credential that no StrictRoute asks for"):
            check_credentials(app)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=KEY) as anybody:
            assert (await anybody.get("/hidden")).status_code == 500


def test_the_product_does_not_start_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    router = APIRouter(dependencies=[Security(secret_key, scopes=["read"])])
    router.add_api_route("/hidden", reader_of)
    monkeypatch.setattr("app.main.ROUTERS", (router,))
    with pytest.raises(ValueError, match="/hidden takes a credential"):
        create_app(Settings(_env_file=None))  # type: ignore[call-arg]  # see conftest


def test_every_route_of_payments_and_refunds_asks_who_calls() -> None:
    app = create_app(Settings(_env_file=None))  # type: ignore[call-arg]  # see conftest
    routes = [each.original_route for each in iter_route_contexts(app.routes)]
    asked = {
        (route.path_format, "".join(route.methods or ())): Requirement.of(route.dependant)
        for route in routes
        if isinstance(route, APIRoute) and set(route.tags) & {"payments", "refunds"}
    }
    assert len(asked) == 15
    assert all(asked.values())
    for_buyers = {path for path, requirement in asked.items() if requirement and requirement.takes_client_tokens}
    assert for_buyers == {
        ("/payments/{id}", "GET"),
        ("/payments/{id}/attempts", "POST"),
        ("/payments/complete", "POST"),
    }
    assert client_token.scheme_name == "clientToken"
