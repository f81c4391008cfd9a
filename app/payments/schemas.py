"""The JSON of payments: what callers send and what they get. These structs validate and document at once."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from app.api import patterns
from app.domain.states import AttemptStatus, PaymentStatus

MAX_AMOUNT = 10**15

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=patterns.LINE)]
GatewayName = Annotated[str, Meta(min_length=1, max_length=40, pattern=patterns.WORD)]
OrderId = Annotated[str, Meta(min_length=1, max_length=128, pattern=patterns.LINE)]
CustomerId = Annotated[str, Meta(min_length=1, max_length=100, pattern=patterns.LINE)]
Hint = Annotated[str, Meta(max_length=200)]
Moment = Annotated[str, Meta(min_length=1, max_length=40, extra_json_schema={"format": "date-time"})]


class Address(Struct, frozen=True, forbid_unknown_fields=True):
    """A postal address, as far as it is known."""

    street: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Annotated[str, Meta(min_length=1, max_length=20, pattern=patterns.LINE)] | None = None


class CustomerIn(Struct, frozen=True, forbid_unknown_fields=True):
    """The buyer. Some gateways need parts of it; a missing one is refused by name before anything is stored."""

    id: Annotated[CustomerId | None, Meta(description="Your id of this buyer; searchable.")] = None
    name: Annotated[Line | None, Meta(description="As the buyer writes it.")] = None
    email: Annotated[
        Annotated[str, Meta(max_length=254, pattern=patterns.EMAIL)] | None, Meta(description="Where receipts go.")
    ] = None
    phone: Annotated[
        Annotated[str, Meta(min_length=3, max_length=40, pattern=patterns.PHONE)] | None,
        Meta(description="With or without country code."),
    ] = None
    country: Annotated[
        Annotated[str, Meta(pattern=patterns.COUNTRY)] | None, Meta(description="ISO 3166-1 alpha-2.")
    ] = None
    address: Annotated[Address | Line | None, Meta(description="In parts, or as one line.")] = None


class TaxIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Parts of the amount, in minor units."""

    vat: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_AMOUNT)] | None,
        Meta(description="VAT within the amount. Absent: the usual share."),
    ] = None
    tax_free: Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Part of the amount that is exempt from VAT.")] = 0


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of the order."""

    name: Annotated[Line, Meta(description="What the buyer reads.")]
    quantity: Annotated[int, Meta(ge=1, le=1_000_000, description="How many.")]
    unit_amount: Annotated[int, Meta(ge=0, le=MAX_AMOUNT, description="Price of one, in minor units.")]


class CreatePayment(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /payments`. The amount is named here, by the shop's server, and nowhere else."""

    order_id: Annotated[OrderId, Meta(description="Your order. It may have one open or paid payment at a time.")]
    order_name: Annotated[
        str, Meta(min_length=1, max_length=100, pattern=patterns.LINE, description="What the buyer reads.")
    ]
    amount: Annotated[
        int, Meta(ge=1, le=MAX_AMOUNT, description="Minor units of the currency: 12000 for ₩12,000, 1234 for $12.34.")
    ]
    currency: Annotated[str, Meta(pattern=patterns.CURRENCY, description="ISO 4217 code.")]
    gateway: Annotated[GatewayName | None, Meta(description="Absent: chosen by the routing rules.")] = None
    method: Annotated[
        Annotated[str, Meta(min_length=1, max_length=40, pattern=patterns.METHOD)] | None,
        Meta(description="How to pay, in the gateway's words. Absent: its usual way, or the buyer chooses."),
    ] = None
    customer: CustomerIn = CustomerIn()
    tax: TaxIn = TaxIn()
    items: Annotated[
        list[Item], Meta(max_length=200, description="The order's lines, for gateways that show them.")
    ] = []
    return_url: Annotated[
        Annotated[str, Meta(max_length=2000)] | None,
        Meta(description="Where the buyer goes after the result: https, or an app scheme that the settings allow."),
    ] = None
    expires_in_s: Annotated[int, Meta(ge=60, le=2_592_000, description="How long the buyer may pay. Seconds.")] = 1800
    save_billing_key: Annotated[bool, Meta(description="Keep the means of payment for later charges.")] = False
    metadata: Annotated[
        dict[
            Annotated[str, Meta(min_length=1, max_length=40, pattern=patterns.LINE)],
            Annotated[str, Meta(max_length=500, pattern=patterns.NO_NUL)],
        ],
        Meta(max_length=50, description="Yours: strings by name, returned as sent, never shown to buyers."),
    ] = {}
    gateway_options: Annotated[
        dict[str, dict[str, Any]],
        Meta(
            max_length=10,
            description="Options of single gateways, by gateway name. `point3`: `culture_expense_type`, "
            "`cash_receipt_type`, `client_business_num`, `client_nickname`. `portone_v1`: `pay_method`, `app_scheme`, and for "
            "Paymentwall `widget_code`, `ps`, `logo_url`, `project_name`. `portone_v2`: `app_scheme`, `locale`, "
            "`product_type`, `is_escrow`, `is_cultural_expense`, `easy_pay_provider`, `account_valid_hours`, and for "
            "Paymentwall `widget_code`, `ps`.",
        ),
    ] = {}


class CreateAttempt(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /payments/{id}/attempts`; `{}` is enough."""

    gateway: Annotated[GatewayName | None, Meta(description="Absent: the same gateway again.")] = None


class CompletePayment(Struct, frozen=True):
    """Body of `POST /payments/complete`: what the gateway's browser side yielded. Other members are ignored.

    With a client token, `payment_id` may be left out: the token names its payment.
    """

    payment_id: Annotated[
        Annotated[str, Meta(max_length=60, extra_json_schema={"pattern": "^pay_[0-9a-f]{32}$"})] | None,
        Meta(description="The payment's `id`."),
    ] = None
    signature: Annotated[
        Annotated[str, Meta(min_length=1, max_length=2000, pattern=patterns.LINE)] | None,
        Meta(description="Point3: what its widget posted."),
    ] = None
    imp_uid: Annotated[Hint | None, Meta(description="PortOne V1.")] = None
    merchant_uid: Annotated[Hint | None, Meta(description="PortOne V1: the attempt's `reference`.")] = None
    portone_payment_id: Annotated[Hint | None, Meta(description="PortOne V2: the attempt's `reference`.")] = (
        msgspec.field(default=None, name="paymentId")
    )
    tx_id: Annotated[Hint | None, Meta(description="PortOne V2.")] = msgspec.field(default=None, name="txId")
    payment_token: Annotated[
        Annotated[str, Meta(max_length=2000)] | None, Meta(description="PortOne V2, where a channel approves manually.")
    ] = msgspec.field(default=None, name="paymentToken")
    transaction_id: Annotated[Hint | None, Meta(description="Unifi Pay.")] = msgspec.field(
        default=None, name="transactionId"
    )


class ListQuery(Struct, frozen=True):
    """Query of `GET /payments`. What is UNSET does not filter; `status=null` is refused, not a missing filter."""

    limit: Annotated[int, Meta(ge=1, le=100, description="Rows a page.")] = 20
    cursor: (
        Annotated[str, Meta(pattern=patterns.CURSOR, description="`next_cursor` of the page before.")] | UnsetType
    ) = UNSET
    order_id: Annotated[OrderId, Meta(description="Payments of this order.")] | UnsetType = UNSET
    status: Annotated[PaymentStatus, Meta(description="Payments that are in this status now.")] | UnsetType = UNSET
    gateway: (
        Annotated[GatewayName, Meta(description="The gateway of the newest attempt, or of the paid one.")] | UnsetType
    ) = UNSET
    customer: Annotated[CustomerId, Meta(description="`customer.id`.")] | UnsetType = UNSET
    created_from: Annotated[Moment, Meta(description="RFC 3339 time, inclusive.")] | UnsetType = UNSET
    created_before: Annotated[Moment, Meta(description="RFC 3339 time, exclusive.")] | UnsetType = UNSET
    needs_attention: (
        Annotated[bool, Meta(description="Only those that a person should look at, or only the others.")] | UnsetType
    ) = UNSET


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
    msgspec.Raw,
    Meta(
        extra_json_schema={
            "type": ["object", "null"],
            "description": "What the browser or app does next; null when there is nothing left to do.",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["point3_widget", "portone_v1_sdk", "portone_v2_sdk", "redirect"]},
                "url": {"type": "string", "description": "point3_widget, redirect: what to frame, or where to go."},
                "origin": {"type": "string", "description": "point3_widget: whose messages to believe."},
                "script": {"type": "string", "description": "portone_*: the gateway's own script."},
                "user_code": {"type": "string", "description": "portone_v1_sdk: for `IMP.init`."},
                "params": {
                    "type": "object",
                    "description": "portone_*: for `IMP.request_pay` or `PortOne.requestPayment`, as they are.",
                },
            },
        }
    ),
]
Metadata = Annotated[
    msgspec.Raw, Meta(extra_json_schema={"type": "object", "additionalProperties": {"type": "string"}})
]
Evidence = Annotated[
    msgspec.Raw,
    Meta(extra_json_schema={"type": "object", "description": "What was seen, as it was stored and hashed."}),
]
Timestamp = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]


class PaymentView(Struct, frozen=True):
    """A payment. Money is in minor units; times are RFC 3339 in UTC.

    For a client token, `metadata` is empty and `needs_attention` false.
    """

    id: str
    status: PaymentStatus
    order_id: str
    order_name: str
    amount: int
    currency: str
    captured_amount: int
    refunded_amount: int
    refundable_amount: int
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
    evidence: Evidence
    hash: str


class EventPage(Struct, frozen=True):
    """The story in order. `next_cursor` is null on the last page."""

    data: list[EventView]
    next_cursor: int | None
