"""What the refund calls take and answer. Amounts are minor units of the payment's currency."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from app.api import patterns
from app.domain.states import RefundStatus
from app.payments.schemas import MAX_AMOUNT, FailureView, Line, TaxIn, Timestamp

AccountNumber = Annotated[str, Meta(min_length=4, max_length=40, pattern=r"^[0-9-]+$")]
Bank = Annotated[str, Meta(min_length=1, max_length=60, pattern=patterns.LINE)]
Balance = Annotated[int, Meta(ge=0, le=MAX_AMOUNT)]


class AccountIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a deposit goes back to. Forgotten once the refund is decided."""

    bank: Annotated[Bank, Meta(description="In the gateway's words: PortOne V2 takes names such as `SHINHAN`.")]
    number: Annotated[AccountNumber, Meta(description="Digits and dashes.")]
    holder: Annotated[Line, Meta(description="Whose account it is.")]
    phone: Annotated[
        Annotated[str, Meta(min_length=3, max_length=40, pattern=patterns.PHONE)] | None,
        Meta(description="The holder's phone number; PortOne V2 asks for it."),
    ] = None


class CreateRefund(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /payments/{id}/refunds`."""

    reason: Annotated[Line, Meta(description="Why; the gateway is told, and shows it in its console.")]
    amount: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_AMOUNT)] | None, Meta(description="Absent: all that is left.")
    ] = None
    expected_refundable: Annotated[
        Balance | None,
        Meta(
            description="What you believe is left before this refund (`refundable_amount`). Refused when it is not: somebody "
            "else gave something back meanwhile."
        ),
    ] = None
    tax: Annotated[
        TaxIn | None,
        Meta(description="The refund's tax parts. Absent: its exact share of what is left of the payment's own."),
    ] = None
    refund_account: Annotated[
        AccountIn | None, Meta(description="Needed where the buyer paid by a transfer to a virtual account.")
    ] = None


class RefundsQuery(Struct, frozen=True):
    """Query of `GET /payments/{id}/refunds`."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Rows a page.")] = 100
    cursor: Annotated[int, Meta(ge=0, le=2_000_000_000, description="`next_cursor` of the page before.")] = 0


class TaxView(Struct, frozen=True):
    """Parts of the amount. `vat` null: the gateway's usual share."""

    vat: int | None
    tax_free: int


class RefundView(Struct, frozen=True):
    """A refund. Its amount is reserved from the first moment on, until it has failed.

    `created`: reserved, the gateway is asked as soon as the refund before it is decided, or the gateway can be reached.
    `unknown`: asked, and the answer was lost; it is looked for. `pending`: accepted by the gateway, not done yet.
    """

    id: str
    payment_id: str
    status: RefundStatus
    amount: int
    currency: str
    reason: str
    cause: Annotated[str, Meta(extra_json_schema={"enum": ["api", "gateway", "operator", "rejected"]})]
    tax: TaxView
    gateway: str
    gateway_ref: str | None
    failure: FailureView | None
    created_at: Timestamp
    updated_at: Timestamp


class RefundPage(Struct, frozen=True):
    """The refunds of a payment, oldest first. `next_cursor` is null on the last page."""

    data: list[RefundView]
    next_cursor: int | None


class OptionView(Struct, frozen=True):
    """Whether it can be done now, and if not, why: a problem code and its sentence."""

    possible: bool
    code: str | None = None
    detail: str | None = None


class NoteView(Struct, frozen=True):
    """What a person should know before they refund."""

    code: str
    detail: str


class OptionsView(Struct, frozen=True):
    """What can be given back now, before anybody clicks.

    `done_after_s`: 0 when the money goes back at once, the gateway's usual wait in seconds where it has one, null when it
    is done later and nobody says when.
    """

    payment_id: str
    currency: str
    captured_amount: int
    refunded_amount: int
    pending_amount: int
    refundable_amount: int
    whole: OptionView
    part: OptionView
    needs_account: bool
    done_after_s: float | None
    notes: list[NoteView]


failure_decoder = msgspec.json.Decoder(FailureView)
