"""The call by which a person's decision reaches a payment."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Security

from app.api.document import ALWAYS, BODY, problems, shown, success
from app.api.parameters import PaymentId, kept
from app.api.problem_examples import PAYMENT_ID
from app.api.route import Answer, StrictRoute
from app.api.security import Caller, secret_key
from app.payments import examples
from app.payments.router import PaymentsApi
from app.payments.schemas import PaymentView
from app.resolution.schemas import ResolvePayment
from app.resolution.service import ResolutionService

router = APIRouter(route_class=StrictRoute, tags=["payments"])

Resolver = Annotated[Caller, Security(secret_key, scopes=["payments:resolve"])]
Resolutions = Annotated[ResolutionService, Depends(kept("resolutions"))]


@router.post(
    "/payments/{id}/resolve",
    operation_id="resolvePayment",
    summary="Decide about a payment that calls a person",
    response_description="Carried out.",
    response_model=PaymentView,
    responses={
        200: success(examples.PAID),
        **problems(
            f"/payments/{PAYMENT_ID}/resolve",
            *ALWAYS,
            *BODY,
            "not_found",
            "malformed_id",
            "nothing_to_resolve",
            "resolution_refused",
            "order_taken",
            "illegal_transition",
            "gateway_unavailable",
        ),
    },
)
async def resolve_payment(
    payment_id: PaymentId,
    body: Annotated[
        ResolvePayment, Body(openapi_examples=shown({"action": "accept", "note": "Seen as paid in the console"}))
    ],
    caller: Resolver,
    api: PaymentsApi,
    service: Resolutions,
) -> Answer:
    """Asks the gateways of all its attempts, then does what was decided where their answers allow it.

    A payment that needs attention, or is under `review`, can be resolved. Repeated, it finds nothing to resolve: 409.
    """
    payment = await service.resolve(payment_id, caller.own_store, body.action, body.note)
    return Answer(api.render(caller)(payment))
