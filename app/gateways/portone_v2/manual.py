"""Manual approval: a channel under which money moves only when our server confirms (contract §3, `/confirm`)."""

from hashlib import sha256

import msgspec

from app.domain.errors import InvalidRequest
from app.gateways.breaker import Breaker
from app.gateways.port import Capability, CaptureAnswer, CaptureRequest, Failure, Json
from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.portone_v2.api import idempotency_key
from app.settings import PortOneV2Settings


class Summary(msgspec.Struct, rename="camel", frozen=True):
    """The answer to a confirm. The time of payment is required: an object without it is no yes."""

    paid_at: str
    pg_tx_id: str | None = None


class PortOneV2Manual(PortOneV2):
    """PortOne V2 with such a channel. The browser brings a one-time token, and confirm spends it."""

    capabilities = PortOneV2.capabilities | Capability.CAPTURE | Capability.CAPTURE_BY_TOKEN
    """No `LOOKUP_BEFORE_CAPTURE`: the payment stays `READY` and does not say that the buyer has finished (inferred)."""

    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        """Take the money. PortOne compares transaction, amount, currency and channel type, and refuses when one differs.

        The same confirm again is the same one for 3 hours, and a token works once. `ALREADY_PAID` says that money moved,
        which is for the look-up to prove. Raises InvalidRequest without a token.
        """
        if request.token is None:
            raise InvalidRequest(("paymentToken", "is missing; send what the payment window returned"))
        body: Json = {
            "storeId": self._settings.store_id,
            "paymentToken": request.token,
            "txId": request.gateway_ref,
            "currency": request.amount.currency,
            "totalAmount": request.amount.minor,
            "taxFreeAmount": request.tax.tax_free,
            "isTest": not request.is_live,
        }
        answer = await self._api.post("confirm", request.reference, "confirm", body, key=_once(request.reference, body))
        said = answer.explicit(Summary)
        if isinstance(said, Failure):
            return CaptureAnswer(said, {"confirm": "declined"} | answer.refusal())
        return CaptureAnswer(None, {"confirm": "accepted", "paid_at": said.paid_at, "pg_tx_id": said.pg_tx_id})


def portone_v2(settings: PortOneV2Settings, *, deadline_s: float, breaker: Breaker | None = None) -> PortOneV2:
    """The adapter for the channel's way of approval: only the one of manual approval can confirm."""
    kind = PortOneV2Manual if settings.approval == "manual" else PortOneV2
    return kind(settings, deadline_s=deadline_s, breaker=breaker)


def _once(reference: str, body: Json) -> str:
    """One key for each content of a confirm: a key that comes again with another content would be refused."""
    return idempotency_key("confirm", f"{reference}-{sha256(msgspec.json.encode(body)).hexdigest()}")
