"""What every request model is made of: strict Pydantic, each field told in the API's own spelling.

Pure Pydantic, no web framework: services take these models as their commands.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, cast

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails, PydanticCustomError
from typing_extensions import TypedDict

from app.api import patterns
from app.domain.errors import InvalidRequest
from app.domain.text import check_line
from app.gateways.values import Failure

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_SUBJECT = re.compile(r"^(?:Value error, |[A-Z][a-z]+ (?=should ))")
"""What pydantic's sentences begin with, where ours begin with the field's name."""
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_SAYS = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "model_type": "should be an object",
    "model_attributes_type": "should be an object",
    "dict_type": "should be an object",
}


class Input(BaseModel):
    """A JSON body or a part of one: no value is converted, no unknown member is taken."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Query(BaseModel):
    """The query of a list: text that is read as what it stands for; a name that is not in it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: dict[str, object]) -> dict[str, object]:
        if unknown := values.keys() - cls.model_fields.keys():
            says = f"is no parameter of this call; it takes {', '.join(cls.model_fields)}"
            raise InvalidRequest(*((name, says) for name in sorted(unknown)))
        return values


def told(error: ErrorDetails) -> tuple[str, str]:
    """One wrong field as the API names it (`items[0].quantity`; `body` for the whole) and what is wrong with it."""
    return _field(error["loc"][1:]) or "body", _message(error)


def _field(places: Sequence[int | str]) -> str:
    """Pydantic's place in the API's spelling. A `<tag>` tells which of several forms was read, and is no member's name."""
    text = "".join(
        f"[{place}]" if isinstance(place, int) else f".{place}"
        for place in places
        if place not in {"<parts>", "<line>"}
    )
    return text.removeprefix(".")


def _message(error: ErrorDetails) -> str:
    if error["type"] == "string_pattern_mismatch":
        pattern = error["ctx"]["pattern"]
        return patterns.MEANINGS.get(pattern, f"must match {pattern}")
    return _SAYS.get(error["type"], _SUBJECT.sub("", error["msg"]))


def _as_one(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """A map's wrong name or value is told of the map: that is the field which the caller knows."""
    try:
        return validate(value)
    except ValidationError as error:
        raise PydanticCustomError("map", "{text}", {"text": _message(error.errors()[0])}) from error


def _whole(value: object) -> object:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise PydanticCustomError("whole", "should be a whole number")
    return value


def _truth(value: object) -> object:
    if isinstance(value, str):
        if value.lower() not in _TRUTHS:
            raise PydanticCustomError("truth", "should be true or false")
        return _TRUTHS[value.lower()]
    return value


def _moment(value: object) -> datetime:
    try:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            raise ValueError(value)
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        hint = "is no RFC 3339 time with a zone, such as 2026-11-21T08:30:00Z (in a URL, + is written %2B)"
        raise PydanticCustomError("moment", hint) from error


def _without_null(schema: JsonDict) -> None:
    (given, _) = cast("list[JsonDict]", schema.pop("anyOf"))
    schema |= given


AsOne = WrapValidator(_as_one)
"""For maps whose names are the caller's own."""

Digits = BeforeValidator(_whole)
"""For a whole number in a query, after its limits: Pydantic would also read `1.0`, `1_0` and `+1`."""

Filter = Field(json_schema_extra=_without_null)
"""For a part of a query that may be absent, after its limits: `status=null` is a wrong filter, not a missing one."""

QueryBool = Annotated[bool, BeforeValidator(_truth)]
"""`true` or `false` in a query: Pydantic would also read `yes` and `off`."""

QueryMoment = Annotated[
    datetime,
    PlainValidator(_moment),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 40, "format": "date-time"}),
]
"""An RFC 3339 time in a query or a body, in UTC."""

MAX_AMOUNT = 10**15
Amount = Annotated[int, Field(ge=0, le=MAX_AMOUNT)]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=patterns.LINE), AfterValidator(check_line)]
Phone = Annotated[str, Field(min_length=3, max_length=40, pattern=patterns.PHONE)]
Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]


class TaxIn(Input):
    """Parts of the amount, in minor units."""

    vat: Annotated[Amount | None, Field(description="VAT within the amount. Absent: the usual share.")] = None
    tax_free: Annotated[Amount, Field(description="Part of the amount that is exempt from VAT.")] = 0


class PageQuery(Query):
    """Query of a list that is numbered: a payment's events, or its refunds."""

    limit: Annotated[int, Field(ge=1, le=100, description="Rows a page."), Digits] = 100
    cursor: Annotated[int, Field(ge=0, le=2_000_000_000, description="`next_cursor` of the page before."), Digits] = 0


class FailureView(TypedDict):
    """Why an attempt failed."""

    code: str
    raw_code: str | None
    message: str | None


_failure = msgspec.json.Decoder(Failure).decode


def failure_of(stored: str) -> FailureView:
    """A stored failure, as it is shown. Rows of earlier releases may lack a member."""
    failure = _failure(stored)
    return {"code": failure.code, "raw_code": failure.raw_code, "message": failure.message}
