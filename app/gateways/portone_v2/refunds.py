"""PortOne V2's cancel: what is sent, and what its answer says of the refund (portone-v2.md §3, "Cancel semantics")."""

from dataclasses import replace

from app.domain.errors import GatewayTimeout, Refusal
from app.gateways.facts import Told
from app.gateways.portone_v2.client import idempotency_key
from app.gateways.portone_v2.codes import NAME, refusal_of
from app.gateways.portone_v2.response import ApiResponse
from app.gateways.portone_v2.wire import Cancellation
from app.gateways.values import Failure, Json, RefundAccount, RefundAnswer, RefundRequest


class Canceled(Told, frozen=True):
    """The answer to a cancel."""

    cancellation: Cancellation


def cancel_key(request: RefundRequest) -> str:
    """The Idempotency-Key of a cancel: the refund's own name, the same however often it is asked for.

    A repeated call is answered with what was answered first (portone-v2.md §1). When somebody else has changed the balance
    meanwhile, `currentCancellableAmount` makes it another request: PortOne carries that out only if it has not seen the key,
    and refuses it for 3 hours otherwise, which is no answer. By then a look-up shows what became of the first.
    """
    return idempotency_key("refund", request.key)


def cancel_of(request: RefundRequest, store_id: str) -> Json:
    """The body of a cancel. `currentCancellableAmount` has PortOne refuse when the balance is not what we expect.

    Tax parts that are not named are taxed in full, whatever was ordered (official file, `CancelPaymentBody`). `requester`
    is `ADMIN`: whoever asked for the money, the shop decided.
    """
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


def answer_of(answer: ApiResponse, request: RefundRequest) -> RefundAnswer:
    """What was said to a cancel. Raises the errors of the port when that was neither yes nor no.

    HTTP 200 does not mean refunded: `REQUESTED` is accepted for later, `FAILED` is a no. A word that we do not know says
    neither. A yes that names another amount is a yes for that amount (§8): a promotion may adjust a part.
    """
    told: Json = {"amount": request.amount.minor, "reason": request.reason}
    said = answer.explicit(Canceled)
    if isinstance(said, Failure):
        failure = replace(said, code=refusal_of(answer.reason))
        return RefundAnswer(is_done=False, failure=failure, evidence=told | {"cancel": "refused"} | answer.refusal())
    status, ref, total = said.cancellation.status, said.cancellation.id, said.cancellation.total_amount
    evidence = told | {"cancel": status, "cancellation_id": ref}
    if status == "FAILED":
        return RefundAnswer(is_done=False, failure=Failure(Refusal.DECLINED, raw_code=status), evidence=evidence)
    is_sum = total > 0 if total is not None else "totalAmount" not in said.cancellation.untold
    if status not in {"SUCCEEDED", "REQUESTED"} or not is_sum:
        raise GatewayTimeout(gateway=NAME)
    amount = None if total in {None, request.amount.minor} else replace(request.amount, minor=total)
    evidence |= {} if amount is None else {"total": amount.minor}
    return RefundAnswer(status == "SUCCEEDED", failure=None, evidence=evidence, refund_ref=ref, amount=amount)


def _account(account: RefundAccount) -> Json:
    told: Json = {"bank": account.bank.upper(), "number": account.number, "holderName": account.holder}
    return told | ({"holderPhoneNumber": account.phone} if account.phone else {})
