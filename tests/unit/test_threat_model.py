"""docs/threat-model.md is whole: rows have tests that exist, secrets and scopes have rows, and calls are those of the code."""

import ast
import importlib
import re
from functools import cache
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.api.security import Requirement
from app.api_keys.service import SCOPES
from app.gateways.registry import MANIFESTS
from app.setting_types import is_database, is_secret
from app.settings import ProductSettings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
CALL = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[\w/{}.-]*)`")


def tables() -> list[list[dict[str, str]]]:
    """The page's tables; a row is its cells by the names of their columns."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", PAGE, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


WHO, SECRETS, ANYBODY = tables()
ROWS = [*SECRETS, *ANYBODY]


def named(row: dict[str, str]) -> str:
    return next(iter(row.values()))[:50]


@cache
def defined_in(path: str) -> frozenset[str]:
    """The tests that a file defines, as pytest names them; none where there is no such file."""
    file = ROOT / path
    found: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else []:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {
            prefix + each.name
            for each in inner
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
        }
    return frozenset(found)


@pytest.mark.parametrize("row", [*WHO, *ROWS], ids=named)
def test_a_row_has_no_empty_cell(row: dict[str, str]) -> None:
    assert [column for column, cell in row.items() if not cell.strip("-–… ")] == []


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_row_names_tests_that_exist(row: dict[str, str]) -> None:
    cited = TEST.findall(row["test"])
    assert cited, "names no test"
    assert not TEST.sub("", row["test"]).strip(), "names something that is no test"
    assert [f"{path}::{name}" for path, name in cited if name not in defined_in(path)] == []


def test_what_the_text_cites_exists() -> None:
    cited = TEST.findall(PAGE)
    assert len(cited) == len(re.findall(r"`tests/[^`]*::", PAGE))
    assert [f"{path}::{name}" for path, name in cited if name not in defined_in(path)] == []


def secret_settings() -> set[str]:
    ours = {
        f"ONETILL_{name}".upper() for name, f in ProductSettings.model_fields.items() if is_secret(f) or is_database(f)
    }
    for group, f in ProductSettings.model_fields.items():
        if isinstance(f.annotation, type) and issubclass(f.annotation, BaseModel):
            inner = f.annotation.model_fields
            ours |= {f"ONETILL_{group}__{name}".upper() for name, each in inner.items() if is_secret(each)}
    return ours | {m.variable(name) for m in MANIFESTS for name, field in m.fields().items() if is_secret(field)}


@pytest.mark.parametrize("name", sorted(secret_settings()))
def test_a_secret_setting_has_a_row(name: str) -> None:
    assert [row for row in SECRETS if f"`{name}`" in row["secret"]]


def opened() -> dict[str, set[str]]:
    """The calls that each scope, and that a client token opens, as the routes ask for them."""
    found: dict[str, set[str]] = {"client token, `ct_…`": set()}
    for file in sorted((ROOT / "app").glob("*/router.py")):
        for route in importlib.import_module(f"app.{file.parent.name}.router").router.routes:
            asked = Requirement.of(route.dependant)
            calls = {f"{method} {route.path_format}" for method in route.methods}
            for scope in asked.scopes if asked else ():
                found.setdefault(f"API key, `{scope}`", set()).update(calls)
            if asked and asked.takes_client_tokens:
                found["client token, `ct_…`"] |= calls
    return found


@pytest.mark.parametrize("secret", opened())
def test_a_scope_opens_the_calls_of_its_row(secret: str) -> None:
    (row,) = [row for row in SECRETS if row["secret"] == secret]
    assert set(CALL.findall(row["its holder may"])) == opened()[secret]


def test_every_scope_has_a_row() -> None:
    rows = {row["secret"] for row in SECRETS}
    assert {f"API key, `{scope}`" for scope in SCOPES if scope != "*"} <= rows
    assert opened().keys() <= rows
