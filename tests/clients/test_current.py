"""The clients are those of docs/openapi.json: made from this document, and with a method for every call of a shop."""

import hashlib
import inspect
import json
import re
from typing import Any, get_args

import onetill_client.models
import pytest
from onetill_client import Onetill

from app.paths import ROOT

TEXT = (ROOT / "docs/openapi.json").read_bytes()
DOCUMENT: dict[str, Any] = json.loads(TEXT)
MADE = ["clients/python/onetill_client/models.py", "clients/typescript/src/schema.ts"]
CALLS = {
    operation["operationId"]: operation
    for methods in DOCUMENT["paths"].values()
    for operation in methods.values()
    if not {"webhooks", "operations"} & set(operation["tags"])
}
"""Those that a shop makes: no gateway's webhooks, no probes."""


@pytest.mark.parametrize("name", MADE)
def test_what_is_generated_was_made_from_the_document_of_today(name: str) -> None:
    first = (ROOT / name).read_text(encoding="utf-8").partition("\n")[0]
    assert f"docs/openapi.json, sha256 {hashlib.sha256(TEXT).hexdigest()};" in first, (
        f"{name} is behind docs/openapi.json: make clients"
    )


@pytest.mark.parametrize("name", MADE)
def test_what_is_generated_was_not_changed_by_hand(name: str) -> None:
    first, _, below = (ROOT / name).read_bytes().partition(b"\n")
    assert f"below: sha256 {hashlib.sha256(below).hexdigest()}." in first.decode(), f"{name} was changed: make clients"


def named_in_python(operation_id: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", operation_id).lower()


@pytest.mark.parametrize("operation_id", CALLS)
def test_every_call_of_a_shop_is_a_method_in_python(operation_id: str) -> None:
    method = inspect.signature(getattr(Onetill, named_in_python(operation_id)), eval_str=True)
    body = CALLS[operation_id].get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    if body:
        (taken,) = get_args(method.parameters.keys() & {"body", "brought"} and _last(method).annotation)
        assert taken is getattr(onetill_client.models, body["$ref"].rpartition("/")[2])
    good = [answer for status, answer in CALLS[operation_id]["responses"].items() if status < "3"]
    shown = {
        content["schema"]["$ref"].rpartition("/")[2] if kind == "application/json" else "str"
        for answer in good
        for kind, content in answer.get("content", {}).items()
    }
    assert {method.return_annotation and method.return_annotation.__name__} == (shown or {None})
    keyed = [each for each in CALLS[operation_id]["parameters"] if each.get("name") == "Idempotency-Key"]
    assert ("idempotency_key" in method.parameters) == bool(keyed)
    if keyed:
        is_required = method.parameters["idempotency_key"].default is inspect.Parameter.empty
        assert is_required == keyed[0]["required"], "a key that a call needs is the caller's to choose"


def _last(method: inspect.Signature) -> inspect.Parameter:
    return list(method.parameters.values())[-1]
