"""What can go wrong, as stable codes. No HTTP status here: `api/problems.py` holds the one table that adds it."""

from enum import StrEnum

MOST_ERRORS = 100
"""Wrong fields that one answer names; a body may hold thousands."""


class OnetillError(Exception):
    """Base of every error that callers may see. `details` are the typed extras of the answer; never a secret in them."""

    code: str

    def __init__(self, **details: object) -> None:
        super().__init__(f"{self.code}: {details}" if details else self.code)
        self.details = details


class IllegalTransition(OnetillError):
    """A status move that the transition table forbids. Our bug or a lost race: re-read and decide again."""

    code = "illegal_transition"


class MalformedId(OnetillError):
    """An id that is not of the expected kind. Send it exactly as the API returned it."""

    code = "malformed_id"


class InvalidRequest(OnetillError):
    """One or more fields are wrong; nothing was stored. `errors` names each field and the way out, up to MOST_ERRORS."""

    code = "invalid_request"

    def __init__(self, *errors: tuple[str, str]) -> None:
        self.errors = errors
        more = {"more_errors": len(errors) - MOST_ERRORS} if len(errors) > MOST_ERRORS else {}
        super().__init__(
            errors=[{"field": field, "message": message} for field, message in errors[:MOST_ERRORS]], **more
        )


class MalformedBody(OnetillError):
    """The body is not JSON of the promised form. Send UTF-8 JSON."""

    code = "malformed_body"


class UnsupportedMediaType(OnetillError):
    """The body's content type is not JSON. Send `Content-Type: application/json`."""

    code = "unsupported_media_type"


class BodyTooLarge(OnetillError):
    """The body is larger than `limit_bytes`."""

    code = "body_too_large"


class WebhookRefused(OnetillError):
    """A webhook whose signature is missing, wrong or too old. `reason` says which; nothing was kept."""

    code = "webhook_refused"


class IdempotencyKeyMissing(OnetillError):
    """The call may move money and came without `Idempotency-Key`. Send one that is unique for this intent."""

    code = "idempotency_key_missing"


class IdempotencyKeyMalformed(OnetillError):
    """The `Idempotency-Key` is not 1 to 255 printable ASCII characters."""

    code = "idempotency_key_malformed"


class IdempotencyKeyReused(OnetillError):
    """The key was used before with another body. Use a new key for a new intent."""

    code = "idempotency_key_reused"


class IdempotencyKeyInUse(OnetillError):
    """The first call with this key is still running. Wait for `retry_after_s` and send it again."""

    code = "idempotency_key_in_use"


class Unauthorized(OnetillError):
    """No usable key or token came with the call."""

    code = "unauthorized"


class Forbidden(OnetillError):
    """The key or token is good, but not for this."""

    code = "forbidden"


class NotFound(OnetillError):
    """There is no such thing, or it is not the caller's."""

    code = "not_found"


class OrderTaken(OnetillError):
    """Another payment of this store is open or paid for the same `order_id`; `payment_id` names it."""

    code = "order_taken"


class PaymentNotOpen(OnetillError):
    """The payment cannot take another attempt in its present `status`."""

    code = "payment_not_open"


class PaymentProcessing(OnetillError):
    """The gateway was asked for this money and its answer is not known yet. Wait, or call sync."""

    code = "payment_processing"


class TooManyAttempts(OnetillError):
    """The payment has been tried `limit` times. Create a new payment for the order."""

    code = "too_many_attempts"


class Refusal(StrEnum):
    """Why a gateway refuses a refund, as codes of our own: each is a problem of the API too."""

    PART_REFUSED = "partial_refund_not_supported"
    NOT_CAPTURED = "payment_not_refundable"
    ALREADY_REFUNDED = "already_refunded"
    EXCEEDS_BALANCE = "refund_exceeds_balance"
    BALANCE_CHANGED = "refundable_mismatch"
    """What is left there is not what we expected: there was an external refund."""
    TAX_MISMATCH = "refund_tax_mismatch"
    """The tax parts do not fit the amount, or what is left of them."""
    OTHER_CURRENCY = "refund_currency_mismatch"
    """A part, where the gateway settles in another currency than the order's."""
    FIRST_OF_SAVED_CARD = "first_payment_of_saved_card"
    UNKNOWN_PAYMENT = "payment_unknown_at_gateway"
    INVALID = "refund_invalid"
    """The gateway calls the request itself wrong."""
    DECLINED = "refund_declined"
    """The payment company or the bank said no, or the gateway did not say why."""


REFUND_REFUSALS = ("refund_not_supported", *Refusal)
"""The code of every error that keeps a refund from being made."""


class RefundRefused(OnetillError):
    """Base of what keeps money from going back as it was asked for. Nothing is reserved for it (any more)."""


class RefundNotSupported(RefundRefused):
    """The payment's gateway has no refund API. Do it in the gateway's console; an operator records it."""

    code = "refund_not_supported"


class PaymentNotRefundable(RefundRefused):
    """No money of this payment was captured, so none can go back; `status` says how it stands. Cancel it instead."""

    code = "payment_not_refundable"


class AlreadyRefunded(RefundRefused):
    """Nothing is left of the payment: all of it went back, or is on its way."""

    code = "already_refunded"


class RefundExceedsBalance(RefundRefused):
    """The refund's `amount` is more than the `refundable` that is left."""

    code = "refund_exceeds_balance"


class RefundableMismatch(RefundRefused):
    """What is left of the payment is not what the caller, or we, believed: somebody else gave something back. Read it again."""

    code = "refundable_mismatch"


class RefusedByGateway(RefundRefused):
    """The gateway, or a rule of its own, refuses the refund. `raw_code` is its word for it."""

    def __init__(self, code: Refusal, **details: object) -> None:
        self.code = code
        super().__init__(**details)


class NothingToResolve(OnetillError):
    """The payment calls no person: there is nothing to decide about it."""

    code = "nothing_to_resolve"


class Obstacle(StrEnum):
    """Why a payment cannot be resolved as a person wants it."""

    NOT_SHOWN_WHOLE = "not_shown_whole"
    NO_MONEY_SHOWN = "no_money_shown"
    MONEY_SHOWN = "money_shown"
    MONEY_UNCLEAR = "money_unclear"
    BY_HAND = "refund_by_hand"
    REFUND_UNDECIDED = "refund_undecided"
    REFUND_UNEXPLAINED = "refund_unexplained"
    REFERENCE_TAKEN = "reference_taken"
    CANCELED = "canceled"

    @property
    def way_out(self) -> str:
        """What stands in the way, and what can be done instead, in English."""
        return _WAYS_OUT[self]


_WAYS_OUT = {
    Obstacle.NOT_SHOWN_WHOLE: "no look-up shows the whole amount of this order as captured and not kept yet. Try again when the "
    "gateway answers, or close the payment",
    Obstacle.NO_MONEY_SHOWN: "no look-up shows money that could go back. Kept money goes back by POST /payments/…/refunds",
    Obstacle.MONEY_SHOWN: "the gateway shows money of this order. Accept it or refund it",
    Obstacle.MONEY_UNCLEAR: "the gateway says that it took money, and not clearly whose or how much. Give it back in its "
    "console: the next look-up ends the payment. Or try again when it answers clearly",
    Obstacle.BY_HAND: "this gateway has no refund API. Give the money back in its console, then close the payment",
    Obstacle.REFUND_UNDECIDED: "a refund that the shop asked for is not decided. Decide it first: `onetill refunds done`, "
    "`failed` or `ask-again`",
    Obstacle.CANCELED: "the payment was canceled, so its money can only go back. Refund it",
    Obstacle.REFERENCE_TAKEN: "the gateway's reference of this money is bound to another payment. Look at both in "
    "its console, give back there what is too much, then close this one",
    Obstacle.REFUND_UNEXPLAINED: "the gateway shows a refund that may be the one whose answer was lost. Look at it in its "
    "console, then say which it is: `onetill refunds done --amount`, `failed` or `ask-again`",
}


class ResolutionRefused(OnetillError):
    """What the gateways show does not allow what the person decided. `obstacle` says what is in the way, `why` the way out."""

    code = "resolution_refused"


class ResultMismatch(OnetillError):
    """What the gateway holds is not what we asked for. `mismatch` says what differs, `action` what was done about it."""

    code = "result_mismatch"


class RateLimited(OnetillError):
    """The key, the token, the payment or the address has asked too often. Nothing was stored; wait for `retry_after_s`."""

    code = "rate_limited"


class Overloaded(OnetillError):
    """The process has as much work as it can hold. Try again after `retry_after_s`."""

    code = "overloaded"


class GatewayError(OnetillError):
    """Base of the errors that a gateway's answer, or its absence, causes."""


class GatewayUnavailable(GatewayError):
    """The gateway was not reached, or said that it cannot serve now. Nothing happened there; safe to repeat."""

    code = "gateway_unavailable"


class GatewayTimeout(GatewayError):
    """No usable answer arrived, and the gateway may have acted. Ask it before repeating anything."""

    code = "gateway_timeout"


class GatewayRefused(GatewayError):
    """The gateway answered and refused the call itself (credentials, a field, a rule); `raw_code` is its word for it."""

    code = "gateway_refused"
