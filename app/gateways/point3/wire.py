"""Point3's shapes: our one body, a payment of a look-up, and the envelope around answers (docs/gateways/point3.md §3, §4.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from app.gateways.facts import Told, read_told
from app.gateways.text import number

CURRENCY = "KRW"

_OTHER_PATHS = frozenset({"date", "orderid"})
"""Words that stand where a signature does in paths of other calls (docs/gateways/point3.md)."""


def signature_of(named: str | None) -> str | None:
    """A signature, whoever names it. A word that is a path of its own there leads to another call, and is none."""
    return None if named in _OTHER_PATHS else named or None


class TokenRequest(msgspec.Struct, rename="camel", frozen=True):
    """Body of `POST /purchase/token`: all ten fields, always (docs/gateways/point3.md §4.1)."""

    client_generated_user_id: str
    total_charge: int
    order_id_from_client: str
    culture_expense_type: str
    cash_receipt_type: str
    client_business_num: str
    client_nickname: str
    purchasing_product_name: str
    tax_free_amount: int
    vat: int


class Row(Told, rename="camel", frozen=True):
    """One payment of a look-up, as far as we read it."""

    status: str | None = None
    signature: str | None = None
    order_id_from_client: str | int | None = None
    total_charge: str | int | None = None


decode = msgspec.json.Decoder(float_hook=number).decode
_encode = msgspec.json.Encoder(decimal_format="number").encode


def row_of(value: Mapping[str, Any]) -> Row:
    """An object of a look-up's `result` as a payment."""
    return read_told(_encode(value), Row)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer, decoded. `damage` says which byte of it could not be read."""

    status: int
    body: Any
    damage: str | None = None


def code_of(status: int, body: Any) -> int:
    """The envelope's code; 0 when the body is no envelope. HTTP 200 is a success only together with `statusCode` 200."""
    stated = body.get("statusCode") if isinstance(body, Mapping) else None
    if type(stated) is int and (status == 200 or stated != 200):
        return stated
    return 0


def message_of(body: Any) -> str | None:
    """The envelope's text for people, cut to what a line holds."""
    message = body.get("message") if isinstance(body, Mapping) else None
    return message[:300] if isinstance(message, str) else None
