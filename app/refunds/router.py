"""The refunds API: parse, call one service method, serialise."""

from uuid import UUID

from app.api.operations import Answer, Auth, Call, Operation, Reply
from app.domain import ids
from app.domain.errors import RefundRefused
from app.domain.language import pick_language
from app.domain.states import RefundStatus
from app.idempotency.service import Idempotency, Intent, Replay, fingerprint, read_key
from app.refunds import examples
from app.refunds.schemas import CreateRefund, OptionsView, RefundPage, RefundsQuery, RefundView
from app.refunds.service import RefundService
from app.refunds.views import options_view, refund_view, rendered

RETRY_AFTER_S = "2"
_LINKS = {
    "getRefund": {
        "operationId": "getRefund",
        "parameters": {"id": "$response.body#/id"},
        "description": "With its `id`.",
    }
}
_REFUSALS = tuple(kind.code for kind in RefundRefused.__subclasses__())


class RefundsApi:
    """The handlers of the refund calls."""

    def __init__(self, service: RefundService, idempotency: Idempotency) -> None:
        self._service = service
        self._idempotency = idempotency

    async def create(self, call: Call) -> Answer:
        """`POST /payments/{id}/refunds`"""
        payment_id, store = _payment(call), _store(call)
        name = f"create_refund:{payment_id.hex}"
        key = read_key(call.request.headers.get("idempotency-key"))
        intent = Intent(f"server:{store}:{name}", key, fingerprint(name, call.body))
        done = await self._service.request(payment_id, store, call.body, intent)
        headers: dict[str, str] = {}
        if isinstance(done, Replay):
            status, body, headers = done.status, done.body, {"Idempotency-Replayed": "true"}
        else:
            payment, refund = done
            status, body = 201 if refund.status is RefundStatus.SUCCEEDED else 202, rendered(payment, refund)
            await self._idempotency.finish(intent, status, body)
        return Answer(status, body, headers | ({"Retry-After": RETRY_AFTER_S} if status == 202 else {}))

    async def get(self, call: Call) -> Answer:
        """`GET /refunds/{id}`"""
        payment, refund = await self._service.get(ids.read(ids.Prefix.REFUND, call.path["id"]), _store(call))
        return Answer(200, refund_view(payment, refund))

    async def list(self, call: Call) -> Answer:
        """`GET /payments/{id}/refunds`"""
        query: RefundsQuery = call.query
        payment = await self._service.payment(_payment(call), _store(call))
        found = [refund for refund in payment.refunds if refund.number > query.cursor]
        page = found[: query.limit]
        more = page[-1].number if len(found) > len(page) else None
        return Answer(200, RefundPage([refund_view(payment, refund) for refund in page], more))

    async def options(self, call: Call) -> Answer:
        """`GET /payments/{id}/refund-options`"""
        payment, options = await self._service.options(_payment(call), _store(call))
        language = pick_language(call.request.headers.get("accept-language"))
        return Answer(200, options_view(payment, options, language), {"Content-Language": language})


def operations(service: RefundService, idempotency: Idempotency) -> list[Operation]:
    """The refund calls, in the order in which the documentation lists them."""
    api = RefundsApi(service, idempotency)
    return [
        Operation(
            method="POST",
            path="/payments/{id}/refunds",
            id="createRefund",
            tag="refunds",
            summary="Give money back",
            description="Reserves the amount, asks the gateway, and follows the refund until the gateway says done. Several "
            "refunds of the same amount are fine, each with a key of its own; the same key never refunds twice, however old it "
            "is. When the gateway refuses, the answer is a problem with the `refund_id` of the refund that failed.",
            handler=api.create,
            auth=Auth.SERVER,
            scope="refunds:write",
            body=CreateRefund,
            body_example=examples.CREATE,
            idempotency="required",
            replies={
                201: Reply(
                    description="The gateway gave it back.",
                    schema=RefundView,
                    example=examples.REFUND,
                    headers=("Idempotency-Replayed",),
                    links=_LINKS,
                ),
                202: Reply(
                    description="Under way: waiting for its turn, accepted by the gateway and not done yet, or its answer was "
                    "lost and is being looked for. Read it again.",
                    schema=RefundView,
                    example=examples.PENDING,
                    headers=("Idempotency-Replayed", "Retry-After"),
                    links=_LINKS,
                ),
            },
            problems=("not_found", "malformed_id", "illegal_transition", *_REFUSALS),
        ),
        Operation(
            method="GET",
            path="/payments/{id}/refunds",
            id="listRefunds",
            tag="refunds",
            summary="The payment's refunds",
            description="Oldest first, those too that were made past us: in the gateway's console, or by a chargeback.",
            handler=api.list,
            auth=Auth.SERVER,
            scope="refunds:read",
            query=RefundsQuery,
            replies={200: Reply(description="One page.", schema=RefundPage, example=examples.PAGE)},
            problems=("not_found", "malformed_id"),
        ),
        Operation(
            method="GET",
            path="/payments/{id}/refund-options",
            id="getRefundOptions",
            tag="refunds",
            summary="What can be given back now, and why not",
            description="By what Postgres knows and by the gateway's rules; no gateway is asked. Sentences are in Korean or "
            "English.",
            handler=api.options,
            auth=Auth.SERVER,
            scope="refunds:read",
            replies={
                200: Reply(
                    description="The options.",
                    schema=OptionsView,
                    example=examples.OPTIONS,
                    headers=("Content-Language",),
                )
            },
            problems=("not_found", "malformed_id"),
        ),
        Operation(
            method="GET",
            path="/refunds/{id}",
            id="getRefund",
            tag="refunds",
            id_parameter="refund_id",
            summary="Read a refund",
            description="What Postgres knows; no gateway is asked.",
            handler=api.get,
            auth=Auth.SERVER,
            scope="refunds:read",
            replies={200: Reply(description="The refund.", schema=RefundView, example=examples.REFUND)},
            problems=("not_found", "malformed_id"),
        ),
    ]


def _payment(call: Call) -> UUID:
    return ids.read(ids.Prefix.PAYMENT, call.path["id"])


def _store(call: Call) -> str:
    assert call.caller.store is not None
    return call.caller.store
