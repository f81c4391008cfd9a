"""PortOne V1 on the wire: its envelope, its refusals, and how it reads the fields of JSON and of forms.

Source: Swagger (`ResponseAnnotation`), contract §1. Codes and messages seen in public integrations and in the tests of the
official Python client are marked as such; the others are [I], because no table of them is published.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.responses import Response

from simulator.portone_v1.amounts import number

ALREADY_CANCELLED = "이미 전액취소된 주문입니다."
"""Code 1. Source: public integrations."""
NOTHING_TO_CANCEL = "취소할 결제건이 존재하지 않습니다."
"""Code 1. Source: tests of the official Python client."""
NO_PAYMENT = "존재하지 않는 결제정보입니다."
"""Code -1, HTTP 404. Source: Swagger (the message), public integrations (the code)."""
ALREADY_PREPARED = "결제정보 사전등록에 실패하였습니다(이미 등록된 merchant_uid입니다)."
"""Code 1. Source: public integrations."""

_JSON = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRUE, _FALSE = ("true", "1"), ("false", "0")


class Refusal(Exception):
    """The gateway says no: the HTTP status, and the code and message of the envelope."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def invalid(problem: str) -> Refusal:
    """A parameter that is missing or wrong. That it is HTTP 400 is [I] where the Swagger names no status for it."""
    return Refusal(400, -1, f"파라미터 오류: {problem}")


def unauthorized() -> Refusal:
    """No token, an unknown or an expired one, or wrong keys."""
    return Refusal(401, -1, "Unauthorized")


def unknown_payment() -> Refusal:
    """Nothing there that the caller may see."""
    return Refusal(404, -1, NO_PAYMENT)


def refused(message: str, code: int = 1) -> Refusal:
    """A failure of the business: HTTP 200, and `code` is not 0. -1 comes from the payment company."""
    return Refusal(200, code, message)


def envelope(response: object, *, status: int = 200, code: int = 0, message: str | None = None) -> Response:
    """The answer around every result; amounts are Decimals or whole numbers in it."""
    content = _ENCODER.encode({"code": code, "message": message, "response": response})
    return Response(content, status, media_type="application/json")


def seconds(moment: datetime | None) -> int:
    """A time as this gateway writes it: UNIX seconds, 0 for never."""
    return 0 if moment is None else int(moment.timestamp())


def json_fields(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body, its fractions as Decimals; None when there is none."""
    try:
        value = _JSON.decode(body)
    except (ValueError, RecursionError, ArithmeticError):
        return None
    return value if isinstance(value, dict) else None


def flag(name: str, value: object) -> bool | None:
    """A boolean of JSON, a form or a query; None when it is absent. Raises Refusal(400) for anything else."""
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
        """JSON under any content type, else a form. Raises Refusal(400) when it is neither."""
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
