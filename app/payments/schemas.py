"""The JSON of payments: what callers send and what they get. One definition validates or answers, and documents."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema
from typing_extensions import TypedDict

from app.api import patterns
from app.api.schemas import (
    MAX_AMOUNT,
    Amount,
    AsOne,
    Digits,
    FailureView,
    Filter,
    Input,
    Line,
    Phone,
    Query,
    QueryBool,
    QueryMoment,
    TaxIn,
    Timestamp,
)
from app.domain.states import AttemptStatus, PaymentStatus
from app.domain.text import canonical, check_id, check_line

GatewayName = Annotated[str, Field(min_length=1, max_length=40, pattern=patterns.WORD)]
OrderId = Annotated[str, Field(min_length=1, max_length=128, pattern=patterns.LINE), AfterValidator(check_id)]
CustomerId = Annotated[str, Field(min_length=1, max_length=100, pattern=patterns.LINE), AfterValidator(check_id)]
SearchedId = Annotated[str, Field(min_length=1, max_length=128, pattern=patterns.LINE), AfterValidator(canonical)]
SearchedCustomer = Annotated[str, Field(min_length=1, max_length=100, pattern=patterns.LINE), AfterValidator(canonical)]
Method = Annotated[str, Field(min_length=1, max_length=40, pattern=patterns.METHOD)]
Hint = Annotated[str, Field(max_length=200)]
LongHint = Annotated[str, Field(max_length=2000)]


class Address(Input):
    """A postal address, as far as it is known."""

    street: Line | None = None
    city: Line | None = None
    state: Line | None = None
    postal_code: Annotated[str, Field(min_length=1, max_length=20, pattern=patterns.LINE)] | None = None


def _form_of_address(value: object) -> str:
    return "<line>" if isinstance(value, str) else "<parts>"


AddressIn = Annotated[
    Annotated[Address, Tag("<parts>")] | Annotated[Line, Tag("<line>")], Discriminator(_form_of_address)
]


class CustomerIn(Input):
    """The buyer. Some gateways need parts of it; a missing one is refused by name before anything is stored."""

    id: Annotated[CustomerId | None, Field(description="Your id of this buyer; searchable.")] = None
    name: Annotated[Line | None, Field(description="As the buyer writes it.")] = None
    email: Annotated[
        Annotated[str, Field(max_length=254, pattern=patterns.EMAIL)] | None, Field(description="Where receipts go.")
    ] = None
    phone: Annotated[Phone | None, Field(description="With or without country code.")] = None
    country: Annotated[
        Annotated[str, Field(pattern=patterns.COUNTRY)] | None, Field(description="ISO 3166-1 alpha-2.")
    ] = None
    address: Annotated[AddressIn | None, Field(description="In parts, or as one line.")] = None


class Item(Input):
    """One line of the order."""

    name: Annotated[Line, Field(description="What the buyer reads.")]
    quantity: Annotated[int, Field(ge=1, le=1_000_000, description="How many.")]
    unit_amount: Annotated[Amount, Field(description="Price of one, in minor units.")]


def _finite(options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Raise ValueError for a number beyond every float (`1e999`), which JSON can write and cannot store."""
    try:
        json.dumps(options, allow_nan=False)
    except ValueError as error:
        raise ValueError("holds a number that is not finite") from error
    return options


class CreatePayment(Input):
    """Body of `POST /payments`. The amount is named here, by the shop's server, and nowhere else."""

    order_id: Annotated[OrderId, Field(description="Your order. It may have one open or paid payment at a time.")]
    order_name: Annotated[
        Annotated[str, Field(min_length=1, max_length=100, pattern=patterns.LINE), AfterValidator(check_line)],
        Field(description="What the buyer reads."),
    ]
    amount: Annotated[
        int, Field(ge=1, le=MAX_AMOUNT, description="Minor units of the currency: 12000 for ₩12,000, 1234 for $12.34.")
    ]
    currency: Annotated[str, Field(pattern=patterns.CURRENCY, description="ISO 4217 code.")]
    gateway: Annotated[GatewayName | None, Field(description="Absent: chosen by the routing rules.")] = None
    method: Annotated[
        Method | None,
        Field(description="How to pay, in the gateway's words. Absent: its usual way, or the buyer chooses."),
    ] = None
    customer: CustomerIn = CustomerIn()
    tax: TaxIn = TaxIn()
    items: Annotated[
        list[Item], Field(max_length=200, description="The order's lines, for gateways that show them.")
    ] = []
    return_url: Annotated[
        LongHint | None,
        Field(description="Where the buyer goes after the result: https, or an app scheme that the settings allow."),
    ] = None
    link_expires_at: Annotated[
        QueryMoment | None,
        Field(
            description="When `checkout_url` stops opening it. Absent: it opens as long as there is anything to see."
        ),
    ] = None
    buyer_chooses: Annotated[
        bool | None,
        Field(
            description="Whether the checkout page asks the buyer how to pay, where several gateways take the order, before it "
            "opens a window. Absent: as the settings say, and not where `gateway` is named."
        ),
    ] = None
    expires_in_s: Annotated[int, Field(ge=60, le=2_592_000, description="How long the buyer may pay. Seconds.")] = 1800
    save_billing_key: Annotated[bool, Field(description="Keep the means of payment for later charges.")] = False
    metadata: Annotated[
        dict[
            Annotated[str, Field(min_length=1, max_length=40, pattern=patterns.LINE)],
            Annotated[str, Field(max_length=500, pattern=patterns.NO_NUL)],
        ],
        Field(
            max_length=50,
            description="Yours: strings by name, returned as sent, never shown to buyers.",
            json_schema_extra={"additionalProperties": False},  # no name but those that fit the pattern
        ),
        AsOne,
    ] = {}
    gateway_options: Annotated[
        dict[str, dict[str, Any]],
        Field(
            max_length=10,
            description="Options of single gateways, by gateway name. `point3`: `culture_expense_type`, "
            "`cash_receipt_type`, `client_business_num`, `client_nickname`. `portone_v1`: `pay_method`, `app_scheme`, and for "
            "Paymentwall `widget_code`, `ps`, `logo_url`, `project_name`. `portone_v2`: `app_scheme`, `locale`, "
            "`product_type`, `is_escrow`, `is_cultural_expense`, `easy_pay_provider`, `account_valid_hours`, and for "
            "Paymentwall `widget_code`, `ps`.",
        ),
        AfterValidator(_finite),
        AsOne,
    ] = {}


class CreateAttempt(Input):
    """Body of `POST /payments/{id}/attempts`; `{}` is enough."""

    gateway: Annotated[GatewayName | None, Field(description="Absent: the same gateway again.")] = None


class CompletePayment(Input, extra="ignore"):
    """Body of `POST /payments/complete`: what the gateway's browser side yielded. Other members are ignored.

    With a client token, `payment_id` may be left out: the token names its payment.
    """

    payment_id: Annotated[
        Annotated[str, Field(max_length=60, json_schema_extra={"pattern": "^pay_[0-9a-f]{32}$"})] | None,
        Field(description="The payment's `id`."),
    ] = None
    signature: Annotated[
        Annotated[str, Field(min_length=1, max_length=2000, pattern=patterns.LINE)] | None,
        Field(description="Point3: what its widget posted."),
    ] = None
    imp_uid: Annotated[Hint | None, Field(description="PortOne V1.")] = None
    merchant_uid: Annotated[Hint | None, Field(description="PortOne V1: the attempt's `reference`.")] = None
    portone_payment_id: Annotated[
        Hint | None, Field(alias="paymentId", description="PortOne V2: the attempt's `reference`.")
    ] = None
    tx_id: Annotated[Hint | None, Field(alias="txId", description="PortOne V2.")] = None
    payment_token: Annotated[
        LongHint | None, Field(alias="paymentToken", description="PortOne V2, where a channel approves manually.")
    ] = None
    transaction_id: Annotated[Hint | None, Field(alias="transactionId", description="Unifi Pay.")] = None


class ListQuery(Query):
    """Query of `GET /payments`. What is absent does not filter."""

    limit: Annotated[int, Field(ge=1, le=100, description="Rows a page."), Digits] = 20
    cursor: Annotated[
        Annotated[str, Field(pattern=patterns.CURSOR)] | None,
        Field(description="`next_cursor` of the page before."),
        Filter,
    ] = None
    order_id: Annotated[SearchedId | None, Field(description="Payments of this order."), Filter] = None
    status: Annotated[PaymentStatus | None, Field(description="Payments that are in this status now."), Filter] = None
    gateway: Annotated[
        GatewayName | None, Field(description="The gateway of the newest attempt, or of the paid one."), Filter
    ] = None
    customer: Annotated[SearchedCustomer | None, Field(description="`customer.id`."), Filter] = None
    created_from: Annotated[QueryMoment | None, Field(description="RFC 3339 time, inclusive."), Filter] = None
    created_before: Annotated[QueryMoment | None, Field(description="RFC 3339 time, exclusive."), Filter] = None
    needs_attention: Annotated[
        QueryBool | None, Field(description="Only those that a person should look at, or only the others."), Filter
    ] = None


class DepositView(TypedDict):
    """Where the buyer transfers the money to, and until when. `bank` is the gateway's word; null is what it did not tell."""

    bank: str
    number: str
    holder: str | None
    expires_at: Timestamp | None


class AttemptView(TypedDict):
    """One try at one gateway. `reference` is the order id that the gateway knows.

    `deposit` is there while the attempt waits for the buyer's transfer to an account.
    """

    id: str
    reference: str
    gateway: str
    gateway_ref: str | None
    status: AttemptStatus
    failure: FailureView | None
    deposit: DepositView | None
    created_at: Timestamp


NextAction = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": ["object", "null"],
            "description": "What the browser or app does next; null when there is nothing left to do.",
            "required": ["type"],
            "properties": {
                "type": {"enum": ["point3_widget", "portone_v1_sdk", "portone_v2_sdk", "redirect"]},
                "url": {"type": "string", "description": "point3_widget, redirect: what to frame, or where to go."},
                "origin": {"type": "string", "description": "point3_widget: whose messages to believe."},
                "token": {
                    "type": "string",
                    "description": "point3_widget: what `url` carries, for an app that opens the widget by itself.",
                },
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
"""This one and the next two are stored JSON text, and go out as it is."""
Metadata = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}})]
Evidence = Annotated[
    Any, WithJsonSchema({"type": "object", "description": "What was seen, as it was stored and hashed."})
]


class PaymentView(TypedDict):
    """A payment. Money is in minor units; times are RFC 3339 in UTC.

    For a client token, `metadata` is empty and `needs_attention` false. `client_token` and `checkout_url` are null for a key
    without `payments:write`. `attention_code` is one of the causes in docs/states.md, and more may come; `attention_reason`
    tells it in English.
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
    client_token: str | None
    checkout_url: str | None
    return_url: str | None
    next_action: NextAction
    attempts: list[AttemptView]
    last_failure: FailureView | None
    needs_attention: bool
    attention_code: str | None
    attention_reason: str | None
    created_at: Timestamp
    paid_at: Timestamp | None
    expires_at: Timestamp
    link_expires_at: Timestamp | None
    metadata: Metadata


class PaymentPage(TypedDict):
    """One page of payments, newest first."""

    data: list[PaymentView]
    next_cursor: str | None


_EventAttempt = TypedDict("_EventAttempt", {"id": str, "from": str | None, "to": str})


class EventAttempt(_EventAttempt):
    """The attempt's part of a step."""


_EventView = TypedDict(
    "_EventView",
    {
        "seq": int,
        "at": Timestamp,
        "cause": Annotated[
            str, Field(json_schema_extra={"enum": ["api", "browser", "webhook", "sweep", "operator", "schedule"]})
        ],
        "reason": str,
        "from": str | None,
        "to": str,
        "attempt": EventAttempt | None,
        "evidence": Evidence,
        "hash": str,
    },
)


class EventView(_EventView):
    """One event: the payment's status before and after, why, and on which evidence."""


class EventPage(TypedDict):
    """The audit trail in order. `next_cursor` is null on the last page."""

    data: list[EventView]
    next_cursor: int | None
