"""PortOne V2's confirm, for a channel under which money moves only when our server confirms (portone-v2.md §3, `/confirm`)."""

from hashlib import sha256

import msgspec

from app.domain.errors import InvalidRequest
from app.gateways.facts import Told
from app.gateways.portone_v2.client import idempotency_key
from app.gateways.portone_v2.response import ApiResponse
from app.gateways.values import CaptureAnswer, CaptureRequest, Failure, Json


class Summary(Told, rename="camel", frozen=True):
    """The answer to a confirm. The time of payment is required: an object without it is no yes."""

    paid_at: str
    pg_tx_id: str | None = None


def confirm_of(request: CaptureRequest, store_id: str) -> Json:
    """The body of a confirm. Raises InvalidRequest without the one-time token that the browser brought."""
    if request.token is None:
        raise InvalidRequest(("paymentToken", "is missing; send what the payment window returned"))
    return {
        "storeId": store_id,
        "paymentToken": request.token,
        "txId": request.gateway_ref,
        "currency": request.amount.currency,
        "totalAmount": request.amount.minor,
        "taxFreeAmount": request.tax.tax_free,
        "isTest": not request.is_live,
    }


def confirm_key(reference: str, body: Json) -> str:
    """One key for each content of a confirm: a key that comes again with another content would be refused."""
    return idempotency_key("confirm", f"{reference}-{sha256(msgspec.json.encode(body)).hexdigest()}")


def answer_of(response: ApiResponse) -> CaptureAnswer:
    """What was said to a confirm. Raises the errors of the port when that was neither yes nor no."""
    said = response.explicit(Summary)
    if isinstance(said, Failure):
        return CaptureAnswer(said, {"confirm": "declined"} | response.refusal())
    return CaptureAnswer(None, {"confirm": "accepted", "paid_at": said.paid_at, "pg_tx_id": said.pg_tx_id})
