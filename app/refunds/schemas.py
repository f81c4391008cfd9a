"""What the refund calls take and answer. Amounts are minor units of the payment's currency."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from app.api import patterns
from app.api.schemas import MAX_AMOUNT, Amount, FailureView, Input, Line, Phone, TaxIn, Timestamp
from app.domain.states import RefundStatus


class AccountIn(Input):
    """Where a deposit goes back to. Forgotten once the refund is decided."""

    bank: Annotated[
        str,
        Field(
            min_length=1,
            max_length=60,
            pattern=patterns.LINE,
            description="In the gateway's words: PortOne V2 takes names such as `SHINHAN`.",
        ),
    ]
    number: Annotated[
        str, Field(min_length=4, max_length=40, pattern=patterns.ACCOUNT, description="Digits and dashes.")
    ]
    holder: Annotated[Line, Field(description="Whose account it is.")]
    phone: Annotated[Phone | None, Field(description="The holder's phone number; PortOne V2 asks for it.")] = None


class CreateRefund(Input):
    """Body of `POST /payments/{id}/refunds`."""

    reason: Annotated[Line, Field(description="Why; the gateway is told, and shows it in its console.")]
    amount: Annotated[
        Annotated[int, Field(ge=1, le=MAX_AMOUNT)] | None, Field(description="Absent: all that is left.")
    ] = None
    expected_refundable: Annotated[
        Amount | None,
        Field(
            description="What you believe is left before this refund (`refundable_amount`). Refused when it is not: somebody "
            "else gave something back meanwhile."
        ),
    ] = None
    tax: Annotated[
        TaxIn | None,
        Field(description="The refund's tax parts. Absent: its exact share of what is left of the payment's own."),
    ] = None
    refund_account: Annotated[
        AccountIn | None, Field(description="Needed where the buyer paid by a transfer to a virtual account.")
    ] = None


class TaxView(TypedDict):
    """Parts of the amount. `vat` null: the gateway's usual share."""

    vat: int | None
    tax_free: int


class RefundView(TypedDict):
    """A refund. Its amount is reserved from the first moment on, until it has failed.

    `created`: reserved, the gateway is asked as soon as the refund before it is decided, or the gateway can be reached.
    `unknown`: asked, and the answer was lost; it is looked for. `pending`: accepted by the gateway, not done yet.
    `amount` is what goes back. It differs from `requested_amount` where the gateway refunded another amount than was asked,
    as a promotion may have it; then the payment needs attention.
    """

    id: str
    payment_id: str
    status: RefundStatus
    amount: int
    requested_amount: int
    currency: str
    reason: str
    cause: Annotated[str, Field(json_schema_extra={"enum": ["api", "gateway", "operator", "rejected"]})]
    tax: TaxView
    gateway: str
    gateway_ref: str | None
    failure: FailureView | None
    created_at: Timestamp
    updated_at: Timestamp


class RefundPage(TypedDict):
    """The refunds of a payment, oldest first. `next_cursor` is null on the last page."""

    data: list[RefundView]
    next_cursor: int | None


class OptionView(TypedDict):
    """Whether it can be done now, and if not, why: a problem code and its sentence."""

    possible: bool
    code: str | None
    detail: str | None


class NoteView(TypedDict):
    """What a person should know before they refund."""

    code: str
    detail: str


class OptionsView(TypedDict):
    """What can be refunded now.

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
