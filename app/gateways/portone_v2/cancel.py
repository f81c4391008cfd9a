"""PortOne V2's cancel: what is sent, and what its answer says of the refund (contract §3, "Cancel semantics")."""

import msgspec

from app.domain.errors import GatewayTimeout, InvalidRequest
from app.gateways.port import Failure, Json, RefundAccount, RefundAnswer, RefundRequest
from app.gateways.portone_v2.answer import Answer
from app.gateways.portone_v2.codes import BANKS, NAME
from app.gateways.portone_v2.wire import Cancellation


class Canceled(msgspec.Struct, frozen=True):
    """The answer to a cancel."""

    cancellation: Cancellation


def cancel_of(request: RefundRequest, store_id: str) -> Json:
    """The body of a cancel. `currentCancellableAmount` has PortOne refuse when the balance is not what we expect.

    Tax parts that are not named are taxed in full, whatever was ordered (official file, `CancelPaymentBody`). `requester`
    is `ADMIN`: whoever asked for the money, the shop decided. Raises InvalidRequest.
    """
    if request.amount.minor <= 0:
        raise InvalidRequest(("amount", "must be above 0"))
    body: Json = {
        "storeId": store_id,
        "amount": request.amount.minor,
        "currentCancellableAmount": request.refundable.minor,
        "reason": request.reason,
        "requester": "ADMIN",
    }
    body |= {"taxFreeAmount": request.tax.tax_free} if request.tax.tax_free else {}
    body |= {"vatAmount": request.tax.vat} if request.tax.vat is not None else {}
    return body | ({"refundAccount": _account(request.account)} if request.account else {})


def answer_of(answer: Answer, request: RefundRequest) -> RefundAnswer:
    """What was said to a cancel. Raises the errors of the port when that was neither yes nor no.

    HTTP 200 does not mean refunded: `REQUESTED` is accepted for later, `FAILED` is a no. A word that we do not know, or
    a cancellation of another amount than ours, says neither.
    """
    told: Json = {"amount": request.amount.minor, "reason": request.reason}
    said = answer.explicit(Canceled)
    if isinstance(said, Failure):
        return RefundAnswer(is_done=False, failure=said, evidence=told | {"cancel": "refused"} | answer.refusal())
    status, ref, total = said.cancellation.status, said.cancellation.id, said.cancellation.total_amount
    evidence = told | {"cancel": status, "cancellation_id": ref}
    if status == "FAILED":
        return RefundAnswer(is_done=False, failure=Failure("declined", raw_code=status), evidence=evidence)
    if status not in {"SUCCEEDED", "REQUESTED"} or total not in {None, request.amount.minor}:
        raise GatewayTimeout(gateway=NAME)
    return RefundAnswer(is_done=status == "SUCCEEDED", failure=None, evidence=evidence, refund_ref=ref)


def _account(account: RefundAccount) -> Json:
    bank = account.bank.upper()
    if bank not in BANKS:
        raise InvalidRequest(("refund_account.bank", "must be a bank of PortOne V2's list, such as SHINHAN or KAKAO"))
    told: Json = {"bank": bank, "number": account.number, "holderName": account.holder}
    return told | ({"holderPhoneNumber": account.phone} if account.phone else {})
