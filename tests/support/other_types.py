"""Every member of an answer's shape with a value of every JSON type that is not its own."""

from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

import msgspec

from app.gateways.facts import NUMBER, NUMBER_OR_TEXT, Told

VALUES: dict[str, Any] = {
    "whole": 7,
    "fraction": 1.5,
    "text": "text",
    "flag": True,
    "list": [],
    "items": ["x"],
    "object": {},
    "filled": {"a": 1},
}
"""A value of every JSON type but null, which says that nothing is told; lists and objects twice, empty and not."""
_OWN: list[tuple[Any, set[str]]] = [
    (NUMBER, {"whole", "fraction"}),
    (NUMBER_OR_TEXT, {"whole", "fraction", "text"}),
    (int, {"whole"}),
    (str, {"text"}),
    (bool, {"flag"}),
]
Path = tuple[str, ...]
"""Names of members from the outside in; after the one of a list, `[]` stands for its first item."""


def members(shape: type[Told]) -> Iterator[tuple[Path, set[str]]]:
    """Every member, those of objects in it too, and which values are of its own type."""
    for each in msgspec.structs.fields(shape):
        if each.name == "untold":
            continue
        path, own = (each.encode_name,), set[str]()
        for kind in get_args(each.type) if isinstance(each.type, UnionType) else (each.type,):
            item = get_args(kind)[:1]
            own |= next((values for known, values in _OWN if known == kind), set())
            if isinstance(kind, type) and issubclass(kind, Told):
                own |= {"object", "filled"}
                yield from ((path + inner, values) for inner, values in members(kind))
            elif item and isinstance(item[0], type) and issubclass(item[0], Told):
                own |= {"list"}
                yield from (((*path, "[]", *inner), values) for inner, values in members(item[0]))
        assert own, f"{shape.__name__}.{each.name} is of a type that this list does not know"
        yield path, own


def of_other_types(shape: type[Told], *only: str) -> list[tuple[Path, Any]]:
    """Every member with every value (or those of these names) that is not of its type."""
    named = only or tuple(VALUES)
    return [(path, VALUES[name]) for path, own in members(shape) for name in named if name not in own]


def put(answer: Any, path: Path, value: Any) -> None:
    """Put a value where a path leads. Objects and items that are not there are made."""
    *outer, last = path
    for name, follows in zip(outer, path[1:], strict=True):
        if name == "[]":
            answer = answer[0]
        else:
            if not answer.get(name):
                answer[name] = [{}] if follows == "[]" else {}
            answer = answer[name]
    answer[last] = value
