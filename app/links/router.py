"""The calls about a payment's link."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Response, Security

from app.api.document import ALWAYS, problems, success
from app.api.parameters import PaymentId, kept
from app.api.problem_examples import PAYMENT_ID
from app.api.route import Answer, StrictRoute
from app.api.security import Caller, secret_key
from app.links.qr import MEDIA_TYPE, qr_svg
from app.links.service import LinkService
from app.payments import examples
from app.payments.router import PaymentsApi
from app.payments.schemas import PaymentView

router = APIRouter(route_class=StrictRoute, tags=["payments"])

Writer = Annotated[Caller, Security(secret_key, scopes=["payments:write"])]
Links = Annotated[LinkService, Depends(kept("links"))]
_NAMED = ("not_found", "malformed_id")


class _Picture(Response):
    media_type = MEDIA_TYPE


@router.post(
    "/payments/{id}/close-link",
    operation_id="closeLink",
    summary="End the payment's link",
    response_description="Ended.",
    response_model=PaymentView,
    responses={
        200: success(examples.LINK_CLOSED),
        **problems(f"/payments/{PAYMENT_ID}/close-link", *ALWAYS, *_NAMED, "payment_not_open"),
    },
)
async def close_link(payment_id: PaymentId, caller: Writer, api: PaymentsApi, links: Links) -> Answer:
    """From now on `checkout_url` opens the payment in no further browser.

    A browser that has opened it goes on, and so does what stands open at a gateway; `cancel` closes the payment itself.
    Safe to repeat.
    """
    return Answer(api.render(caller)(await links.close(payment_id, caller.own_store)))


@router.get(
    "/payments/{id}/qr.svg",
    operation_id="getLinkQr",
    summary="The payment's link as a QR code",
    response_description="The picture.",
    response_class=_Picture,
    responses={
        200: {
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": "<svg …/>"}},
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
        },
        **problems(f"/payments/{PAYMENT_ID}/qr.svg", *ALWAYS, *_NAMED),
    },
)
async def get_link_qr(payment_id: PaymentId, caller: Writer, api: PaymentsApi) -> Response:
    """`checkout_url`, to be scanned. Whoever sees it may pay: it needs `payments:write`, as the address itself does.

    Without a key, whoever has the link gets the same at `{checkout_url}/qr.svg`.
    """
    url = api.view(caller, await api.service.get(payment_id, caller.store))["checkout_url"]
    return _Picture(await asyncio.to_thread(qr_svg, url or ""))
