"""`docs/openapi.json` is what the code says, and the gate refuses a change that narrows it."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.paths import ROOT
from scripts.openapi import FILE, current, main, narrowings

Document = dict[str, Any]
COMMITTED: Document = json.loads(FILE.read_text(encoding="utf-8"))
CREATE, SEARCH = ("/payments", "post"), ("/payments", "get")


def _operation(document: Document, call: tuple[str, str]) -> Document:
    path, method = call
    operation: Document = document["paths"][path][method]
    return operation


def _schema(document: Document, name: str) -> Document:
    schema: Document = document["components"]["schemas"][name]
    return schema


def _parameter(document: Document, name: str) -> Document:
    return next(each for each in _operation(document, SEARCH)["parameters"] if each.get("name") == name)


def _set(target: Document, **values: Any) -> None:
    target.update(values)


Change = Callable[[Document], Any]
NARROWER: list[tuple[str, Change]] = [
    ("POST /payments: is gone", lambda d: d["paths"]["/payments"].pop("post")),
    ("GET /healthz: is gone", lambda d: d["paths"].pop("/healthz")),
    ("operationId createPayment is gone", lambda d: _set(_operation(d, CREATE), operationId="makePayment")),
    ("answer 201 is gone", lambda d: _operation(d, CREATE)["responses"].pop("201")),
    ("problem order_taken is gone", lambda d: _operation(d, CREATE)["responses"]["409"]["content"][
        "application/problem+json"]["examples"].pop("order_taken")),
    ("header Idempotency-Replayed: is gone", lambda d: _operation(d, CREATE)["responses"]["201"]["headers"].pop(
        "Idempotency-Replayed")),
    ("201.paid_at: is gone", lambda d: _schema(d, "PaymentView")["properties"].pop("paid_at")),
    ("201.paid_at: is no longer promised", lambda d: _schema(d, "PaymentView")["required"].remove("paid_at")),
    ("201.amount: type string is new in an answer", lambda d: _set(
        _schema(d, "PaymentView")["properties"]["amount"], type="string")),
    ("201.order_id: type null is new in an answer", lambda d: _schema(d, "PaymentView")["properties"].update(
        order_id={"anyOf": [{"type": "string"}, {"type": "null"}]})),
    ("201.created_at: format 'date-time' is gone", lambda d: _schema(d, "PaymentView")["properties"]["created_at"].pop(
        "format")),
    ("201.amount: type integer is no longer promised", lambda d: _schema(d, "PaymentView")["properties"].update(amount={})),
    ("201.attempts[].id: type string is no longer promised", lambda d: _schema(d, "AttemptView")["properties"].update(id={})),
    ("201.attempts[]: type object is no longer promised", lambda d: _schema(d, "PaymentView")["properties"].update(
        attempts={"type": "array"})),
    ("201.mode: enum is gone", lambda d: _schema(d, "PaymentView")["properties"]["mode"].pop("enum")),
    ("200.status: const 'ok' is gone", lambda d: _schema(d, "Health")["properties"]["status"].pop("const")),
    ("201.amount: unevaluatedItems is a keyword", lambda d: _set(
        _schema(d, "PaymentView")["properties"]["amount"], unevaluatedItems=False)),
    ("header X-Request-Id: is no longer promised", lambda d: d["components"]["headers"]["X-Request-Id"].pop("required")),
    ("header Content-Language: type string is no longer promised", lambda d: d["components"]["headers"][
        "Content-Language"].update(schema={})),
    ("answer 202 is new", lambda d: _operation(d, CREATE)["responses"].update({"202": {"description": "Later."}})),
    ("body: allOf has other parts", lambda d: _set(_schema(d, "CreatePayment"), allOf=[{"required": ["method"]}])),
    ("body.items: uniqueItems True is tighter", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["items"], uniqueItems=True)),
    ("body.gateway_options[]: maxLength 3 is tighter", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["gateway_options"], propertyNames={"maxLength": 3})),
    ("body.expires_in_s: default 1800 is not what it was", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["expires_in_s"], default=60)),
    ("query limit: default 20 is not what it was", lambda d: _parameter(d, "limit")["schema"].pop("default")),
    ("body.customer: default {} is not what it was", lambda d: _schema(d, "CreatePayment")["properties"][
        "customer"].pop("default")),
    ("body.amount: not is a keyword that scripts/openapi.py does not know", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["amount"], **{"not": {"const": 5}})),
    ("body.method: is required now", lambda d: _schema(d, "CreatePayment")["required"].append("method")),
    ("body.method: is gone", lambda d: _schema(d, "CreatePayment")["properties"].pop("method")),
    ("body.phone: is required now", lambda d: (
        _schema(d, "CreatePayment")["properties"].update(phone={"type": "string"}),
        _schema(d, "CreatePayment")["required"].append("phone"))),
    ("body.amount: maximum 10 is tighter", lambda d: _set(_schema(d, "CreatePayment")["properties"]["amount"], maximum=10)),
    ("body.amount: minimum 2 is tighter", lambda d: _set(_schema(d, "CreatePayment")["properties"]["amount"], minimum=2)),
    ("body.order_id: maxLength 10 is tighter", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["order_id"], maxLength=10)),
    ("body.currency: pattern '^KRW$' is not what it was", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["currency"], pattern="^KRW$")),
    ("body.metadata: maxProperties 5 is tighter", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["metadata"], maxProperties=5)),
    ("body.items[].name: maxLength 5 is tighter", lambda d: _set(_schema(d, "Item")["properties"]["name"], maxLength=5)),
    ("body.tax.vat: type null is no longer taken", lambda d: _schema(d, "TaxIn")["properties"].update(
        vat={"type": "integer"})),
    ("body.customer.address", lambda d: _schema(d, "CustomerIn")["properties"].update(
        address={"anyOf": [{"$ref": "#/components/schemas/Address"}, {"type": "null"}]})),
    ("body: unknown members are no longer taken", lambda d: _set(
        _schema(d, "CompletePayment"), additionalProperties=False)),
    ("body.metadata[]: maxLength 5 is tighter", lambda d: _set(
        next(iter(_schema(d, "CreatePayment")["properties"]["metadata"]["patternProperties"].values())), maxLength=5)),
    ("body.metadata[]: pattern '^a$' is not what it was", lambda d: _set(
        _schema(d, "CreatePayment")["properties"]["metadata"], patternProperties={"^a$": {"type": "string"}})),
    ("body: members of any kind are no longer taken", lambda d: _set(
        _schema(d, "CompletePayment"), additionalProperties={"type": "string"})),
    ("body application/json is no longer taken", lambda d: _operation(d, CREATE)["requestBody"]["content"].pop(
        "application/json")),
    ("query status: is gone", lambda d: _operation(d, SEARCH)["parameters"].remove(_parameter(d, "status"))),
    ("query status: paid is no longer taken", lambda d: _schema(d, "PaymentStatus")["enum"].remove("paid")),
    ("query limit: is required now", lambda d: _set(_parameter(d, "limit"), required=True)),
    ("query limit: maximum 50 is tighter", lambda d: _set(_parameter(d, "limit")["schema"], maximum=50)),
    ("query store: is new and required", lambda d: _operation(d, SEARCH)["parameters"].append(
        {"name": "store", "in": "query", "required": True, "schema": {"type": "string"}})),
    ("is no longer enough to call", lambda d: _operation(d, CREATE)["security"][0]["secretKey"].append("admin")),
    ("is no longer enough to call", lambda d: _operation(d, ("/payments/{id}", "get"))["security"].remove(
        {"clientToken": []})),
    ("is no longer enough to call", lambda d: _set(_operation(d, ("/healthz", "get")), security=[{"secretKey": []}])),
]  # fmt: skip
WIDER: list[Change] = [
    lambda d: d["paths"].update({"/more": {"get": {"responses": {}}}}),
    lambda d: _schema(d, "CreatePayment")["properties"].update(note={"type": "string"}),
    lambda d: _set(_schema(d, "CreatePayment")["properties"]["amount"], maximum=10**16, minimum=0),
    lambda d: _schema(d, "CreatePayment")["required"].remove("currency"),
    lambda d: _schema(d, "CreatePayment")["properties"]["order_id"].pop("pattern"),
    lambda d: _schema(d, "CreatePayment")["properties"]["metadata"].pop("maxProperties"),
    lambda d: _schema(d, "TaxIn")["properties"].update(
        tax_free={"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 0}
    ),
    lambda d: _schema(d, "CreatePayment")["properties"]["currency"].update(default="KRW"),
    lambda d: _schema(d, "PaymentView")["properties"]["amount"].update(minimum=1, title="Sum"),
    lambda d: _schema(d, "PaymentView")["properties"].update(note={"type": "string"}),
    lambda d: _schema(d, "PaymentView")["required"].append("note"),
    lambda d: _schema(d, "PaymentView")["properties"].update(method={"type": "string"}),
    lambda d: _schema(d, "PaymentStatus")["enum"].append("on_hold"),
    lambda d: _operation(d, CREATE)["responses"].update({"418": {"description": "Too many."}}),
    lambda d: _operation(d, SEARCH)["parameters"].append({"name": "x", "in": "query", "schema": {"type": "string"}}),
    lambda d: _operation(d, CREATE)["security"].append({"clientToken": []}),
    lambda d: _set(_operation(d, CREATE), summary="Another", description="Text"),
]


def test_the_committed_document_is_what_the_code_says() -> None:
    assert FILE.read_text(encoding="utf-8") == current(), (
        "run `make openapi`, and commit docs/openapi.json with the change"
    )


def test_a_document_narrows_nothing_of_itself() -> None:
    assert narrowings(COMMITTED, COMMITTED) == []


@pytest.mark.parametrize(("says", "change"), NARROWER, ids=[says for says, _ in NARROWER])
def test_what_narrows_is_refused_and_named(says: str, change: Change) -> None:
    changed = copy.deepcopy(COMMITTED)
    change(changed)
    assert changed != COMMITTED
    assert any(says in found for found in narrowings(COMMITTED, changed)), narrowings(COMMITTED, changed)


@pytest.mark.parametrize("change", WIDER)
def test_what_only_grows_passes(change: Change) -> None:
    changed = copy.deepcopy(COMMITTED)
    change(changed)
    assert changed != COMMITTED
    assert narrowings(COMMITTED, changed) == []


def _with_order_id(extra: Document) -> Document:
    document = copy.deepcopy(COMMITTED)
    _schema(document, "CreatePayment")["properties"]["order_id"].update(extra)
    return document


def test_the_parts_of_an_all_of_are_compared_one_by_one() -> None:
    old, same, narrower = (_with_order_id({"allOf": [{"maxLength": most}]}) for most in (9, 9, 5))
    assert narrowings(old, same) == []
    assert "body.order_id: maxLength 5 is tighter" in "".join(narrowings(old, narrower))


def test_a_reference_behind_a_keyword_that_the_gate_does_not_know_is_refused() -> None:
    document = _with_order_id({"not": {"$ref": "#/components/schemas/Item"}})
    assert "body.order_id: not is a keyword" in "".join(narrowings(document, copy.deepcopy(document)))


def _git(at: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t", *words], cwd=at, check=True, capture_output=True
    )


def test_the_command_compares_with_what_git_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "docs" / "openapi.json"
    file.parent.mkdir()
    _git(tmp_path, "init", "-q")
    file.write_text(json.dumps(COMMITTED), encoding="utf-8")
    monkeypatch.setattr("scripts.openapi.FILE", file)
    assert main(["check", "HEAD"]) == 1, "there is nothing to compare with yet"
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "one")
    assert main(["check", "nowhere", "HEAD"]) == 0
    changed = copy.deepcopy(COMMITTED)
    del changed["paths"]["/readyz"]
    file.write_text(json.dumps(changed), encoding="utf-8")
    capsys.readouterr()
    assert main(["check", "nowhere", "HEAD"]) == 1
    assert "since HEAD, GET /readyz: is gone" in capsys.readouterr().out


def test_checking_runs_the_gate() -> None:
    assert "scripts.openapi check" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_with_nothing_to_compare_it_does_not_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "no-such-revision"]) == 1
    assert "no-such-revision" in capsys.readouterr().out
