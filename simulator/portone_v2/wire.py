"""PortOne V2 on the wire: its errors, its times, and how strictly it reads the fields of a body.

Source: official OpenAPI 1.16.0; error types and their HTTP statuses as contract §1 and §3 list them.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

from simulator.portone_v2.names import CURRENCIES

STATUS: Mapping[str, int] = {
    "INVALID_REQUEST": 400,
    "INVALID_PAYMENT_TOKEN": 400,
    "MAX_WEBHOOK_RETRY_COUNT_REACHED": 400,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "PAYMENT_NOT_FOUND": 404,
    "WEBHOOK_NOT_FOUND": 404,
    "ALREADY_PAID": 409,
    "INFORMATION_MISMATCH": 409,
    "PAYMENT_NOT_PAID": 409,
    "PAYMENT_ALREADY_CANCELLED": 409,
    "PAYMENT_NOT_WAITING_FOR_DEPOSIT": 409,
    "CANCELLABLE_AMOUNT_CONSISTENCY_BROKEN": 409,
    "CANCEL_AMOUNT_EXCEEDS_CANCELLABLE_AMOUNT": 409,
    "SUM_OF_PARTS_EXCEEDS_CANCEL_AMOUNT": 409,
    "CANCEL_TAX_FREE_AMOUNT_EXCEEDS_CANCELLABLE_TAX_FREE_AMOUNT": 409,
    "CANCEL_TAX_AMOUNT_EXCEEDS_CANCELLABLE_TAX_AMOUNT": 409,
    "IDEMPOTENCY_OUTSTANDING_REQUEST": 409,
    "PG_PROVIDER": 502,
}
INT64 = 2**63
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


class Refusal(Exception):
    """The gateway says no: the `type` of its error, which has one HTTP status, and for PG_PROVIDER more fields."""

    def __init__(self, type_: str, message: str, status: int | None = None, **more: str) -> None:
        super().__init__(message)
        self.type = type_
        self.status = status or STATUS[type_]
        self.content = {"type": type_, "message": message, **more}


def refused_by_pg(code: str, message: str) -> Refusal:
    """An error of the payment company behind PortOne, passed on."""
    return Refusal("PG_PROVIDER", "the payment company answered with an error", pgCode=code, pgMessage=message)


def rfc3339(moment: datetime) -> str:
    """A time as this gateway writes it: UTC, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def invalid(problem: str) -> Refusal:
    """A field that is missing or wrong."""
    return Refusal("INVALID_REQUEST", problem)


class Fields:
    """The fields of a JSON object. A field of a wrong type is refused, `null` too; unknown fields are let through."""

    def __init__(self, values: Mapping[str, Any] | None) -> None:
        if values is None:
            raise invalid("the body must be a JSON object")
        self._values = values

    def text(self, name: str) -> str | None:
        """A string, or None when the field is absent."""
        value: str | None = self._get(name, str, "a string")
        return value

    def required_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.text(name)
        if value is None:
            raise invalid(f"{name} is required")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number that fits into 64 bits, or None. Money is never a float: 12000.0 is refused."""
        value: int | None = self._get(name, int, "a whole number")
        if value is not None and not -INT64 <= value < INT64:
            raise invalid(f"{name} is out of range")
        return value

    def flag(self, name: str) -> bool | None:
        """A boolean, or None."""
        value: bool | None = self._get(name, bool, "true or false")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        """One of few strings, or None."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(f"{name} has an unknown value")
        return value

    def choices(self, name: str, allowed: Collection[str]) -> list[str] | None:
        """A list of such strings, or None."""
        values: list[Any] | None = self._get(name, list, "a list")
        if values is not None and not all(isinstance(value, str) and value in allowed for value in values):
            raise invalid(f"{name} has an unknown value")
        return values

    def texts(self, name: str) -> list[str]:
        """A list of strings; empty when the field is absent."""
        values: list[Any] = self._get(name, list, "a list") or []
        if not all(isinstance(value, str) for value in values):
            raise invalid(f"{name} must be a list of strings")
        return values

    def objects(self, name: str) -> "list[Fields]":
        """A list of objects; empty when the field is absent."""
        values: list[Any] = self._get(name, list, "a list") or []
        if not all(isinstance(value, dict) for value in values):
            raise invalid(f"{name} must be a list of objects")
        return [Fields(value) for value in values]

    def raw(self, name: str) -> Any:
        """The value as it came."""
        return self._values[name]

    def currency(self, name: str = "currency") -> str | None:
        """A currency code that the gateway lists, or None."""
        return self.choice(name, CURRENCIES)

    def moment(self, name: str) -> datetime | None:
        """An RFC 3339 time, or None."""
        value = self.text(name)
        if value is None:
            return None
        try:
            if DATE_TIME.fullmatch(value) is None:
                raise ValueError(value)
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            raise invalid(f"{name} must be an RFC 3339 time") from None

    def within(self, name: str) -> "Fields | None":
        """The fields of an object inside this one, or None."""
        value = self._get(name, dict, "an object")
        return None if value is None else Fields(value)

    def has(self, name: str) -> bool:
        """True when the field is there."""
        return name in self._values

    def _get(self, name: str, kind: type, words: str) -> Any:
        if name not in self._values:
            return None
        value = self._values[name]
        if type(value) is not kind:  # JSON's true is an int to Python
            raise invalid(f"{name} must be {words}")
        return value
