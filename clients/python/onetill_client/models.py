# Made by make clients from docs/openapi.json, sha256 1ba2bee24b2c36a8c0774c06f4db2b9f703b761c16a7fc1f9e820771e3593aef; below: sha256 cb9e4461804a49a6cce933ef32373f840f1f8abfaec77d95c871f30227e500cd. Change nothing here.

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict


class AccountIn(TypedDict):
    """
    Where a deposit goes back to. Forgotten once the refund is decided.
    """

    bank: str
    """
    In the gateway's words: PortOne V2 takes names such as `SHINHAN`.
    """
    number: str
    """
    Digits and dashes.
    """
    holder: str
    """
    Whose account it is.
    """
    phone: NotRequired[str | None]
    """
    The holder's phone number; PortOne V2 asks for it.
    """


Action: TypeAlias = Literal['accept', 'refund', 'close']
"""
What a person decides.
"""


class Address(TypedDict):
    """
    A postal address, as far as it is known.
    """

    street: NotRequired[str | None]
    city: NotRequired[str | None]
    state: NotRequired[str | None]
    postal_code: NotRequired[str | None]


AttemptStatus: TypeAlias = Literal['created', 'pending', 'awaiting_deposit', 'captured', 'failed', 'canceled', 'expired', 'unknown', 'rejected']
"""
One try at one gateway. `unknown` means asked, no answer kept: only a look-up ends it.
"""


class ChangeEndpoint(TypedDict):
    """
    Body of `PATCH /notification-endpoints/{id}`: what is left out stays.
    """

    url: NotRequired[str]
    """
    Where events are sent by POST: https in live mode, a public address, no redirect is followed.
    """
    events: NotRequired[list[Literal['payment.paid', 'payment.failed', 'payment.canceled', 'payment.expired', 'payment.review', 'payment.awaiting_deposit', 'payment.processing', 'payment.open', 'payment.review_ended', 'refund.succeeded', 'refund.failed']]]
    """
    The types it is told. Empty: all, also those that later releases add.
    """
    description: NotRequired[str]
    """
    For you.
    """
    rate_per_s: NotRequired[int | None]
    """
    Requests a second at most. Null: as fast as it answers.
    """
    paused: NotRequired[bool]
    """
    `true`: keep what happens, send nothing. `false`: send all that waits.
    """


class CompletePayment(TypedDict):
    """
    Body of `POST /payments/complete`: what the gateway's browser side yielded. Other members are ignored.

    With a client token, `payment_id` may be left out: the token names its payment.
    """

    payment_id: NotRequired[str | None]
    """
    The payment's `id`.
    """
    signature: NotRequired[str | None]
    """
    Point3: what its widget posted.
    """
    imp_uid: NotRequired[str | None]
    """
    PortOne V1.
    """
    merchant_uid: NotRequired[str | None]
    """
    PortOne V1: the attempt's `reference`.
    """
    paymentId: NotRequired[str | None]
    """
    PortOne V2: the attempt's `reference`.
    """
    txId: NotRequired[str | None]
    """
    PortOne V2.
    """
    paymentToken: NotRequired[str | None]
    """
    PortOne V2, where a channel approves manually.
    """
    transactionId: NotRequired[str | None]
    """
    Unifi Pay.
    """


class CreateAttempt(TypedDict):
    """
    Body of `POST /payments/{id}/attempts`; `{}` is enough.
    """

    gateway: NotRequired[str | None]
    """
    Absent: the same gateway again.
    """


class CreateEndpoint(TypedDict):
    """
    Body of `POST /notification-endpoints`.
    """

    url: str
    """
    Where events are sent by POST: https in live mode, a public address, no redirect is followed.
    """
    events: NotRequired[list[Literal['payment.paid', 'payment.failed', 'payment.canceled', 'payment.expired', 'payment.review', 'payment.awaiting_deposit', 'payment.processing', 'payment.open', 'payment.review_ended', 'refund.succeeded', 'refund.failed']]]
    """
    The types it is told. Empty: all, also those that later releases add.
    """
    description: NotRequired[str]
    """
    For you.
    """
    rate_per_s: NotRequired[int | None]
    """
    Requests a second at most. Null: as fast as it answers.
    """


class CustomerIn(TypedDict):
    """
    The buyer. Some gateways need parts of it; a missing one is refused by name before anything is stored.
    """

    id: NotRequired[str | None]
    """
    Your id of this buyer; searchable.
    """
    name: NotRequired[str | None]
    """
    As the buyer writes it.
    """
    email: NotRequired[str | None]
    """
    Where receipts go.
    """
    phone: NotRequired[str | None]
    """
    With or without country code.
    """
    country: NotRequired[str | None]
    """
    ISO 3166-1 alpha-2.
    """
    address: NotRequired[Address | str | None]
    """
    In parts, or as one line.
    """


class DeliveryView(TypedDict):
    """
    One attempt. `status` null: there was no answer, and `error` says why. `excerpt`: how the answer began.
    """

    id: str
    at: str
    status: int | None
    duration_ms: float
    error: str | None
    excerpt: str | None


class DepositView(TypedDict):
    """
    Where the buyer transfers the money to, and until when. `bank` is the gateway's word; null is what it did not tell.
    """

    bank: str
    number: str
    holder: str | None
    expires_at: str | None


EndpointStatus: TypeAlias = Literal['active', 'failing', 'paused']
"""
How an endpoint fares.
"""


EventAttempt = TypedDict(
    'EventAttempt',
    {
        'id': str,
        'from': str | None,
        'to': str,
    },
)


EventView = TypedDict(
    'EventView',
    {
        'seq': int,
        'at': str,
        'cause': Literal['api', 'browser', 'webhook', 'sweep', 'operator', 'schedule'],
        'reason': str,
        'from': str | None,
        'to': str,
        'attempt': EventAttempt | None,
        'evidence': dict[str, Any],
        'hash': str,
    },
)


class FailureView(TypedDict):
    """
    Why an attempt failed.
    """

    code: str
    raw_code: str | None
    message: str | None


class Health(TypedDict):
    """
    The process answers.
    """

    status: Literal['ok']


class Item(TypedDict):
    """
    One line of the order.
    """

    name: str
    """
    What the buyer reads.
    """
    quantity: int
    """
    How many.
    """
    unit_amount: int
    """
    Price of one, in minor units.
    """


class NoteView(TypedDict):
    """
    What a person should know before they refund.
    """

    code: str
    detail: str


NotificationStatus: TypeAlias = Literal['pending', 'delivered', 'failed']
"""
Where one event stands with one endpoint.
"""


class NotificationView(TypedDict):
    """
    One event for one endpoint, with its newest attempts, oldest first. `event_id` is the `webhook-id` of each attempt.

    `failed`: the endpoint took others and this one never; `POST /notifications/replay` sends it again.
    """

    id: str
    event_id: str
    endpoint_id: str
    type: str
    payment_id: str
    sequence: int
    created_at: str
    status: NotificationStatus
    delivery_attempts: int
    next_try_at: str | None
    delivered_at: str | None
    deliveries: list[DeliveryView]


class OptionView(TypedDict):
    """
    Whether it can be done now, and if not, why: a problem code and its sentence.
    """

    possible: bool
    code: str | None
    detail: str | None


class OptionsView(TypedDict):
    """
    What can be refunded now.

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


PauseReason: TypeAlias = Literal['asked', 'gone', 'failing']
"""
Why nothing is sent to an endpoint. What happens meanwhile waits, and is sent when it is resumed.
"""


PaymentStatus: TypeAlias = Literal['open', 'processing', 'awaiting_deposit', 'paid', 'partially_refunded', 'refunded', 'canceled', 'expired', 'review']
"""
What the shop sees. Refunded totals are sums over refunds; these names only summarise them.
"""


class NextAction(TypedDict):
    """
    What the browser or app does next; null when there is nothing left to do.
    """

    type: Literal['point3_widget', 'portone_v1_sdk', 'portone_v2_sdk', 'redirect']
    url: NotRequired[str]
    """
    point3_widget, redirect: what to frame, or where to go.
    """
    origin: NotRequired[str]
    """
    point3_widget: whose messages to believe.
    """
    token: NotRequired[str]
    """
    point3_widget: what `url` carries, for an app that opens the widget by itself.
    """
    script: NotRequired[str]
    """
    portone_*: the gateway's own script.
    """
    user_code: NotRequired[str]
    """
    portone_v1_sdk: for `IMP.init`.
    """
    params: NotRequired[dict[str, Any]]
    """
    portone_*: for `IMP.request_pay` or `PortOne.requestPayment`, as they are.
    """


class Ready(TypedDict):
    """
    The process can serve.
    """

    status: Literal['ready']


class Received(TypedDict):
    """
    The webhook is kept.
    """

    received: Literal[True]


RefundStatus: TypeAlias = Literal['created', 'unknown', 'pending', 'succeeded', 'failed']
"""
One refund. Its amount is reserved from the first row on, until it has failed.
"""


Id: TypeAlias = str


class Replay(TypedDict):
    """
    Body of `POST /notifications/replay`: events by id, or those of a time.
    """

    ids: NotRequired[list[Id]]
    """
    Events by their `id`.
    """
    endpoint_id: NotRequired[str | None]
    """
    To this endpoint only.
    """
    since: NotRequired[str | None]
    """
    Events from this time on.
    """
    until: NotRequired[str | None]
    """
    Events before this time.
    """
    preview: NotRequired[bool]
    """
    Count only, send nothing.
    """


class ReplayView(TypedDict):
    """
    How many notifications are sent again, or would be.
    """

    count: int


class ResolvePayment(TypedDict):
    """
    What a person decided, and why.
    """

    action: Action
    """
    `accept` keeps the money, where a look-up shows the whole amount; `refund` sends back what the look-ups show; `close` ends the payment where they show none.
    """
    note: str
    """
    Why, and how you know. It stays in the audit trail for good, so no buyer's data.
    """


class RotateSecret(TypedDict):
    """
    Body of `POST /notification-endpoints/{id}/rotate-secret`.
    """

    overlap_days: NotRequired[int]
    """
    How long the old secret signs beside the new one. 0: it ends now.
    """


class ShopEventView(TypedDict):
    """
    What happened, as endpoints are told it. `sequence` grows with each event of a payment; there may be gaps.
    """

    id: str
    type: str
    created_at: str
    payment_id: str
    sequence: int
    data: dict[str, Any]


class TaxIn(TypedDict):
    """
    Parts of the amount, in minor units.
    """

    vat: NotRequired[int | None]
    """
    VAT within the amount. Absent: the usual share.
    """
    tax_free: NotRequired[int]
    """
    Part of the amount that is exempt from VAT.
    """


class TaxView(TypedDict):
    """
    Parts of the amount. `vat` null: the gateway's usual share.
    """

    vat: int | None
    tax_free: int


class TestView(TypedDict):
    """
    What came of a test event.
    """

    delivered: bool
    status: int | None
    duration_ms: float
    error: str | None
    excerpt: str | None


class Unready(TypedDict):
    """
    The process cannot serve, and why.
    """

    status: Literal['unready']
    reason: str


class Error(TypedDict):
    field: str
    """
    Such as `items[0].quantity`; `body` for the whole.
    """
    message: str
    """
    What is wrong with it.
    """


class Problem(TypedDict):
    """
    RFC 9457 problem. Some codes carry further members, such as `payment_id` or `retry_after_s`.
    """

    type: str
    """
    A page that explains the code.
    """
    title: str
    """
    The code in words; the same for all problems of this code.
    """
    status: int
    """
    The HTTP status again.
    """
    detail: str
    """
    For people, in Korean or English by Accept-Language.
    """
    instance: str
    """
    The path that was asked for.
    """
    code: Literal['already_refunded', 'body_too_large', 'encryption_key_missing', 'first_payment_of_saved_card', 'forbidden', 'gateway_refused', 'gateway_timeout', 'gateway_unavailable', 'idempotency_key_in_use', 'idempotency_key_malformed', 'idempotency_key_missing', 'idempotency_key_reused', 'illegal_transition', 'internal_error', 'invalid_request', 'malformed_body', 'malformed_id', 'method_not_allowed', 'not_found', 'nothing_to_resolve', 'order_taken', 'overloaded', 'partial_refund_not_supported', 'payment_not_open', 'payment_not_refundable', 'payment_processing', 'payment_unknown_at_gateway', 'rate_limited', 'refund_currency_mismatch', 'refund_declined', 'refund_exceeds_balance', 'refund_invalid', 'refund_not_supported', 'refund_tax_mismatch', 'refundable_mismatch', 'resolution_refused', 'result_mismatch', 'storage_unavailable', 'too_many_attempts', 'too_many_endpoints', 'unauthorized', 'unsupported_media_type', 'webhook_refused']
    """
    For programs; stable.
    """
    request_id: str
    """
    What to quote when asking for help; also in our logs.
    """
    retryable: bool
    """
    Whether the same call may succeed later, unchanged.
    """
    payment_id: NotRequired[str]
    """
    The payment that this is about, if there is one.
    """
    payment_status: NotRequired[str]
    """
    The status of that payment.
    """
    retry_after_s: NotRequired[int]
    """
    Seconds to wait; also in Retry-After.
    """
    errors: NotRequired[list[Error]]
    """
    Every field that is wrong, as this document spells it; the first 100 of them.
    """
    more_errors: NotRequired[int]
    """
    How many more fields are wrong; absent: none.
    """


class AttemptView(TypedDict):
    """
    One try at one gateway. `reference` is the order id that the gateway knows.

    `deposit` is there while the attempt waits for the buyer's transfer to an account.
    """

    id: str
    reference: str
    gateway: str
    gateway_ref: str | None
    status: AttemptStatus
    failure: FailureView | None
    deposit: DepositView | None
    created_at: str


class CreatePayment(TypedDict):
    """
    Body of `POST /payments`. The amount is named here, by the shop's server, and nowhere else.
    """

    order_id: str
    """
    Your order. It may have one open or paid payment at a time.
    """
    order_name: str
    """
    What the buyer reads.
    """
    amount: int
    """
    Minor units of the currency: 12000 for ₩12,000, 1234 for $12.34.
    """
    currency: str
    """
    ISO 4217 code.
    """
    gateway: NotRequired[str | None]
    """
    Absent: chosen by the routing rules.
    """
    method: NotRequired[str | None]
    """
    How to pay, in the gateway's words. Absent: its usual way, or the buyer chooses.
    """
    customer: NotRequired[CustomerIn]
    tax: NotRequired[TaxIn]
    items: NotRequired[list[Item]]
    """
    The order's lines, for gateways that show them.
    """
    return_url: NotRequired[str | None]
    """
    Where the buyer goes after the result: https, or an app scheme that the settings allow.
    """
    link_expires_at: NotRequired[str | None]
    """
    When `checkout_url` stops opening it. Absent: it opens as long as there is anything to see.
    """
    buyer_chooses: NotRequired[bool | None]
    """
    Whether the checkout page asks the buyer how to pay, where several gateways take the order, before it opens a window. Absent: as the settings say, and not where `gateway` is named.
    """
    expires_in_s: NotRequired[int]
    """
    How long the buyer may pay. Seconds.
    """
    save_billing_key: NotRequired[bool]
    """
    Keep the means of payment for later charges.
    """
    metadata: NotRequired[dict[str, str]]
    """
    Yours: strings by name, returned as sent, never shown to buyers.
    """
    gateway_options: NotRequired[dict[str, dict[str, Any]]]
    """
    Options of single gateways, by gateway name. `point3`: `culture_expense_type`, `cash_receipt_type`, `client_business_num`, `client_nickname`. `portone_v1`: `pay_method`, `app_scheme`, and for Paymentwall `widget_code`, `ps`, `logo_url`, `project_name`. `portone_v2`: `app_scheme`, `locale`, `product_type`, `is_escrow`, `is_cultural_expense`, `easy_pay_provider`, `account_valid_hours`, and for Paymentwall `widget_code`, `ps`.
    """


class CreateRefund(TypedDict):
    """
    Body of `POST /payments/{id}/refunds`.
    """

    reason: str
    """
    Why; the gateway is told, and shows it in its console.
    """
    amount: NotRequired[int | None]
    """
    Absent: all that is left.
    """
    expected_refundable: NotRequired[int | None]
    """
    What you believe is left before this refund (`refundable_amount`). Refused when it is not: somebody else gave something back meanwhile.
    """
    tax: NotRequired[TaxIn | None]
    """
    The refund's tax parts. Absent: its exact share of what is left of the payment's own.
    """
    refund_account: NotRequired[AccountIn | None]
    """
    Needed where the buyer paid by a transfer to a virtual account.
    """


class EndpointView(TypedDict):
    """
    A notification endpoint.

    `failing`: it took nothing since `failing_since`, and is probed at growing intervals; or nothing can be signed for it since
    `key_missing_since`, because Onetill's operator has lost an encryption key: what happens waits until it is back, or until
    `rotate-secret`. `paused`: nothing is sent, what happens waits; `pause_reason` says why: `asked`, `gone` (it answered 410)
    or `failing` (it took nothing for eleven days).
    """

    id: str
    url: str
    events: list[str]
    description: str
    status: EndpointStatus
    pause_reason: PauseReason | None
    rate_per_s: int | None
    failing_since: str | None
    key_missing_since: str | None
    last_delivered_at: str | None
    created_at: str
    updated_at: str


class EventPage(TypedDict):
    """
    The audit trail in order. `next_cursor` is null on the last page.
    """

    data: list[EventView]
    next_cursor: int | None


class NewEndpointView(TypedDict):
    """
    With its signing secret, which is shown this once.
    """

    id: str
    url: str
    events: list[str]
    description: str
    status: EndpointStatus
    pause_reason: PauseReason | None
    rate_per_s: int | None
    failing_since: str | None
    key_missing_since: str | None
    last_delivered_at: str | None
    created_at: str
    updated_at: str
    secret: str


class NotificationPage(TypedDict):
    """
    Notifications, newest first.
    """

    data: list[NotificationView]
    next_cursor: str | None


class PaymentView(TypedDict):
    """
    A payment. Money is in minor units; times are RFC 3339 in UTC.

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
    mode: Literal['live', 'test']
    client_token: str | None
    checkout_url: str | None
    return_url: str | None
    next_action: NextAction | None
    """
    What the browser or app does next; null when there is nothing left to do.
    """
    attempts: list[AttemptView]
    last_failure: FailureView | None
    needs_attention: bool
    attention_code: str | None
    attention_reason: str | None
    created_at: str
    paid_at: str | None
    expires_at: str
    link_expires_at: str | None
    metadata: dict[str, str]


class RefundView(TypedDict):
    """
    A refund. Its amount is reserved from the first moment on, until it has failed.

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
    cause: Literal['api', 'gateway', 'operator', 'rejected']
    tax: TaxView
    gateway: str
    gateway_ref: str | None
    failure: FailureView | None
    created_at: str
    updated_at: str


class ShopEventPage(TypedDict):
    """
    Events in the order in which they became visible. Keep `next_cursor` and ask for what is after it: nothing is missed.

    `next_cursor` is the position of the last row; where there is none, the one that was asked for.
    """

    data: list[ShopEventView]
    next_cursor: int


class EndpointPage(TypedDict):
    """
    The store's endpoints, oldest first.
    """

    data: list[EndpointView]
    next_cursor: str | None


class PaymentPage(TypedDict):
    """
    One page of payments, newest first.
    """

    data: list[PaymentView]
    next_cursor: str | None


class RefundPage(TypedDict):
    """
    The refunds of a payment, oldest first. `next_cursor` is null on the last page.
    """

    data: list[RefundView]
    next_cursor: int | None
