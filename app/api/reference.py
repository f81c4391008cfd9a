"""`/docs`: the API reference, made from our own OpenAPI document. One page, no script, nothing from another host."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.api.documented import PAGE_HEADERS
from app.api.problems import MEDIA_TYPE

Document = dict[str, Any]
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "maxItems": "at most {} items",
    "maxProperties": "at most {} members",
}
_CODE, _STRONG = re.compile(r"`([^`]+)`"), re.compile(r"\*\*([^*]+)\*\*")


@dataclass(frozen=True, slots=True)
class Row:
    """One parameter or member: its name, type, limits, and what it means."""

    name: str
    place: str
    is_required: bool
    type: Markup
    limits: str
    text: Markup


@dataclass(frozen=True, slots=True)
class CallView:
    """One call of the API, ready to be shown."""

    id: str
    method: str
    path: str
    summary: str
    text: list[Markup]
    who: str
    parameters: list[Row]
    body: Markup | None
    curl: str
    replies: list[tuple[str, str, str]]
    problems: list[tuple[str, str, str]]


def reference_page(document: Callable[[], Document], templates: Environment, public_url: str) -> Route:
    """The route of the page. `document` yields the OpenAPI document; the page is rendered once."""
    page = templates.get_template("reference.html")
    rendered: list[str] = []

    async def show(request: Request) -> Response:
        request.scope["path_kind"] = "/docs"
        if not rendered:
            rendered.append(page.render(**view(document(), public_url)))
        return HTMLResponse(rendered[0], headers=PAGE_HEADERS | {"Content-Language": "en"})

    return Route("/docs", show, include_in_schema=False)


def view(document: Document, public_url: str) -> dict[str, Any]:
    """What the template shows."""
    calls = list(_calls(document, public_url))
    schemas = document["components"]["schemas"]
    return {
        "title": document["info"]["title"],
        "version": document["info"]["version"],
        "intro": _paragraphs(document["info"]["description"]),
        "groups": [
            (tag["name"], tag["description"], [call for name, call in calls if name == tag["name"]])
            for tag in document["tags"]
        ],
        "schemas": [
            (name, _paragraphs(schema.get("description", "")), list(_members(schema)), schema.get("enum", []))
            for name, schema in schemas.items()
        ],
    }


def _calls(document: Document, public_url: str) -> Iterator[tuple[str, CallView]]:
    schemes = {"secretKey": "secret key", "clientToken": "the payment's client token"}
    for path, methods in document["paths"].items():
        for method, entry in methods.items():
            parameters = [_resolve(document, parameter) for parameter in entry.get("parameters", [])]
            content = entry.get("requestBody", {}).get("content", {}).get("application/json")
            who = [schemes[name] for choice in entry["security"] for name in choice]
            answers = {status: answer["content"] for status, answer in entry["responses"].items()}
            yield (
                entry["tags"][0],
                CallView(
                    id=entry["operationId"],
                    method=method.upper(),
                    path=path,
                    summary=entry["summary"],
                    text=_paragraphs(entry["description"]),
                    who=" or ".join(who) or "anybody",
                    parameters=[
                        _row(p["name"], p["schema"], p["description"], p["in"], p["required"]) for p in parameters
                    ],
                    body=_type(content["schema"]) if content else None,
                    curl=_curl(public_url, method.upper(), path, parameters, content, needs_key=bool(who)),
                    replies=[
                        (
                            status,
                            entry["responses"][status]["description"],
                            _pretty(found["application/json"]["example"]),
                        )
                        for status, found in answers.items()
                        if "application/json" in found
                    ],
                    problems=[
                        (status, code, shown["summary"])
                        for status, found in answers.items()
                        for code, shown in found.get(MEDIA_TYPE, {}).get("examples", {}).items()
                    ],
                ),
            )


def _curl(
    public_url: str, method: str, path: str, parameters: list[Document], content: Document | None, *, needs_key: bool
) -> str:
    values = {parameter["name"]: parameter for parameter in parameters}
    for name, parameter in values.items():
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", parameter["example"])
    lines = [f"curl {'' if method == 'GET' else f'-X {method} '}{public_url}{path}"]
    if needs_key:
        lines.append('-H "Authorization: Bearer $ONETILL_KEY"')
    if "Idempotency-Key" in values:
        lines.append(f"-H 'Idempotency-Key: {values['Idempotency-Key']['example']}'")
    if content:
        lines.append("-H 'Content-Type: application/json'")
        lines.append(f"-d {shlex.quote(json.dumps(content['example'], ensure_ascii=False, indent=2))}")
    return " \\\n  ".join(lines)


def _members(schema: Document) -> Iterator[Row]:
    for name, member in schema.get("properties", {}).items():
        yield _row(name, member, member.get("description", ""), "", name in schema.get("required", []))


def _row(name: str, schema: Document, text: str, place: str, is_required: bool) -> Row:
    said = [_LIMITS[key].format(f"{value:,}") for key, value in _limits(schema).items()]
    if "default" in schema and schema["default"] not in (None, {}, []) and not isinstance(schema["default"], dict):
        said.append(f"default {json.dumps(schema['default'])}")
    return Row(name, place, is_required, _type(schema), ", ".join(said), _inline(text))


def _limits(schema: Document) -> dict[str, int]:
    parts = [schema, *schema.get("anyOf", [])]
    return {key: part[key] for key in _LIMITS for part in parts if key in part}


def _type(schema: Document) -> Markup:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#{0}">{0}</a>').format(name)
    if "anyOf" in schema:
        return Markup(" or ").join(dict.fromkeys(_type(part) for part in schema["anyOf"]))
    if "enum" in schema:
        return Markup(" · ").join(Markup("<code>{}</code>").format(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return Markup("list of {}").format(_type(schema["items"]))
    kind = schema.get("type", "anything")
    return escape(" or ".join(kind) if isinstance(kind, list) else schema.get("format", kind))


def _resolve(document: Document, part: Document) -> Document:
    if "$ref" not in part:
        return part
    for name in part["$ref"].removeprefix("#/").split("/"):
        document = document[name]
    return document


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)


def _paragraphs(text: str) -> list[Markup]:
    return [_inline(part) for part in text.split("\n\n") if part.strip()]


def _inline(text: str) -> Markup:
    marked = _CODE.sub(r"<code>\1</code>", str(escape(text)))
    return Markup(_STRONG.sub(r"<strong>\1</strong>", marked))  # noqa: S704  escaped above, before the marks went in
