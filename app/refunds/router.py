"""The refunds API: parse, call one service method, serialise."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Request, Security

from app.api.document import ALWAYS, BODY, KEYED, problems, shown, success
from app.api.parameters import IdempotencyKey, PaymentId, RefundId, kept
from app.api.problem_examples import PAYMENT_ID, REFUND_ID
from app.api.route import Answer, StrictRoute
from app.api.schemas import PageQuery
from app.api.security import Caller, secret_key
from app.domain.errors import REFUND_REFUSALS
from app.domain.language import pick_language
from app.refunds import examples
from app.refunds.schemas import CreateRefund, OptionsView, RefundPage, RefundView
from app.refunds.service import RefundService
from app.refunds.views import options_view, refund_view, rendered

router = APIRouter(route_class=StrictRoute, tags=["refunds"])

Reader = Annotated[Caller, Security(secret_key, scopes=["refunds:read"])]
Writer = Annotated[Caller, Security(secret_key, scopes=["refunds:write"])]

_AT = f"/payments/{PAYMENT_ID}"
_NAMED = ("not_found", "malformed_id")
_LINKS = {
    "getRefund": {
        "operationId": "getRefund",
        "parameters": {"id": "$response.body#/id"},
        "description": "With its `id`.",
    }
}


Refunds = Annotated[RefundService, Depends(kept("refunds"))]


@router.post(
    "/payments/{id}/refunds",
    operation_id="createRefund",
    summary="Give money back",
    status_code=201,
    response_description="The gateway gave it back.",
    response_model=RefundView,
    responses={
        201: success(examples.REFUND, headers=["Idempotency-Replayed"], links=_LINKS),
        202: success(
            examples.PENDING,
            model=RefundView,
            description="Under way: waiting for its turn, accepted by the gateway and not done yet, or its answer was lost and "
            "is being looked for. Read it again.",
            headers=["Idempotency-Replayed", "Retry-After"],
            links=_LINKS,
        ),
        **problems(
            f"{_AT}/refunds",
            *ALWAYS,
            *BODY,
            *KEYED,
            "idempotency_key_missing",
            *_NAMED,
            "illegal_transition",
            *REFUND_REFUSALS,
        ),
    },
)
async def create_refund(
    payment_id: PaymentId,
    body: Annotated[CreateRefund, Body(openapi_examples=shown(examples.CREATE))],
    key: IdempotencyKey,
    caller: Writer,
    service: Refunds,
) -> Answer:
    """Reserves the amount, asks the gateway, and follows the refund until the gateway says done.

    Several refunds of the same amount are fine, each with a key of its own; the same key never refunds twice, however old
    it is. When the gateway refuses, the answer is a problem with the `refund_id` of the refund that failed.
    """
    intent = caller.intent(f"create_refund:{payment_id.hex}", key, body)
    return Answer.of(await service.request(payment_id, caller.own_store, body, intent, rendered))


@router.get(
    "/payments/{id}/refunds",
    operation_id="listRefunds",
    summary="The payment's refunds",
    response_description="One page.",
    response_model=RefundPage,
    responses={200: success(examples.PAGE), **problems(f"{_AT}/refunds", *ALWAYS, *_NAMED, "invalid_request")},
)
async def list_refunds(
    payment_id: PaymentId, query: Annotated[PageQuery, Query()], caller: Reader, service: Refunds
) -> Answer:
    """Oldest first, external ones too: made in the gateway's console, or by a chargeback."""
    payment = await service.payment(payment_id, caller.own_store)
    found = [refund for refund in payment.refunds if refund.number > query.cursor]
    page = found[: query.limit]
    more = page[-1].number if len(found) > len(page) else None
    answer: RefundPage = {"data": [refund_view(payment, refund) for refund in page], "next_cursor": more}
    return Answer(msgspec.json.encode(answer))


@router.get(
    "/payments/{id}/refund-options",
    operation_id="getRefundOptions",
    summary="What can be refunded now, and why not",
    response_description="The options.",
    response_model=OptionsView,
    responses={
        200: success(examples.OPTIONS, headers=["Content-Language"]),
        **problems(f"{_AT}/refund-options", *ALWAYS, *_NAMED),
    },
)
async def get_refund_options(payment_id: PaymentId, request: Request, caller: Reader, service: Refunds) -> Answer:
    """By what Postgres knows and by the gateway's rules; no gateway is asked. Sentences are in Korean or English."""
    payment, options = await service.options(payment_id, caller.own_store)
    language = pick_language(request.headers.get("accept-language"))
    answer = options_view(payment, options, language)
    response = Answer(msgspec.json.encode(answer))
    response.headers["Content-Language"] = language
    return response


@router.get(
    "/refunds/{id}",
    operation_id="getRefund",
    summary="Read a refund",
    response_description="The refund.",
    response_model=RefundView,
    responses={200: success(examples.REFUND), **problems(f"/refunds/{REFUND_ID}", *ALWAYS, *_NAMED)},
)
async def get_refund(refund_id: RefundId, caller: Reader, service: Refunds) -> Answer:
    """What Postgres knows; no gateway is asked."""
    return Answer(rendered(*await service.get(refund_id, caller.own_store)))
