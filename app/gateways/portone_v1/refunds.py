"""PortOne V1's cancel: what is sent, and what its answer says of the refund (docs/gateways/portone-v1.md §6)."""

from app.domain.money import Money
from app.gateways.facts import read_told
from app.gateways.portone_v1.lookup import gateway_payment_of
from app.gateways.portone_v1.response import ApiResponse
from app.gateways.portone_v1.session import taxes
from app.gateways.portone_v1.wire import Payment, major
from app.gateways.values import GatewayPayment, GatewayStatus, Json, RefundAnswer, RefundRequest, RefundState


def cancel_of(request: RefundRequest, *, pg: str) -> Json:
    """The body of a cancel. The balance that we expect goes as `checksum`: it is V1's only defence against doing it twice.

    A `merchant_uid` beside the `imp_uid` would not be looked at. Paymentwall was not told the taxes, see `request_pay`.
    """
    body: Json = {
        "imp_uid": request.gateway_ref,
        "amount": major(request.amount),
        "checksum": major(request.refundable),
        "reason": request.reason,
    }
    if pg != "paymentwall":
        body |= taxes(request.tax, request.amount.currency)
    if account := request.account:
        body |= {"refund_holder": account.holder, "refund_bank": account.bank, "refund_account": account.number}
        body |= {"refund_tel": account.phone} if account.phone else {}
    return body


def answer_of(answer: ApiResponse, request: RefundRequest) -> RefundAnswer:
    """What the gateway said to a cancel. Raises the errors of the port when it said neither yes nor no.

    A yes is "accepted" until the payment that comes with it shows the refund; an unreadable payment takes no yes back.
    The refund's name is that of the newest entry of its amount; None where the history does not tell it.
    """
    told: Json = {"amount": request.amount.minor, "reason": request.reason}
    if failure := answer.explicit():
        return RefundAnswer(is_done=False, failure=failure, evidence=told | {"cancel": "refused"})
    try:
        payment = read_told(answer.accepted(), Payment)
    except ValueError:
        payment = Payment()
    after = gateway_payment_of(payment, is_live=None)
    given = _given(after, request)
    if given is None:
        return RefundAnswer(
            is_done=False, failure=None, evidence=told | {"cancel": "accepted", "status": payment.status}
        )
    same = [each.ref for each in after.refunds if each.amount == given and each.state is RefundState.SUCCEEDED]
    ref = same[-1] if same else None
    evidence = told | {"cancel": "done", "status": payment.status, "cancellation_id": ref}
    amount = None if given == request.amount else given
    return RefundAnswer(is_done=True, failure=None, evidence=evidence, refund_ref=ref, amount=amount)


def _given(after: GatewayPayment, request: RefundRequest) -> Money | None:
    """What the payment that comes with a yes shows as refunded beside what was before; None: nothing yet.

    The balance that was sent along (`checksum`) was the true one, or there would be no yes: what is new is ours.
    """
    shown = {GatewayStatus.CAPTURED, GatewayStatus.CANCELED}
    if after.gateway_ref != request.gateway_ref or after.amount is None or after.doubt or after.status not in shown:
        return None
    is_whole = after.status is GatewayStatus.CANCELED
    back = after.amount.minor if is_whole else after.refunded_minor
    new = back - (after.amount.minor - request.refundable.minor)
    return Money(new, request.amount.currency) if 0 < new <= request.refundable.minor else None
