"""The committed API document: `write` it anew, or `check` that it narrows nothing of those at other git revisions.

    python -m scripts.openapi write                        docs/openapi.json as the code says it
    python -m scripts.openapi check origin/main HEAD~1     those of them that git has

The API only grows. A request that was right stays right, and what an answer promised it goes on to promise. A call gets no
new success status: a client that knows 200 alone would take a 202 for done. A new problem is growth, since every client has
to expect those, and so is a new value of an answer's enum (`docs/api.md`). What the gate cannot compare it refuses by name.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"

Document = dict[str, Any]

_AT_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "uniqueItems")
_AT_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EQUAL = ("pattern", "format", "const", "multipleOf")
WITHDRAWN = {
    r".*\.(client_token|checkout_url): type null is new in an answer": "a key that may only read must not pay (CHANGELOG)",
}
"""Promises that were taken back on purpose, as patterns of what the gate says, each with its reason."""

_FORMS = {"anyOf", "oneOf"}
_PARTS = {"properties", "required", "items", "additionalProperties", "propertyNames", "allOf"}
_TEXTS = {"$ref", "title", "description", "example", "examples", "deprecated"}
"""Keywords that promise nothing; a reference is followed."""
_KNOWN = {*_AT_LEAST, *_AT_MOST, *_EQUAL, *_FORMS, *_PARTS, *_TEXTS, "type", "enum", "default"}


def current() -> str:
    """The document that the code makes, as it is committed."""
    from app.main import create_app
    from app.settings import Settings

    app = create_app(Settings(_env_file=None))  # type: ignore[call-arg]  # pydantic-settings takes it
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


def narrowings(old: Document, new: Document) -> list[str]:
    """Every way in which `new` takes less, or promises less, than `old`; none when it only grows."""
    found = _Comparison(old, new).all()
    return [text for text in found if not any(re.fullmatch(pattern, text) for pattern in WITHDRAWN)]


class _Comparison:
    """Walks two documents side by side. A request narrows by taking less, an answer by promising less."""

    def __init__(self, old: Document, new: Document) -> None:
        self._old, self._new = old, new

    def all(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            for method, operation in methods.items():
                at, now = f"{method.upper()} {path}", self._new["paths"].get(path, {}).get(method)
                if now is None:
                    yield f"{at}: is gone"
                else:
                    yield from self._operation(at, operation, now)

    def _operation(self, at: str, old: Document, new: Document) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"{at}: operationId {old.get('operationId')} is gone"
        yield from self._security(at, old.get("security", []), new.get("security", []))
        yield from self._parameters(at, self._parameters_of(old, self._old), self._parameters_of(new, self._new))
        yield from self._body(at, old.get("requestBody"), new.get("requestBody"))
        for status, response in old.get("responses", {}).items():
            if (now := new.get("responses", {}).get(status)) is None:
                yield f"{at}: answer {status} is gone"
            else:
                yield from self._response(f"{at} {status}", response, now)
        good = {status for status in new.get("responses", {}) if status < "4"} - old.get("responses", {}).keys()
        yield from (f"{at}: answer {status} is new, and a client takes it for another" for status in sorted(good))

    @staticmethod
    def _security(at: str, old: list[Document], new: list[Document]) -> Iterator[str]:
        """Whoever could call still can: for each way that was enough there is one that asks no more."""
        for way in old or [{}]:
            if not any(_asks_no_more(each, way) for each in new or [{}]):
                yield f"{at}: {way or 'nobody'} is no longer enough to call"

    def _parameters_of(self, operation: Document, document: Document) -> dict[tuple[str, str], Document]:
        found = [_resolved(document, each) for each in operation.get("parameters", [])]
        return {(each["in"], each["name"]): each for each in found}

    def _parameters(
        self, at: str, old: dict[tuple[str, str], Document], new: dict[tuple[str, str], Document]
    ) -> Iterator[str]:
        for (place, name), parameter in old.items():
            where = f"{at} {place} {name}"
            if (now := new.get((place, name))) is None:
                yield f"{where}: is gone"
                continue
            if now.get("required") and not parameter.get("required"):
                yield f"{where}: is required now"
            yield from self._schema(where, parameter["schema"], now["schema"], is_request=True)
        for (place, name), parameter in new.items():
            if (place, name) not in old and parameter.get("required"):
                yield f"{at} {place} {name}: is new and required"

    def _body(self, at: str, old: Document | None, new: Document | None) -> Iterator[str]:
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{at}: a body is required now"
        for kind, content in (old or {}).get("content", {}).items():
            if (now := (new or {}).get("content", {}).get(kind)) is None:
                yield f"{at}: body {kind} is no longer taken"
            else:
                yield from self._schema(f"{at} body", content.get("schema", {}), now.get("schema", {}), is_request=True)

    def _response(self, at: str, old: Document, new: Document) -> Iterator[str]:
        for name, header in old.get("headers", {}).items():
            where, was = f"{at} header {name}", _resolved(self._old, header)
            if name not in new.get("headers", {}):
                yield f"{where}: is gone"
                continue
            now = _resolved(self._new, new["headers"][name])
            if was.get("required") and not now.get("required"):
                yield f"{where}: is no longer promised"
            yield from self._schema(where, was.get("schema", {}), now.get("schema", {}), is_request=False)
        for kind, content in old.get("content", {}).items():
            if (now := new.get("content", {}).get(kind)) is None:
                yield f"{at}: {kind} is gone"
                continue
            gone = (
                content.get("examples", {}).keys() - now.get("examples", {}).keys()
                if kind.endswith("problem+json")
                else ()
            )
            yield from (f"{at}: problem {code} is gone" for code in sorted(gone))
            yield from self._schema(at, content.get("schema", {}), now.get("schema", {}), is_request=False)

    def _schema(
        self, at: str, old: Document, new: Document, *, is_request: bool, seen: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        if (name := old.get("$ref", "")) in seen:
            return
        seen |= {name} if name else set()
        old, new = _as_map(_resolved(self._old, old)), _as_map(_resolved(self._new, new))
        yield from _values(at, old, new, is_request=is_request)
        yield from _limits(at, old, new, is_request=is_request)
        yield from _incomparable(at, old, new)
        yield from self._members(at, old, new, is_request=is_request, seen=seen)
        for part in ("items", "additionalProperties", "propertyNames"):
            limiting = new if is_request else old
            # Members of any kind are looked at with the other members.
            if isinstance(limiting.get(part), dict) and (
                part != "additionalProperties" or isinstance(old.get(part), dict)
            ):
                before, after = (_as_schema(each.get(part)) for each in (old, new))
                yield from self._schema(f"{at}[]", before, after, is_request=is_request, seen=seen)
        if len(old.get("allOf", ())) != len(new.get("allOf", ())):
            yield f"{at}: allOf has other parts"
        for before, after in zip(old.get("allOf", ()), new.get("allOf", ()), strict=False):
            yield from self._schema(at, before, after, is_request=is_request, seen=seen)
        yield from self._branches(at, old, new, is_request=is_request, seen=seen)

    def _members(
        self, at: str, old: Document, new: Document, *, is_request: bool, seen: frozenset[str]
    ) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, schema in before.items():
            if name not in after:
                yield f"{at}.{name}: is gone"
            else:
                yield from self._schema(f"{at}.{name}", schema, after[name], is_request=is_request, seen=seen)
        was, now = set(old.get("required", [])), set(new.get("required", []))
        changed, says = (now - was, "is required now") if is_request else (was - now, "is no longer promised")
        yield from (f"{at}.{name}: {says}" for name in sorted(changed) if is_request or name in after)
        if is_request and new.get("additionalProperties") is False and old.get("additionalProperties") is not False:
            yield f"{at}: unknown members are no longer taken"
        was_open = old.get("type") == "object" and old.get("additionalProperties", True) is True
        if is_request and was_open and isinstance(new.get("additionalProperties"), dict):
            yield f"{at}: members of any kind are no longer taken"

    def _branches(
        self, at: str, old: Document, new: Document, *, is_request: bool, seen: frozenset[str]
    ) -> Iterator[str]:
        """A request's every old form needs a new one that takes it; an answer's every new form was one of the old."""
        if not (old.keys() | new.keys()) & _FORMS:
            return
        before, after = _forms(self._old, old), _forms(self._new, new)
        asked, offered = (before, after) if is_request else (after, before)
        for form in asked:
            pairs = [(form, each) if is_request else (each, form) for each in offered]
            found = [
                list(self._schema(at, one, other, is_request=is_request, seen=frozenset(seen))) for one, other in pairs
            ]
            if all(found):
                yield from min(found, key=len)


def _forms(document: Document, schema: Document) -> list[Document]:
    """What a value may look like, one schema each. A default belongs to the whole."""
    schema = _resolved(document, schema)
    inner = schema.get("anyOf") or schema.get("oneOf")
    if inner:
        return [form for each in inner for form in _forms(document, each)]
    return [{name: value for name, value in schema.items() if name != "default"}]


def _resolved(document: Document, part: Document) -> Document:
    if "$ref" not in part:
        return part
    target: Any = document
    for name in part["$ref"].removeprefix("#/").split("/"):
        target = target[name]
    beside = {name: value for name, value in part.items() if name != "$ref"}
    return _resolved(document, target) | beside


def _as_schema(part: Any) -> Document:
    """A schema that may be absent, or a mere yes or no."""
    return part if isinstance(part, dict) else {}


def _as_map(schema: Document) -> Document:
    """A map whose one pattern of names is written as `patternProperties`, in the words of the other spelling."""
    if len(schema.get("patternProperties", {})) != 1:
        return schema
    ((pattern, values),) = schema["patternProperties"].items()
    names = {**schema.get("propertyNames", {}), "pattern": pattern}
    rest = {name: value for name, value in schema.items() if name != "patternProperties"}
    return {**rest, "propertyNames": names, "additionalProperties": values}


def _asks_no_more(new: Document, old: Document) -> bool:
    return all(scheme in old and set(scopes) <= set(old[scheme]) for scheme, scopes in new.items())


def _values(at: str, old: Document, new: Document, *, is_request: bool) -> Iterator[str]:
    """Types, enums and defaults: a request keeps taking all of the old ones, an answer gives no new kind of value."""
    before, after = _types(old), _types(new)
    if before and after:
        yield from (f"{at}: type {each} is no longer taken" for each in sorted(before - after) if is_request)
        yield from (f"{at}: type {each} is new in an answer" for each in sorted(after - before) if not is_request)
    elif is_request and after and not before and not old.keys() & _FORMS:
        yield f"{at}: only {', '.join(sorted(after))} is taken now"
    elif not is_request and before and not after and not new.keys() & _FORMS:
        yield f"{at}: type {', '.join(sorted(before))} is no longer promised"
    if is_request and "enum" in old and "enum" in new:
        lost = [str(value) for value in old["enum"] if value not in new["enum"]]
        yield from (f"{at}: {value} is no longer taken" for value in lost)
    if is_request and "enum" in new and "enum" not in old:
        yield f"{at}: only some values are taken now"
    if not is_request and "enum" in old and not new.keys() & {"enum", "const"}:
        yield f"{at}: enum is gone"
    if is_request and "default" in old and ("default" not in new or old["default"] != new["default"]):
        yield f"{at}: default {old['default']!r} is not what it was"


def _incomparable(at: str, old: Document, new: Document) -> Iterator[str]:
    """Keywords that this gate does not know: it can only tell whether they are the same, and not where they refer."""
    for name in sorted((old.keys() | new.keys()) - _KNOWN):
        if old.get(name) != new.get(name) or "$ref" in json.dumps(old.get(name)):
            yield f"{at}: {name} is a keyword that scripts/openapi.py does not know; teach it to compare it"


def _types(schema: Document) -> set[str]:
    kind = schema.get("type", [])
    kinds = {kind} if isinstance(kind, str) else set(kind)
    if not kinds and all(isinstance(value, str) for value in schema.get("enum", [None])):
        kinds = {"string"}
    return kinds | {"integer"} if "number" in kinds else kinds


def _limits(at: str, old: Document, new: Document, *, is_request: bool) -> Iterator[str]:
    """A request is not limited further, an answer keeps within its limits."""
    wider, narrower = (old, new) if is_request else (new, old)
    tighter, other = ("tighter", "not what it was") if is_request else ("gone", "gone")
    for name in _AT_LEAST:
        least = float("-inf") if name.endswith("inimum") else 0
        if name in narrower and narrower[name] > wider.get(name, least):
            yield f"{at}: {name} {narrower[name]} is {tighter}"
    for name in _AT_MOST:
        if name in narrower and narrower[name] < wider.get(name, float("inf")):
            yield f"{at}: {name} {narrower[name]} is {tighter}"
    for name in _EQUAL:
        if name in narrower and narrower[name] != wider.get(name):
            yield f"{at}: {name} {narrower[name]!r} is {other}"


def _committed(revision: str) -> Document | None:
    """The document as committed there; None where there is no such revision, or no document yet."""
    shown = subprocess.run(
        ["git", "show", f"{revision}:docs/openapi.json"], cwd=FILE.parent, capture_output=True, check=False
    )
    return json.loads(shown.stdout) if shown.returncode == 0 else None


def main(arguments: list[str]) -> int:
    """Run one of the two commands; returns the exit status."""
    match arguments:
        case ["write"]:
            FILE.write_text(current(), encoding="utf-8")
            return 0
        case ["check", *revisions]:
            now = json.loads(FILE.read_text(encoding="utf-8"))
            bases = {each: base for each in revisions if (base := _committed(each))}
            if not bases:
                print(
                    f"none of {', '.join(revisions)} has docs/openapi.json: fetch more of the history (git fetch --unshallow)"
                )
                return 1
            found = [f"since {each}, {text}" for each, base in bases.items() for text in narrowings(base, now)]
            print("\n".join(found) or f"docs/openapi.json narrows nothing since {', '.join(bases)}")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
