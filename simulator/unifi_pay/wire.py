"""Unifi Pay on the wire: exact numbers, errors, and the object that a look-up shows.

Source: contract unifi-pay.md §3, §4. The shape of errors is that of the vendor's other API ([I]).
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Refusal(Exception):
    """The vendor says no: an HTTP status, and the code and message of the body."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer. Decimals become numbers, digit by digit as they are."""
    return Response(encoded(content), status, headers, media_type="application/json")


def failure(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The body of an error."""
    return answer({"code": refusal.code, "message": refusal.message}, refusal.status, headers)


def encoded(content: object) -> bytes:
    """JSON without spaces, in UTF-8."""
    return _ENCODER.encode(content)


def created(start_page_url: str, transaction_id: str) -> dict[str, Any]:
    """The answer to a create; there is no envelope."""
    return {"startPageUrl": start_page_url, "transactionId": transaction_id}
