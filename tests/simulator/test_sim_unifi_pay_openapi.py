"""Schemathesis against the twin: whatever is sent, signed rightly, the answer is one that the document has."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from .driver import Driver
from .unifi_pay_driver import NOWHERE, PATH, RETURN_URL, UnifiDriver

pytestmark = pytest.mark.long

DOCUMENT = Path(__file__).parent / "openapi" / "unifi_pay.yaml"
LOOK_UP = f"{PATH}/{{transactionId}}"
EXAMPLES = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
"""Not `positive_data_acceptance`: the twin is stricter than the document, which has no rules on values ([I])."""

_numbers = count(1)


class Caller:
    """Sends generated cases, signed over the bytes that really go out, and holds the answers against the document."""

    def __init__(self, unifi: UnifiDriver) -> None:
        self._unifi = unifi
        self._session = requests.Session()
        self.statuses: list[int] = []

    def send(self, case: Case[Any]) -> requests.Response:
        """Call from a thread: the simulator runs in the loop of the test."""
        kwargs = case.as_transport_kwargs(base_url=self._unifi.account["base_url"])
        prepared = requests.Request(**{**kwargs, "headers": {}, "cookies": None}).prepare()
        body: Any = prepared.body or b""
        content = body.encode() if isinstance(body, str) else bytes(body)
        path = prepared.path_url.partition("?")[0]
        prepared.headers.update(self._unifi.signed(str(prepared.method), path, content))
        response = self._session.send(prepared, timeout=5, allow_redirects=False)
        self.statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)
        return response

    def close(self) -> None:
        self._session.close()


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


@pytest.fixture
def caller(unifi: UnifiDriver) -> Iterator[Caller]:
    caller = Caller(unifi)
    yield caller
    caller.close()


@pytest.fixture(scope="module")
def document() -> OpenApiSchema:
    return schemathesis.openapi.from_path(DOCUMENT)


async def for_all(operation: Any, mode: GenerationMode, do: Callable[[Case[Any]], object]) -> None:
    """Do it with many generated cases, the same ones in every run."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def run(case: Case[Any]) -> None:
        do(case)

    await asyncio.to_thread(run)


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("path", "method"), [(PATH, "POST"), (LOOK_UP, "GET")], ids=["create", "lookup"])
async def test_every_answer_is_documented(
    caller: Caller, document: OpenApiSchema, path: str, method: str, mode: GenerationMode
) -> None:
    await for_all(document[path][method], mode, caller.send)
    assert len(caller.statuses) >= 3
    assert not {401, 403} & set(caller.statuses), "a rightly signed call was not let in"


def made_right(case: Case[Any]) -> Case[Any]:
    """What fits the document, with values that the twin's own rules take: ids, names and extra members stay generated."""
    number = next(_numbers)
    body: Any = case.body
    for name in ("orderId", "storeId"):
        body[name] = f"{name}{body[name]}"
    items = [
        {**item, "name": f"item {item['name']}", "price": (number * 7919 + place) % 99_999 / 100}
        for place, item in enumerate(body.get("items", [])[:5])
    ]
    body |= {
        "requestId": f"generated{number}",
        "returnUrl": RETURN_URL,
        "callbackUrl": NOWHERE,
        "countryCode": "KOR",
        "items": [*items, {"name": "always", "price": 0.01}],
    }
    return case


async def test_right_orders_are_taken_and_their_look_ups_are_documented(
    caller: Caller, unifi: UnifiDriver, document: OpenApiSchema
) -> None:
    look_up = document[LOOK_UP]["GET"]

    def create_and_look(case: Case[Any]) -> None:
        created = caller.send(made_right(case)).json()
        caller.send(look_up.Case(path_parameters={"transactionId": created["transactionId"]}))

    await for_all(document[PATH]["POST"], GenerationMode.POSITIVE, create_and_look)
    assert set(caller.statuses) == {200}
    assert len(await unifi.rows("journal")) == len(caller.statuses) / 2 >= 20


@pytest.mark.parametrize(
    "scenario", ["paid", "declined", "canceled", "discount", "sparse", "unknown_status", "bad_sum"]
)
async def test_look_ups_of_every_state_are_documented(
    caller: Caller, unifi: UnifiDriver, document: OpenApiSchema, scenario: str
) -> None:
    transaction_id = await unifi.paid(scenario=scenario)
    case = document[LOOK_UP]["GET"].Case(path_parameters={"transactionId": transaction_id})
    await asyncio.to_thread(caller.send, case)
    assert caller.statuses == [200]
