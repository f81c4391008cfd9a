"""Facts of an answer that come in another JSON type than theirs: they were not told (law 2), and the rest is read. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

import msgspec

T = TypeVar("T")
Kinds = Mapping[str, tuple[type, ...]]
"""The types that a fact may have, by the name of its member, wherever that stands."""

TEXT, FLAG, OBJECT = (str,), (bool,), (dict,)
NUMBER = (int, Decimal)
WHOLE = (int,)

_plain = msgspec.json.Decoder(float_hook=Decimal)
_encode = msgspec.json.Encoder(decimal_format="number").encode


def read_told(body: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T], kinds: Kinds) -> T:
    """Decode an answer, without its facts of wrong types. Raises ValueError where anything else is of another form.

    Such a fact would else make the whole answer unreadable: the gateway would count as silent, its money as not there, and the
    buyer could pay again. Missing, it waits with a person.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        return decoder.decode(_encode(_told(_plain.decode(body), kinds)))


def _told(value: object, kinds: Kinds) -> object:
    if isinstance(value, dict):
        return {name: _told(inner, kinds) for name, inner in value.items() if _is_kind(inner, kinds.get(name))}
    return [_told(inner, kinds) for inner in value] if isinstance(value, list) else value


def _is_kind(value: object, kind: tuple[type, ...] | None) -> bool:
    if kind is None or value is None:
        return True
    return isinstance(value, kind) and (kind is FLAG or not isinstance(value, bool))
