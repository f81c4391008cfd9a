"""The payments API: parse, call one service method, serialise."""

from uuid import UUID

import msgspec
from msgspec import UNSET

from app.api.operations import Answer, Auth, Call, Operation, Reply
from app.api.pagination import cursor, position
from app.api.reading import read_moment
from app.domain import ids
from app.domain.errors import InvalidRequest, ResultMismatch
from app.domain.states import PaymentStatus, RefundStatus
from app.idempotency.service import Intent, fingerprint, read_key
from app.ledger.model import BY_MISMATCH, Payment, Search
from app.ledger.transitions import Trigger
from app.payments import examples
from app.payments.schemas import (
    CompletePayment,
    CreateAttempt,
    CreatePayment,
    EventPage,
    EventsQuery,
    ListQuery,
    PaymentPage,
    PaymentView,
)
from app.payments.service import Created, PaymentService
from app.payments.views import Views
from app.verification.context import VerificationResult

RETRY_AFTER_S = "2"
ANY = Auth.SERVER | Auth.CLIENT
_OPENING = ("gateway_unavailable", "gateway_timeout", "gateway_refused", "illegal_transition")
_VERIFYING = ("not_found", "malformed_id", "result_mismatch", "gateway_unavailable", "illegal_transition")
_REPLAYED = ("Idempotency-Replayed",)
_LINKS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}, "description": "With its `id`."}
    for name in (
        "getPayment",
        "listPaymentEvents",
        "createAttempt",
        "syncPayment",
        "createRefund",
        "listRefunds",
        "getRefundOptions",
    )
} | {
    "completePayment": {
        "operationId": "completePayment",
        "requestBody": {"payment_id": "$response.body#/id"},
        "description": "With its `id`, and what the gateway's browser side yielded.",
    }
}


class PaymentsApi:
    """The handlers of the payments calls."""

    def __init__(self, service: PaymentService, views: Views) -> None:
        self._service = service
        self._views = views

    async def create(self, call: Call) -> Answer:
        """`POST /payments`"""
        store = _store(call)
        intent = Intent(f"server:{store}:create_payment", _key(call), fingerprint("create_payment", call.body))
        return _created(await self._service.create(store, call.body, intent, self._render(call)))

    async def attempt(self, call: Call) -> Answer:
        """`POST /payments/{id}/attempts`"""
        payment_id = _own_payment(call)
        intent = None
        if call.request.headers.get("idempotency-key") is not None:
            name = f"create_attempt:{payment_id.hex}"
            who = "client" if call.caller.store is None else f"server:{call.caller.store}"
            intent = Intent(f"{who}:{name}", _key(call), fingerprint(name, call.body))
        done = await self._service.attempt(payment_id, call.caller.store, call.body.gateway, intent, self._render(call))
        return _created(done)

    async def get(self, call: Call) -> Answer:
        """`GET /payments/{id}`"""
        payment = await self._service.get(_own_payment(call), call.caller.store)
        return Answer(200, self._render(call)(payment))

    async def search(self, call: Call) -> Answer:
        """`GET /payments`"""
        query: ListQuery = call.query
        found = await self._service.search(
            Search(
                store=_store(call),
                limit=query.limit + 1,
                after=position(query.cursor) if query.cursor else None,
                order_id=query.order_id or None,
                status=query.status or None,
                gateway=query.gateway or None,
                customer_id=query.customer or None,
                created_from=read_moment("created_from", query.created_from) if query.created_from else None,
                created_before=read_moment("created_before", query.created_before) if query.created_before else None,
                needs_attention=None if query.needs_attention is UNSET else query.needs_attention,
            )
        )
        page = found[: query.limit]
        more = cursor(page[-1].created_at, page[-1].id) if len(found) > query.limit else None
        return Answer(200, PaymentPage([self._views.payment(p, for_client=False) for p in page], more))

    async def events(self, call: Call) -> Answer:
        """`GET /payments/{id}/events`"""
        query: EventsQuery = call.query
        found = await self._service.events(_own_payment(call), call.caller.store, query.cursor, query.limit + 1)
        page = found[: query.limit]
        more = page[-1][0].seq if len(found) > query.limit else None
        return Answer(200, EventPage([self._views.event(event, digest) for event, digest in page], more))

    async def complete(self, call: Call) -> Answer:
        """`POST /payments/complete`"""
        body: CompletePayment = call.body
        brought = {name: value for name, value in msgspec.to_builtins(body).items() if value and name != "payment_id"}
        trigger: Trigger = "browser" if call.caller.is_client else "api"
        payment_id, store = _completed_payment(call), call.caller.store
        return self._proven(
            call, await self._service.verify(payment_id, trigger=trigger, store=store, callback=brought)
        )

    async def sync(self, call: Call) -> Answer:
        """`POST /payments/{id}/sync`"""
        return self._proven(call, await self._service.sync(_own_payment(call), call.caller.store))

    async def cancel(self, call: Call) -> Answer:
        """`POST /payments/{id}/cancel`"""
        payment = await self._service.cancel(_own_payment(call), call.caller.store)
        return Answer(200, self._render(call)(payment))

    def _proven(self, call: Call, result: VerificationResult) -> Answer:
        if result.mismatch is not None:
            raise _mismatch(result)
        body = self._render(call)(result.payment)
        return Answer(200, body) if result.is_decided else Answer(202, body, {"Retry-After": RETRY_AFTER_S})

    def _render(self, call: Call) -> "_Render":
        return _Render(self._views, for_client=call.caller.is_client)


class _Render:
    """Payment to answer bytes, for one kind of caller."""

    def __init__(self, views: Views, *, for_client: bool) -> None:
        self._views = views
        self._for_client = for_client

    def __call__(self, payment: Payment) -> bytes:
        return msgspec.json.encode(self._views.payment(payment, for_client=self._for_client))


def operations(service: PaymentService, views: Views) -> list[Operation]:
    """The payments calls, in the order in which the documentation lists them."""
    api = PaymentsApi(service, views)
    payment = Reply(description="The payment.", schema=PaymentView, example=examples.PAYMENT)
    asking = Reply(
        description="Not decided yet; ask again after `Retry-After` seconds.",
        schema=PaymentView,
        example=examples.PROCESSING,
        headers=("Retry-After",),
    )
    return [
        Operation(
            method="POST",
            path="/payments",
            id="createPayment",
            tag="payments",
            summary="Create a payment",
            description="Stores the payment, opens its first attempt, and says in `next_action` what the browser does next. "
            "When the gateway cannot open it, the payment stays stored, the problem carries its `payment_id`, and the same "
            "Idempotency-Key goes on where it stopped.",
            handler=api.create,
            auth=Auth.SERVER,
            scope="payments:write",
            body=CreatePayment,
            body_example=examples.CREATE,
            idempotency="required",
            replies={
                201: Reply(
                    description="Created.",
                    schema=PaymentView,
                    example=examples.PAYMENT,
                    headers=_REPLAYED,
                    links=_LINKS,
                )
            },
            problems=("order_taken", *_OPENING),
        ),
        Operation(
            method="GET",
            path="/payments",
            id="listPayments",
            tag="payments",
            summary="Search payments",
            description="Newest first, by keyset pages. Every filter narrows; an unknown one is refused.",
            handler=api.search,
            auth=Auth.SERVER,
            scope="payments:read",
            query=ListQuery,
            replies={200: Reply(description="One page.", schema=PaymentPage, example=examples.PAGE)},
        ),
        Operation(
            method="POST",
            path="/payments/complete",
            id="completePayment",
            tag="payments",
            summary="The buyer says it is done: verify now",
            description="Takes what the gateway's browser side yielded, as a hint, and asks the gateway. 200 says how it "
            "ended, paid or not; 202 that it is still being asked; 409 that the money or the order did not match, and what "
            "was done about it. Safe to repeat.",
            handler=api.complete,
            auth=ANY,
            scope="payments:write",
            body=CompletePayment,
            body_example=examples.COMPLETE,
            replies={200: Reply(description="Decided.", schema=PaymentView, example=examples.PAID), 202: asking},
            problems=_VERIFYING,
        ),
        Operation(
            method="GET",
            path="/payments/{id}",
            id="getPayment",
            tag="payments",
            summary="Read a payment",
            description="What Postgres knows; no gateway is asked.",
            handler=api.get,
            auth=ANY,
            scope="payments:read",
            replies={200: payment},
            problems=("not_found", "malformed_id"),
        ),
        Operation(
            method="GET",
            path="/payments/{id}/events",
            id="listPaymentEvents",
            tag="payments",
            summary="The payment's story",
            description="Every step with its cause and evidence. Each row carries the hash of the one before.",
            handler=api.events,
            auth=Auth.SERVER,
            scope="payments:read",
            query=EventsQuery,
            replies={200: Reply(description="One page.", schema=EventPage, example=examples.EVENTS)},
            problems=("not_found", "malformed_id"),
        ),
        Operation(
            method="POST",
            path="/payments/{id}/attempts",
            id="createAttempt",
            tag="payments",
            summary="Try again",
            description="Opens a further attempt, at the same gateway or another. The amount and the one-paid rule hold "
            "across all of them.",
            handler=api.attempt,
            auth=ANY,
            scope="payments:write",
            body=CreateAttempt,
            body_example={},
            idempotency="optional",
            replies={
                201: Reply(description="Opened.", schema=PaymentView, example=examples.PAYMENT, headers=_REPLAYED)
            },
            problems=(
                "not_found",
                "malformed_id",
                "payment_not_open",
                "payment_processing",
                "too_many_attempts",
                *_OPENING,
            ),
        ),
        Operation(
            method="POST",
            path="/payments/{id}/cancel",
            id="cancelPayment",
            tag="payments",
            summary="Close a payment without money",
            description="The order is free again. Money that turns up afterwards goes back by itself. Safe to repeat; a payment "
            "whose money was taken is refused with `payment_not_open`: refund it.",
            handler=api.cancel,
            auth=Auth.SERVER,
            scope="payments:write",
            replies={200: Reply(description="Closed.", schema=PaymentView, example=examples.CANCELED)},
            problems=("not_found", "malformed_id", "payment_not_open"),
        ),
        Operation(
            method="POST",
            path="/payments/{id}/sync",
            id="syncPayment",
            tag="payments",
            summary="Ask the gateway now",
            description="The same verification that a buyer's return or the sweeper runs. Safe to repeat.",
            handler=api.sync,
            auth=Auth.SERVER,
            scope="payments:write",
            replies={200: Reply(description="Decided.", schema=PaymentView, example=examples.PAID), 202: asking},
            problems=_VERIFYING,
        ),
    ]


def _created(done: Created) -> Answer:
    return Answer(done.status, done.body, {"Idempotency-Replayed": "true"} if done.is_replay else {})


def _key(call: Call) -> str:
    return read_key(call.request.headers.get("idempotency-key"))


def _store(call: Call) -> str:
    assert call.caller.store is not None
    return call.caller.store


def _own_payment(call: Call) -> UUID:
    payment_id = ids.read(ids.Prefix.PAYMENT, call.path["id"])
    call.caller.require_payment(payment_id)
    return payment_id


def _completed_payment(call: Call) -> UUID:
    """Which payment a completion is about: the token's own, or the one that the body names."""
    body: CompletePayment = call.body
    for reference in (body.portone_payment_id, body.merchant_uid):
        if body.payment_id is None and reference is not None and (named := ids.payment_of_reference(reference)):
            call.caller.require_payment(named)
            return named
    if body.payment_id is None:
        if call.caller.payment_id is None:
            raise InvalidRequest(("payment_id", "is required"))
        return call.caller.payment_id
    payment_id = ids.read(ids.Prefix.PAYMENT, body.payment_id)
    call.caller.require_payment(payment_id)
    return payment_id


_DIFFERENCES = {
    "order_id": ("it belongs to another order", "다른 주문의 결제입니다"),
    "order_mismatch": ("it belongs to another order", "다른 주문의 결제입니다"),
    "amount_mismatch": ("the amount is another", "금액이 다릅니다"),
    "currency_mismatch": ("the currency is another", "통화가 다릅니다"),
    "store_mismatch": ("it was paid to another store", "다른 상점의 결제입니다"),
    "live_channel": ("it was paid through a live channel", "실제 결제 채널의 결제입니다"),
    "test_channel": ("it was paid through a test channel", "테스트 채널 결제입니다"),
    "already_paid": ("the order was paid already", "이미 결제된 주문입니다"),
    "payment_closed": ("the payment was closed", "종료된 결제입니다"),
    "order_paid_elsewhere": ("another payment took the order meanwhile", "다른 결제로 처리된 주문입니다"),
}


_GIVEN_BACK = {
    RefundStatus.CREATED: "owed",
    RefundStatus.FAILED: "owed",
    RefundStatus.UNKNOWN: "asked",
    RefundStatus.PENDING: "asked",
    RefundStatus.SUCCEEDED: "done",
}


def _mismatch(result: VerificationResult) -> ResultMismatch:
    """The 409 that says what differed and what was done about it."""
    given_back = next(
        (_GIVEN_BACK[r.status] for r in reversed(result.payment.refunds) if r.initiator == BY_MISMATCH), None
    )
    must_review = given_back == "owed" and result.payment.status is PaymentStatus.REVIEW
    action, action_ko = {
        "review": ("A person at the shop will give the money back.", "상점 담당자가 결제된 금액을 돌려드립니다."),
        None: ("Nothing was charged for it.", "이 건으로 청구된 금액은 없습니다."),
        "owed": ("The money is being given back.", "결제된 금액을 돌려드리고 있습니다."),
        "asked": ("The refund was requested from the gateway.", "결제사에 환불을 요청했습니다."),
        "done": ("The money was given back.", "결제된 금액을 돌려드렸습니다."),
    }["review" if must_review else given_back]
    what, what_ko = _DIFFERENCES.get(str(result.mismatch), (str(result.mismatch), str(result.mismatch)))
    return ResultMismatch(
        what=what,
        what_ko=what_ko,
        payment_id=result.payment.public_id,
        payment_status=str(result.payment.status),
        mismatch=result.mismatch,
        action=action,
        action_ko=action_ko,
        given_back=given_back,
    )
