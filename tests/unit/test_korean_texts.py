"""Whoever prefers Korean reads Korean: every sentence that an answer may hold has an entry, and what is filled in stays."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.api import patterns
from app.api.korean import LONGEST, SENTENCES, TEXTS, details_in_korean, in_korean
from app.api.problem_examples import EXAMPLE_DETAILS, example
from app.api.problems import PROBLEMS, explain, problem_body
from app.api.schemas import told
from app.domain.errors import Obstacle, OnetillError
from app.domain.language import Language
from app.gateways.portone_v1.session import BYPASS, OPTIONS
from app.notifications.guard import Refused
from app.paths import ROOT
from tests.support.korean import not_korean
from tests.support.named import named_in

FOR_OPERATORS = {"api_keys", "cli", "demo"}
"""Rooms whose errors a terminal prints, in English."""
FILLED = "7"


def _raised() -> Iterator[str]:
    waiting: list[type[Exception]] = [OnetillError, Refused]
    while waiting:
        found = waiting.pop()
        yield found.__name__
        waiting += found.__subclasses__()


RAISED = set(_raised())
"""Whatever is said with one of these reaches an answer."""


def spoken() -> Iterator[str]:
    """What the code says about wrong fields, with something for what it fills in."""
    for path in sorted((ROOT / "app").rglob("*.py")):
        if path.relative_to(ROOT / "app").parts[0] not in FOR_OPERATORS and path.name not in {
            "anchors.py",
            "settings.py",
        }:
            yield from _said_in(path)
    yield from patterns.MEANINGS.values()
    yield from (text for _, text in (*OPTIONS.values(), *BYPASS.values()))
    yield from (obstacle.way_out for obstacle in Obstacle)


def _said_in(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text("utf-8"))
    named = named_in(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=error), args=args, keywords=keywords) if error in RAISED:
                for arg in [*args, *(each.value for each in keywords if each.arg in SENTENCES)]:
                    yield from _sentences(arg, named)
            case ast.Yield(value=ast.Tuple(elts=[_, said])) if "session" in path.name:
                yield from _texts(said)
            case ast.Call(func=ast.Attribute(attr="append"), args=[ast.Tuple(elts=[_, said])]) if (
                "payments" in path.parts
            ):
                yield from _texts(said)
            case ast.Call(func=ast.Name(id="Option"), args=[_, said, *_]):
                yield from _texts(said)
            case ast.Call(func=ast.Name(id="PydanticCustomError"), args=[_, said, *_]):
                yield from (re.sub(r"\{\w+\}", FILLED, text) for text in _texts(said) if text != "{text}")
            case ast.keyword(arg="hint", value=said):
                yield from _texts(said)
            case ast.FunctionDef(name="wrong_address" | "check_line" | "check_id"):
                for inner in ast.walk(node):
                    match inner:
                        case ast.Return(value=value):
                            yield from _texts(value)
                        case ast.Call(func=ast.Name(id="ValueError"), args=[raised]):
                            yield from _texts(raised)


def _sentences(node: ast.AST, named: dict[str, list[ast.AST]], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every sentence that stands in an expression, or in what its names stand for, in whatever shape."""
    match node:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield from (text for text in _texts(node) if re.search(r"[A-Za-z0-9]\S* [a-z]", text))
        case ast.Name(id=name) if name not in seen:
            for value in named.get(name, []):
                yield from _sentences(value, named, seen | {name})
        case _:
            for inner in ast.iter_child_nodes(node):
                yield from _sentences(inner, named, seen)


def _texts(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be; none of a name's, whose value stands elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else FILLED for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _texts(body)
            yield from _texts(orelse)


SAID = sorted({text for text in spoken() if text})


@pytest.mark.parametrize("text", SAID)
def test_what_the_code_says_has_its_korean(text: str) -> None:
    korean = in_korean(text)
    assert re.search("[가-힣]", korean), text
    assert "{" not in korean
    assert re.search(r"(?:니다|세요)[.]?$|: \S.*$|(?:나머지|예:) .+$", korean), f"a polite sentence: {korean}"


def test_enough_is_found_to_be_said() -> None:
    assert len(SAID) > 70
    assert {"is past", "must not be blank", "is not a URL", "The key is unknown or was revoked."} <= set(SAID)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("code", "details"),
    [
        ("invalid_request", {"errors": [{"field": "a", "message": "was never said before"}]}),
        ("resolution_refused", {"why": "was never said before"}),
        ("webhook_refused", {"reason": "was never said before"}),
        ("forbidden", {"hint": "was never said before"}),
        ("result_mismatch", {"what": "was never said before", "action": "The money was given back."}),
        ("result_mismatch", {"what": "the amount is another", "action": "was never said before"}),
    ],
)
def test_an_answer_that_stays_english_is_seen(code: str, details: dict[str, object], language: Language) -> None:
    body = problem_body(code, details, language, instance="/", request_id="1")
    assert not_korean(body) == ["was never said before"]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("code", EXAMPLE_DETAILS)
def test_every_example_has_its_korean(code: str, language: Language) -> None:
    assert not_korean(example(code, language)) == []


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    text: str = Field("a", min_length=1, max_length=2)
    count: int = Field(1, ge=1, le=3, multiple_of=1)
    flag: bool = True
    many: list[str] = Field(["a"], min_length=1, max_length=1)
    named: dict[str, str] = Field({}, max_length=1)


@pytest.mark.parametrize(
    "body",
    [
        {"text": 1}, {"text": ""}, {"text": "abc"}, {"count": "1"}, {"count": 1.5}, {"count": 0}, {"count": 4}, {"flag": 1},
        {"many": "a"}, {"many": []}, {"many": ["a", "b"]}, {"many": [1]}, {"named": []}, {"named": {"a": "b", "c": "d"}},
        {"other": 1}, [],
    ],
)  # fmt: skip
def test_what_pydantic_says_has_its_korean(body: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        _Body.model_validate(body)
    for error in caught.value.errors():
        _, message = told({**error, "loc": ("body", *error["loc"])})
        assert re.search("[가-힣]", in_korean(message)), message


@pytest.mark.parametrize("text", TEXTS)
def test_everything_filled_in_is_told(text: str) -> None:
    assert TEXTS[text].count("{}") == text.count("{}") or text.startswith("should be a valid integer, ")
    values = [f"value{at}" for at in range(text.count("{}"))]
    korean = in_korean(text.format(*values))
    assert all(value in korean for value in values) or text.startswith("should be a valid "), korean


def test_the_closest_text_wins_and_what_has_none_stays() -> None:
    assert in_korean("should be greater than or equal to 1") == "1 이상이어야 합니다"
    assert in_korean("should be 'a' or 'b'") == "다음 중 하나여야 합니다: 'a' or 'b'"
    assert in_korean("has never been said") == "has never been said"
    assert in_korean("must match " + "x" * LONGEST) == "must match " + "x" * LONGEST


def test_only_sentences_are_touched() -> None:
    details = {
        "hint": "is past",
        "field": "is past",
        "errors": [{"field": "is past", "message": "is past"}],
        "limit": 3,
    }
    korean = "이미 지난 시각입니다"
    told_so = {**details, "hint": korean, "errors": [{"field": "is past", "message": korean}]}
    assert details_in_korean(details) == told_so


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_in_korean_holds_no_english_sentence(code: str) -> None:
    detail = explain(code, EXAMPLE_DETAILS.get(code, {}), "ko")
    bare = re.sub(r"`[^`]*`|\([^)]*\)", "", detail)
    assert not re.search(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}", bare), detail
    assert not re.search(r"[^니]다\.", bare), detail
