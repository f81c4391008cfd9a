"""`GET /openapi.json`: valid, complete, and true: every example is what its schema and our own types say."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import msgspec
import pytest
from pydantic import TypeAdapter
from schemathesis.specs.openapi.definitions import OPENAPI_31

from app.api import health
from app.api.document import ALWAYS
from app.api.problem_examples import EXAMPLE_DETAILS
from app.api.problems import PROBLEMS
from app.main import create_app
from app.notifications import schemas as notification_schemas
from app.payments import schemas
from app.refunds import schemas as refund_schemas
from app.resolution import schemas as resolution_schemas
from app.settings import Settings
from app.webhooks import router as webhooks
from tests.api.checks import problem
from tests.support import key

Document = dict[str, Any]
JSON, PROBLEM = "application/json", "application/problem+json"
PLACES = ("/payments", "/refunds", "/webhooks", "/notification", "/events")


@pytest.fixture(scope="module")
async def document() -> Document:
    """As the product serves it; neither database nor gateway is asked for that."""
    transport = httpx.ASGITransport(app=create_app(Settings(_env_file=None)))  # type: ignore[call-arg]  # see conftest
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    return dict(answer.json())


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def _resolve(document: Document, part: Any) -> Any:
    while isinstance(part, dict) and "$ref" in part:
        target: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        part = target
    return part


def _examples(content: Document) -> list[Any]:
    single = [content["example"]] if "example" in content else []
    return single + [example["value"] for example in content.get("examples", {}).values()]


def _check(document: Document, schema: Document, example: Any) -> None:
    """The example is valid by the schema, in the dialect that OpenAPI 3.1 uses, formats included."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "components": document["components"],
        "allOf": [schema],
    }
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True).validate(example)


def test_the_validator_sees_what_is_wrong(document: Document) -> None:
    schema = {"$ref": "#/components/schemas/CreatePayment"}
    good = {"order_id": "a", "order_name": "b", "amount": 1, "currency": "KRW"}
    _check(document, schema, good)
    for wrong in ({"amount": 0}, {"currency": "krw"}, {"colour": "red"}, {"customer": {"email": "x"}}):
        with pytest.raises(jsonschema_rs.ValidationError):
            _check(document, schema, good | wrong)


async def test_it_is_valid_openapi_3_1(document: Document) -> None:
    assert document["openapi"].startswith("3.1")
    jsonschema_rs.validator_for(OPENAPI_31).validate(document)


async def test_every_reference_leads_somewhere(document: Document) -> None:
    text = msgspec.json.encode(document).decode()
    for reference in set(re.findall(r'"\$ref":"([^"]+)"', text)):
        assert _resolve(document, {"$ref": reference})


async def test_every_operation_says_what_it_is_for(document: Document) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = []
    for path, method, operation in _operations(document):
        at = f"{method} {path}"
        assert operation["summary"], at
        assert operation["description"], at
        assert set(operation["tags"]) <= tags, at
        assert operation["tags"], at
        ids.append(operation["operationId"])
        assert "security" in operation, at
        for parameter in operation.get("parameters", []):
            resolved = _resolve(document, parameter)
            assert resolved["description"], (at, resolved)
            assert resolved["schema"], (at, resolved)
            if resolved["in"] != "query":
                assert _examples(resolved), (at, resolved)
            for example in _examples(resolved):
                _check(document, resolved["schema"], example)
        for status, answer in operation["responses"].items():
            assert answer["description"], (at, status)
            assert "X-Request-Id" in answer["headers"], (at, status)
    assert len(set(ids)) == len(ids)


async def test_every_member_of_a_body_is_described(document: Document) -> None:
    for name in (
        "CreatePayment",
        "CreateAttempt",
        "CompletePayment",
        "CreateEndpoint",
        "ChangeEndpoint",
        "Replay",
        "ResolvePayment",
        "RotateSecret",
        "Problem",
        "CustomerIn",
        "TaxIn",
        "Item",
    ):
        for member, schema in document["components"]["schemas"][name]["properties"].items():
            assert _resolve(document, schema).get("description"), (name, member)


async def test_every_request_and_every_success_has_a_valid_example(document: Document) -> None:
    for path, method, operation in _operations(document):
        body = operation.get("requestBody", {"content": {}})["content"]
        contents = [body[JSON]] if JSON in body else []
        answers = operation["responses"]
        told = [answer.get("content", {}) for answer in answers.values()]
        contents += [content for answer in told for kind, content in answer.items() if kind != PROBLEM]
        assert contents or "204" in answers, (method, path)
        for content in contents:
            assert _examples(content), (method, path)
            for example in _examples(content):
                _check(document, content["schema"], example)


async def test_every_example_is_read_by_our_own_types(document: Document) -> None:
    for path, method, operation in _operations(document):
        contents = [operation["requestBody"]["content"].get(JSON)] if "requestBody" in operation else []
        contents += [answer.get("content", {}).get(JSON) for answer in operation["responses"].values()]
        for content in (each for each in contents if each and "$ref" in each["schema"]):
            for example in _examples(content):
                read = TypeAdapter(_type(content)).validate_json(msgspec.json.encode(example))
                written = TypeAdapter(_type(content)).dump_python(read, mode="json", exclude_unset=True)
                assert written == example, (method, path)


def _type(content: Document) -> Any:
    name = content["schema"]["$ref"].rpartition("/")[2]
    rooms = (schemas, refund_schemas, resolution_schemas, notification_schemas, health, webhooks)
    return next(getattr(room, name) for room in rooms if hasattr(room, name))


async def test_every_operation_shows_every_problem_that_it_may_answer(document: Document) -> None:
    for path, method, operation in _operations(document):
        if operation["tags"] == ["operations"]:
            continue
        is_public = operation["security"] == []
        shown: set[str] = set()
        for status, answer in operation["responses"].items():
            if PROBLEM not in answer.get("content", {}):
                continue
            content = answer["content"][PROBLEM]
            for code, example in content["examples"].items():
                shown.add(code)
                body = example["value"]
                _check(document, content["schema"], body)
                assert (str(body["status"]), body["code"]) == (status, code)
                assert not re.search(r"\{|\?", body["detail"]), body["detail"]
                assert body["instance"].startswith(PLACES)
                assert ("retry_after_s" in body) <= ("Retry-After" in answer["headers"])
            assert "Content-Language" in answer["headers"]
            assert ("WWW-Authenticate" in answer["headers"]) is (status == "401")
        assert is_public or shown >= set(ALWAYS), (method, path)
        if JSON in operation.get("requestBody", {}).get("content", {}):
            assert shown >= {"malformed_body", "unsupported_media_type", "body_too_large", "invalid_request"}


async def test_the_example_of_a_problem_is_what_is_really_answered(client: httpx.AsyncClient) -> None:
    def members(code: str) -> set[str]:
        hidden = {"hint", "what", "why"}
        return {"payment_status" if name == "status" else name for name in EXAMPLE_DETAILS.get(code, {})} - hidden

    standard = {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"}
    for code, answer in {
        "malformed_id": await client.get("/payments/x"),
        "body_too_large": await client.post("/payments", content=b"x" * 70_000, headers=key()),
        "unauthorized": await client.get("/payments", headers={"Authorization": ""}),
        "invalid_request": await client.post("/payments", json={}, headers=key()),
        "not_found": await client.get("/nowhere"),
        "malformed_body": await client.post("/payments", content=b"{", headers=key()),
    }.items():
        assert problem(answer, code).keys() == standard | members(code)


async def test_the_codes_of_the_document_are_those_that_exist(document: Document) -> None:
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(PROBLEMS)


async def test_the_document_says_who_may_call(document: Document) -> None:
    allowed = {
        operation["operationId"]: {name for choice in operation["security"] for name in choice}
        for _, _, operation in _operations(document)
    }
    both = {"secretKey", "clientToken"}
    assert allowed == {
        "createPayment": {"secretKey"},
        "listPayments": {"secretKey"},
        "completePayment": both,
        "getPayment": both,
        "listPaymentEvents": {"secretKey"},
        "createRefund": {"secretKey"},
        "listRefunds": {"secretKey"},
        "getRefundOptions": {"secretKey"},
        "getRefund": {"secretKey"},
        "createAttempt": both,
        "cancelPayment": {"secretKey"},
        "syncPayment": {"secretKey"},
        "resolvePayment": {"secretKey"},
        "createNotificationEndpoint": {"secretKey"},
        "listNotificationEndpoints": {"secretKey"},
        "getNotificationEndpoint": {"secretKey"},
        "changeNotificationEndpoint": {"secretKey"},
        "deleteNotificationEndpoint": {"secretKey"},
        "rotateNotificationSecret": {"secretKey"},
        "testNotificationEndpoint": {"secretKey"},
        "listNotifications": {"secretKey"},
        "replayNotifications": {"secretKey"},
        "listEvents": {"secretKey"},
        "closeLink": {"secretKey"},
        "getLinkQr": {"secretKey"},
        "receiveWebhook": set(),
        "getHealth": set(),
        "getReadiness": set(),
    }
