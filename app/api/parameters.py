"""Parameters that several calls share: ids in paths, the Idempotency-Key, and what the app keeps for its routers."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Path, Request
from pydantic import BeforeValidator, WithJsonSchema

from app.api.document import shown
from app.api.problem_examples import PAYMENT_ID, REFUND_ID
from app.domain import ids
from app.idempotency.service import read_key

PaymentId = Annotated[
    UUID,
    BeforeValidator(lambda text: ids.read(ids.Prefix.PAYMENT, text)),
    WithJsonSchema({"type": "string", "pattern": "^pay_[0-9a-f]{32}$"}),
    Path(alias="id", description="The payment's id, as the API returned it.", openapi_examples=shown(PAYMENT_ID)),
]
"""Raises MalformedId, so that what is no id is a 404 and no wrong field."""

RefundId = Annotated[
    UUID,
    BeforeValidator(lambda text: ids.read(ids.Prefix.REFUND, text)),
    WithJsonSchema({"type": "string", "pattern": "^ref_[0-9a-f]{32}$"}),
    Path(alias="id", description="The refund's id, as the API returned it.", openapi_examples=shown(REFUND_ID)),
]

_KEY = WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"})
_HEADER = Header(
    alias="Idempotency-Key",
    description="One value for one intent, bare or in double quotes, sent again on every retry. Kept for 30 days.",
    openapi_examples=shown("order-20261121-0001"),
)

IdempotencyKey = Annotated[str, BeforeValidator(read_key), _KEY, _HEADER]
"""Raises IdempotencyKeyMalformed. One that is missing is IdempotencyKeyMissing, where the problems are made."""

OptionalIdempotencyKey = Annotated[str | None, BeforeValidator(read_key), _KEY, _HEADER]


def kept(name: str) -> Callable[[Request], Awaitable[Any]]:
    """A dependency: what the app's state keeps under this name (`app/main.py`)."""

    async def found(request: Request) -> Any:
        return getattr(request.app.state, name)

    return found
