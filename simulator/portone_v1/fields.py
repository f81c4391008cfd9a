"""PortOne V1 on the wire: its envelope, its refusals, its amounts, and how it reads the fields of JSON and of forms.

Amounts are JSON numbers in major units (20 USD is `20`), exact both ways, never a float.

Source: Swagger (`ResponseAnnotation`), portone-v1.md §1. Codes and messages seen in public integrations and in the tests of the
official Python client are marked as such; the others are [I], because no table of them is published.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from app.domain.money import Money
from simulator.api import Refusal
from simulator.web import json_object

LONGEST = 40
"""Characters of a merchant_uid, and of a name."""
ALREADY_CANCELLED = "이미 전액취소된 주문입니다."
"""Code 1. Source: public integrations."""
NOTHING_TO_CANCEL = "취소할 결제건이 존재하지 않습니다."
"""Code 1. Source: tests of the official Python client."""
NO_PAYMENT = "존재하지 않는 결제정보입니다."
"""Code -1, HTTP 404. Source: Swagger (the message), public integrations (the code)."""
ALREADY_PREPARED = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다)."
"""Code 1. Source: public integrations."""

PLAIN = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
"""How a form writes a number."""
LARGEST, SMALLEST, MOST_DIGITS = 15, -18, 28
"""Powers of ten, and digits: no payment comes near. They keep numbers such as 1e400 out, and every number exact."""

_JSON = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


class Refused(Refusal):
    """The gateway says no: the HTTP status, and the code and message of the envelope."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    def answer(self) -> Response:
        """The envelope, without a response in it."""
        return envelope(None, status=self.status, code=self.code, message=str(self))


def invalid(problem: str) -> Refused:
    """A parameter that is missing or wrong. That it is HTTP 400 is [I] where the Swagger names no status for it."""
    return Refused(400, -1, f"파라미터 오류: {problem}")


def unauthorized() -> Refused:
    """No token, an unknown or an expired one, or wrong keys."""
    return Refused(401, -1, "Unauthorized")


def unknown_payment() -> Refused:
    """Nothing there that the caller may see."""
    return Refused(404, -1, NO_PAYMENT)


def refused(message: str, code: int = 1) -> Refused:
    """A failure of the business: HTTP 200, and `code` is not 0. -1 comes from the payment company."""
    return Refused(200, code, message)


def envelope(response: object, *, status: int = 200, code: int = 0, message: str | None = None) -> Response:
    """The answer around every result; amounts are Decimals or whole numbers in it."""
    content = _ENCODER.encode({"code": code, "message": message, "response": response})
    return Response(content, status, media_type="application/json")


def seconds(moment: datetime | None) -> int:
    """A time as this gateway writes it: UNIX seconds, 0 for never."""
    return 0 if moment is None else int(moment.timestamp())


def json_fields(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, its fractions as Decimals; None when there is none."""
    return json_object(body, _JSON)


def number(value: object) -> Decimal:
    """The number that JSON or a form brought. Raises ValueError for anything else, and for one beyond reason."""
    if isinstance(value, str) and PLAIN.fullmatch(value):
        value = Decimal(value)
    if type(value) is int:  # JSON's true is an int to Python
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        raise ValueError("not a number")
    if not SMALLEST <= value.adjusted() < LARGEST or len(value.as_tuple().digits) > MOST_DIGITS:
        raise ValueError("not an amount that anybody pays")
    return value


def to_minor(amount: Decimal, currency: str) -> int:
    """Minor units; raises ValueError for an unknown currency and for an amount finer than its minor unit."""
    return Money.from_major(format(amount, "f"), currency).minor


def to_major(minor: int, currency: str) -> int | Decimal:
    """The number to show: 12000 for won, 12.34 for dollars, 12 for 12.00 dollars."""
    return plain(Decimal(Money(minor, currency).to_major()))


def plain(amount: Decimal) -> int | Decimal:
    """Without needless zeros, and never with an exponent."""
    whole = amount.to_integral_value()
    return int(whole) if whole == amount else amount.normalize()


def flag(name: str, value: object) -> bool | None:
    """A boolean of JSON, a form or a query; None when it is absent. Raises Refused(400) for anything else."""
    if value is None:
        return None
    text = value.lower() if isinstance(value, str) else value
    if text is True or text in _TRUE:
        return True
    if text is False or text in _FALSE:
        return False
    raise invalid(f"{name} must be true or false")


class Fields:
    """The fields of a request. `null` and a form's empty field count as absent; unknown fields are let through.

    A form's values are texts, whatever they mean. JSON must have the type that the Swagger names ([I]: strict).
    """

    def __init__(self, values: Mapping[str, Any], *, is_form: bool = False) -> None:
        self._values = values
        self._is_form = is_form

    @classmethod
    def read(cls, body: bytes, content_type: str | None) -> "Fields":
        """JSON under any content type, else a form. Raises Refused(400) when it is neither."""
        found = json_fields(body)
        if found is not None:
            return cls(found)
        if (content_type or "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            raise invalid("the body must be a JSON object or a form")
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
        return cls(dict(pairs), is_form=True)

    def text(self, name: str) -> str | None:
        """A string, or None."""
        value = self._get(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"{name} must be a string")
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there and not be empty."""
        value = self.text(name)
        if not value:
            raise invalid(f"{name} is required")
        return value

    def amount(self, name: str) -> Decimal | None:
        """A number of major units, at least 0, or None."""
        value = self._get(name)
        if value is None:
            return None
        try:
            if isinstance(value, str) and not self._is_form:
                raise ValueError("a string")
            amount = number(value)
        except ValueError:
            raise invalid(f"{name} must be a number") from None
        if amount < 0:
            raise invalid(f"{name} must not be negative")
        return amount

    def flag(self, name: str) -> bool | None:
        """A boolean, or None."""
        return flag(name, self._get(name))

    def _get(self, name: str) -> Any:
        value = self._values.get(name)
        return None if self._is_form and value == "" else value
