"""An answer read member by member: one that comes in another JSON type than its own was not told (law 2), the rest is read. Pure.

Read as a whole, such an answer would be unreadable: the gateway would count as silent, its money as not there, and the buyer
could pay again.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from typing import Annotated, Any, TypeVar, get_args

import msgspec

NULL = msgspec.Raw(b"null")

NUMBER = Annotated[msgspec.Raw, b"-0123456789"]
"""A member that is a JSON number, kept as it stood: no float is near it. The bytes are those that it may begin with."""
NUMBER_OR_TEXT = Annotated[msgspec.Raw, b'"-0123456789']

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer told, or an object in it."""

    untold: Mapping[str, msgspec.Raw] = {}
    """Never read from the wire: the members that came in another JSON type, by their paths, as they stood there."""


T = TypeVar("T", bound=Told)
Read = Callable[[msgspec.Raw], Any]


def read_told(body: bytes | msgspec.Raw, shape: type[T]) -> T:
    """Read an answer. Raises ValueError where it is no object, or where a member without a default was not told."""
    try:
        return _read(shape, body)
    except RecursionError:
        raise ValueError("nested without end") from None


def _read(shape: type[T], body: bytes | msgspec.Raw) -> T:
    members = _members.decode(body)
    told: dict[str, Any] = {}
    untold: dict[str, msgspec.Raw] = {}
    for name, wire_name, read in _plan(shape):
        if (raw := members.get(wire_name)) is None:
            continue
        try:
            told[name] = read(raw)
        except ValueError:
            untold[wire_name] = raw
            continue
        for each in _objects(told[name]):
            untold |= {f"{wire_name}.{path}": value for path, value in each.untold.items()}
    try:
        return shape(**told, untold=untold)
    except TypeError:
        raise ValueError("a member that must be there was not told") from None


@lru_cache
def _plan(shape: type[Told]) -> list[tuple[str, str, Read]]:
    """The members of a shape: our name, the wire's name, and how it is read."""
    return [
        (each.name, each.encode_name, _reader(each.type))
        for each in msgspec.structs.fields(shape)
        if each.name != "untold"
    ]


def _reader(kind: Any) -> Read:
    """How a member of a type is read. Raises ValueError, when it is read, for another type; null is one where None is."""
    arguments = get_args(kind)
    if arguments and arguments[0] is msgspec.Raw:
        return partial(_raw, arguments[1] + b"n")
    may_be_null = type(None) in arguments
    for each in arguments or (kind,):
        inner = get_args(each)
        if isinstance(each, type) and issubclass(each, Told):
            return partial(_object, partial(_read, each), may_be_null)
        if inner and isinstance(inner[0], type) and issubclass(inner[0], Told):
            return partial(_object, partial(_list, inner[0]), may_be_null)
    return msgspec.json.Decoder(kind).decode


def _raw(begins: bytes, raw: msgspec.Raw) -> msgspec.Raw:
    if bytes(raw)[:1] not in begins:
        raise ValueError("of another type")
    return raw


def _object(read: Read, may_be_null: bool, raw: msgspec.Raw) -> Any:
    return None if may_be_null and bytes(raw) == b"null" else read(raw)


def _list(shape: type[T], raw: msgspec.Raw) -> list[T]:
    """Objects. One item that is none makes the whole list another type: half a list would mislead."""
    return [_read(shape, each) for each in _items.decode(raw)]


def _objects(value: object) -> Iterable[Told]:
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Told)]
