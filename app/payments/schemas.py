"""The JSON of payments: what callers send and what they get. These structs validate and document at once."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api.reading import PLAIN
from app.domain.states import AttemptStatus, PaymentStatus

MAX_AMOUNT = 10**15
_TEXT = r"^[^\u0000]*$"
_WORD = r"^[a-z0-9_]+(?!\n)$"

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=PLAIN)]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}(?!\n)$", description="ISO 3166-1 alpha-2.")]
Minor = Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Minor units of the currency.")]


class Address(Struct, frozen=True, forbid_unknown_fields=True):
    """A postal address, as far as it is known."""

    street: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Annotated[str, Meta(min_length=1, max_length=20, pattern=PLAIN)] | None = None


class CustomerIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer. Some gateways need parts of it; a missing one is refused by name before anything is stored."""

    id: (
        Annotated[str, Meta(min_length=1, max_length=100, pattern=PLAIN, description="Your id of this buyer.")] | None
    ) = None
    name: Line | None = None
    email: Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\u0000]+@[^@\s\u0000]+(?!\n)$")] | None = None
    phone: Annotated[str, Meta(min_length=3, max_length=40, pattern=r"^[0-9+() .\-]+(?!\n)$")] | None = None
    country: Country | None = None
    address: Address | Line | None = None


class TaxIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Parts of the amount, in minor units."""

    vat: (
        Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="VAT within the amount. Absent: the usual share.")] | None
    ) = None
    tax_free: Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Part of the amount that is exempt from VAT.")] = 0


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the order."""

    name: Line
    quantity: Annotated[int, Meta(ge=1, le=1_000_000)]
    unit_amount: Minor


class CreatePayment(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /payments`. The amount is named here, by the shop's server, and nowhere else."""

    order_id: Annotated[
        str,
        Meta(min_length=1, max_length=128, pattern=PLAIN, description="Your order. One open or paid payment each."),
    ]
    order_name: Annotated[str, Meta(min_length=1, max_length=100, pattern=PLAIN, description="What the buyer reads.")]
    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT, description="Minor units: 12000 for ₩12,000, 1234 for $12.34.")]
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}(?!\n)$", description="ISO 4217 code.")]
    gateway: Annotated[str, Meta(max_length=40, description="Absent: chosen by the routing rules.")] | None = None
    method: Annotated[str, Meta(min_length=1, max_length=40, pattern=_WORD)] | None = None
    customer: CustomerIn = CustomerIn()
    tax: TaxIn = TaxIn()
    items: Annotated[list[Item], Meta(max_length=200)] = []
    return_url: (
        Annotated[
            str, Meta(max_length=2000, description="Where the buyer goes after the result; https or your app's scheme.")
        ]
        | None
    ) = None
    expires_in_s: Annotated[int, Meta(ge=60, le=2_592_000, description="How long the buyer may pay. Seconds.")] = 1800
    save_billing_key: bool = False
    metadata: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=40, pattern=PLAIN)],
            Annotated[str, Meta(max_length=500, pattern=_TEXT)],
        ],
        Meta(max_length=50, description="Yours; returned as sent, never shown to buyers."),
    ] = {}
    gateway_options: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            max_length=10,
            description="Options of single gateways, by gateway name. `point3`: `culture_expense_type`, "
            "`cash_receipt_type`, `client_business_num`, `client_nickname`.",
        ),
    ] = {}


class CreateAttempt(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /payments/{id}/attempts`."""

    gateway: Annotated[str, Meta(max_length=40, description="Absent: the same gateway again.")] | None = None


class CompletePayment(Struct, frozen=True):
    """Body of `POST /payments/complete`: what the gateway's browser side yielded. Other members are ignored.

    With a client token, `payment_id` may be left out: the token names its payment.
    """

    payment_id: Annotated[str, Meta(max_length=60)] | None = None
    signature: Annotated[str, Meta(min_length=1, max_length=2000, pattern=PLAIN, description="Point3's.")] | None = (
        None
    )
    imp_uid: Annotated[str, Meta(max_length=200)] | None = None
    merchant_uid: Annotated[str, Meta(max_length=200)] | None = None
    portone_payment_id: Annotated[str, Meta(max_length=200)] | None = msgspec.field(default=None, name="paymentId")
    tx_id: Annotated[str, Meta(max_length=200)] | None = msgspec.field(default=None, name="txId")
    transaction_id: Annotated[str, Meta(max_length=200)] | None = msgspec.field(default=None, name="transactionId")


class ListQuery(Struct, frozen=True):
    """Query of `GET /payments`."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Rows a page.")] = 20
    cursor: Annotated[str, Meta(max_length=100, description="`next_cursor` of the page before.")] | None = None
    order_id: Annotated[str, Meta(min_length=1, max_length=128, pattern=PLAIN)] | None = None
    status: PaymentStatus | None = None
    gateway: Annotated[str, Meta(min_length=1, max_length=40, pattern=_WORD)] | None = None
    customer: (
        Annotated[str, Meta(min_length=1, max_length=100, pattern=PLAIN, description="`customer.id`.")] | None
    ) = None
    created_from: Annotated[str, Meta(max_length=40, description="RFC 3339 time, inclusive.")] | None = None
    created_before: Annotated[str, Meta(max_length=40, description="RFC 3339 time, exclusive.")] | None = None
    needs_attention: (
        Annotated[bool, Meta(description="Only those that a person should look at, or only the others.")] | None
    ) = None


class EventsQuery(Struct, frozen=True):
    """Query of `GET /payments/{id}/events`."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Rows a page.")] = 100
    cursor: Annotated[int, Meta(ge=0, le=2_000_000_000, description="`next_cursor` of the page before.")] = 0


class FailureView(Struct, frozen=True):
    """Why an attempt failed."""

    code: str
    raw_code: str | None = None
    message: str | None = None


class AttemptView(Struct, frozen=True):
    """One try at one gateway. `reference` is the order id that the gateway knows."""

    id: str
    reference: str
    gateway: str
    gateway_ref: str | None
    status: AttemptStatus
    failure: FailureView | None
    created_at: str


NextAction = Annotated[
    msgspec.Raw | None,
    Meta(
        extra_json_schema={
            "type": ["object", "null"],
            "description": "What the browser or app does next; null when there is nothing left to do.",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["point3_widget"]},
                "url": {"type": "string"},
                "origin": {"type": "string"},
            },
        }
    ),
]
Metadata = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class PaymentView(Struct, frozen=True):
    """A payment. Money is in minor units; times are RFC 3339 in UTC. For a client token, `metadata` is empty."""

    id: str
    status: PaymentStatus
    order_id: str
    order_name: str
    amount: int
    currency: str
    captured_amount: int
    refunded_amount: int
    gateway: str
    method: str | None
    mode: Literal["live", "test"]
    client_token: str
    checkout_url: str
    return_url: str | None
    next_action: NextAction
    attempts: list[AttemptView]
    last_failure: FailureView | None
    needs_attention: bool
    attention_reason: str | None
    created_at: Timestamp
    paid_at: Timestamp | None
    expires_at: Timestamp
    metadata: Metadata


class PaymentPage(Struct, frozen=True):
    """One page of payments, newest first."""

    data: list[PaymentView]
    next_cursor: str | None


class EventAttempt(Struct, frozen=True):
    """The attempt's part of a step."""

    id: str
    from_status: str | None = msgspec.field(name="from")
    to_status: str = msgspec.field(name="to")


class EventView(Struct, frozen=True):
    """One step of the story: the payment's status before and after, why, and on which evidence."""

    seq: int
    at: Timestamp
    cause: Annotated[
        str, Meta(extra_json_schema={"enum": ["api", "browser", "webhook", "sweep", "operator", "schedule"]})
    ]
    reason: str
    from_status: str | None = msgspec.field(name="from")
    to_status: str = msgspec.field(name="to")
    attempt: EventAttempt | None
    evidence: Metadata | UnsetType = UNSET
    hash: str = ""


class EventPage(Struct, frozen=True):
    """The story in order. `next_cursor` is null on the last page."""

    data: list[EventView]
    next_cursor: int | None
