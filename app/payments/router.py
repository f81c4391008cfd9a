"""The payments API: parse, call one service method, serialise."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Security
from starlette.convertors import StringConvertor, register_url_convertor

from app.api.document import ALWAYS, BODY, KEYED, problems, shown, success
from app.api.limits import Limits
from app.api.pagination import cursor, position
from app.api.parameters import IdempotencyKey, OptionalIdempotencyKey, PaymentId, kept
from app.api.problem_examples import PAYMENT_ID
from app.api.route import Answer, StrictRoute
from app.api.schemas import PageQuery
from app.api.security import Caller, client_token, secret_key
from app.domain import ids
from app.domain.errors import InvalidRequest
from app.ledger.model import Payment, Search
from app.ledger.transitions import Trigger
from app.payments import examples
from app.payments.attempts import Render
from app.payments.mismatch import mismatch_of
from app.payments.schemas import (
    CompletePayment,
    CreateAttempt,
    CreatePayment,
    EventPage,
    ListQuery,
    PaymentPage,
    PaymentView,
)
from app.payments.service import PaymentService
from app.payments.views import Views
from app.verification.context import VerificationResult

router = APIRouter(route_class=StrictRoute, tags=["payments"])

Reader = Annotated[Caller, Security(secret_key, scopes=["payments:read"])]
Writer = Annotated[Caller, Security(secret_key, scopes=["payments:write"])]

_BUYER_TOO = [Depends(client_token)]
_AT = f"/payments/{PAYMENT_ID}"
_NAMED = ("not_found", "malformed_id")
_OPENING = ("gateway_unavailable", "gateway_timeout", "gateway_refused", "illegal_transition")
_VERIFYING = (*_NAMED, "result_mismatch", "gateway_unavailable", "illegal_transition")
_BY_ID = (
    "getPayment",
    "listPaymentEvents",
    "createAttempt",
    "syncPayment",
    "createRefund",
    "listRefunds",
    "getRefundOptions",
)
_LINKS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}, "description": "With its `id`."}
    for name in _BY_ID
} | {
    "completePayment": {
        "operationId": "completePayment",
        "requestBody": {"payment_id": "$response.body#/id"},
        "description": "With its `id`, and what the gateway's browser side yielded.",
    }
}
_ASKING = success(
    examples.PROCESSING,
    model=PaymentView,
    description="Not decided yet; ask again after `Retry-After` seconds.",
    headers=["Retry-After"],
)


class _PaymentConvertor(StringConvertor):
    """`complete` is a path of its own and no payment, whatever the method."""

    regex = "(?!complete$)[^/]+"


register_url_convertor("payment", _PaymentConvertor())


@dataclass(frozen=True, slots=True)
class Payments:
    """What these calls work with: the service, and what makes JSON of payments."""

    service: PaymentService
    views: Views
    limits: Limits

    def render(self, caller: Caller) -> Render:
        """Payment to answer bytes, for this kind of caller."""
        return lambda payment: msgspec.json.encode(self.view(caller, payment))

    def view(self, caller: Caller, payment: Payment) -> PaymentView:
        """The payment's JSON, as far as this caller may see it."""
        return self.views.payment(payment, for_client=caller.is_client, shows_token=caller.sees_token)

    def proven(self, caller: Caller, result: VerificationResult) -> Answer:
        """The answer to whoever had a payment verified: 200 decided, 202 still asking. Raises ResultMismatch."""
        if result.mismatch is not None:
            raise mismatch_of(result)
        body = self.render(caller)(result.payment)
        return Answer(body, 200 if result.is_decided else 202)


PaymentsApi = Annotated[Payments, Depends(kept("payments"))]


@router.post(
    "/payments",
    operation_id="createPayment",
    summary="Create a payment",
    status_code=201,
    response_description="Created.",
    response_model=PaymentView,
    responses={
        201: success(examples.PAYMENT, headers=["Idempotency-Replayed"], links=_LINKS),
        **problems("/payments", *ALWAYS, *BODY, *KEYED, "idempotency_key_missing", "order_taken", *_OPENING),
    },
)
async def create_payment(
    body: Annotated[CreatePayment, Body(openapi_examples=shown(examples.CREATE))],
    key: IdempotencyKey,
    caller: Writer,
    api: PaymentsApi,
) -> Answer:
    """Stores the payment, opens its first attempt, and says in `next_action` what the browser does next.

    When the gateway cannot open it, the payment stays stored, the problem carries its `payment_id`, and the same
    Idempotency-Key goes on where it stopped.
    """
    intent = caller.intent("create_payment", key, body)
    return Answer.of(await api.service.create(caller.own_store, body, intent, api.render(caller)))


@router.get(
    "/payments/{id:payment}",
    operation_id="getPayment",
    summary="Read a payment",
    response_description="The payment.",
    response_model=PaymentView,
    responses={
        200: success(examples.PAYMENT),
        **problems(_AT, *ALWAYS, *_NAMED),
    },
    dependencies=_BUYER_TOO,
)
async def get_payment(payment_id: PaymentId, caller: Reader, api: PaymentsApi) -> Answer:
    """What Postgres knows; no gateway is asked."""
    caller.require_payment(payment_id)
    return Answer(api.render(caller)(await api.service.get(payment_id, caller.store)))


@router.post(
    "/payments/complete",
    operation_id="completePayment",
    summary="The buyer says it is done: verify now",
    response_description="Decided.",
    response_model=PaymentView,
    responses={
        200: success(examples.PAID),
        202: _ASKING,
        **problems("/payments/complete", *ALWAYS, *BODY, *_VERIFYING),
    },
    dependencies=_BUYER_TOO,
)
async def complete_payment(
    body: Annotated[CompletePayment, Body(openapi_examples=shown(examples.COMPLETE))], caller: Writer, api: PaymentsApi
) -> Answer:
    """Takes what the gateway's browser side yielded, as a hint, and asks the gateway.

    200 says how it ended, paid or not; 202 that it is still being asked; 409 that the money or the order did not match,
    and what was done about it. Safe to repeat. Once a payment has ended, its client token reads how, and asks nobody.
    """
    payment_id = _completed_payment(body, caller)
    fields = {name: value for name, value in body.model_dump(by_alias=True, exclude={"payment_id"}).items() if value}
    if caller.is_client and (ended := await api.service.ended(payment_id)) is not None:
        return Answer(api.render(caller)(ended))
    trigger: Trigger = "browser" if caller.is_client else "api"
    if caller.is_client:
        api.limits.look(payment_id, is_client=True)
    result = await api.service.verify(payment_id, trigger=trigger, store=caller.store, callback=fields)
    return api.proven(caller, result)


@router.get(
    "/payments",
    operation_id="listPayments",
    summary="Search payments",
    response_description="One page.",
    response_model=PaymentPage,
    responses={
        200: success(examples.PAGE),
        **problems("/payments", *ALWAYS, "invalid_request"),
    },
)
async def list_payments(query: Annotated[ListQuery, Query()], caller: Reader, api: PaymentsApi) -> Answer:
    """Newest first, by keyset pages. Every filter narrows; an unknown one is refused."""
    found = await api.service.search(
        Search(
            store=caller.own_store,
            limit=query.limit + 1,
            after=position(query.cursor) if query.cursor else None,
            order_id=query.order_id,
            status=query.status,
            gateway=query.gateway,
            customer_id=query.customer,
            created_from=query.created_from,
            created_before=query.created_before,
            needs_attention=query.needs_attention,
        )
    )
    page = found[: query.limit]
    more = cursor(page[-1].created_at, page[-1].id) if len(found) > query.limit else None
    answer: PaymentPage = {"data": [api.view(caller, each) for each in page], "next_cursor": more}
    return Answer(msgspec.json.encode(answer))


@router.get(
    "/payments/{id}/events",
    operation_id="listPaymentEvents",
    summary="The payment's audit trail",
    response_description="One page.",
    response_model=EventPage,
    responses={200: success(examples.EVENTS), **problems(f"{_AT}/events", *ALWAYS, *_NAMED, "invalid_request")},
)
async def list_payment_events(
    payment_id: PaymentId, query: Annotated[PageQuery, Query()], caller: Reader, api: PaymentsApi
) -> Answer:
    """Every step with its cause and evidence. Each row carries the hash of the one before."""
    found = await api.service.events(payment_id, caller.store, query.cursor, query.limit + 1)
    page = found[: query.limit]
    more = page[-1][0].seq if len(found) > query.limit else None
    answer: EventPage = {"data": [api.views.event(event, digest) for event, digest in page], "next_cursor": more}
    return Answer(msgspec.json.encode(answer))


@router.post(
    "/payments/{id}/attempts",
    operation_id="createAttempt",
    summary="Try again",
    status_code=201,
    response_description="Opened.",
    response_model=PaymentView,
    responses={
        201: success(examples.PAYMENT, headers=["Idempotency-Replayed"]),
        **problems(
            f"{_AT}/attempts",
            *ALWAYS,
            *BODY,
            *KEYED,
            *_NAMED,
            "payment_not_open",
            "payment_processing",
            "too_many_attempts",
            *_OPENING,
        ),
    },
    dependencies=_BUYER_TOO,
)
async def create_attempt(
    payment_id: PaymentId,
    body: Annotated[CreateAttempt, Body(openapi_examples=shown({}))],
    caller: Writer,
    api: PaymentsApi,
    key: OptionalIdempotencyKey = None,
) -> Answer:
    """Opens a further attempt, at the same gateway or another. The amount and the one-paid rule hold across all of them.

    The windows opened before are looked at first: what the buyer has just paid there is found, and 409 says so.
    """
    caller.require_payment(payment_id)
    if caller.is_client:
        api.limits.look(payment_id, is_client=True)
    intent = caller.intent(f"create_attempt:{payment_id.hex}", key, body) if key is not None else None
    return Answer.of(await api.service.attempt(payment_id, caller.store, body.gateway, intent, api.render(caller)))


@router.post(
    "/payments/{id}/cancel",
    operation_id="cancelPayment",
    summary="Close a payment without money",
    response_description="Closed.",
    response_model=PaymentView,
    responses={200: success(examples.CANCELED), **problems(f"{_AT}/cancel", *ALWAYS, *_NAMED, "payment_not_open")},
)
async def cancel_payment(payment_id: PaymentId, caller: Writer, api: PaymentsApi) -> Answer:
    """The order is free again. Money that turns up afterwards goes back by itself.

    Safe to repeat; a payment whose money was taken is refused with `payment_not_open`: refund it.
    """
    return Answer(api.render(caller)(await api.service.cancel(payment_id, caller.store)))


@router.post(
    "/payments/{id}/sync",
    operation_id="syncPayment",
    summary="Ask the gateway now",
    response_description="Decided.",
    response_model=PaymentView,
    responses={200: success(examples.PAID), 202: _ASKING, **problems(f"{_AT}/sync", *ALWAYS, *_VERIFYING)},
)
async def sync_payment(payment_id: PaymentId, caller: Writer, api: PaymentsApi) -> Answer:
    """The same verification that a buyer's return or the sweeper runs. Safe to repeat."""
    return api.proven(caller, await api.service.sync(payment_id, caller.store))


def _completed_payment(body: CompletePayment, caller: Caller) -> UUID:
    """Which payment a completion is about: the one that the body names, else the token's own."""
    payment_id = ids.read(ids.Prefix.PAYMENT, body.payment_id) if body.payment_id is not None else None
    for reference in (body.portone_payment_id, body.merchant_uid):
        if payment_id is None and reference is not None:
            payment_id = ids.payment_of_reference(reference)
    payment_id = payment_id or caller.payment_id
    if payment_id is None:
        raise InvalidRequest(("payment_id", "is required"))
    caller.require_payment(payment_id)
    return payment_id
