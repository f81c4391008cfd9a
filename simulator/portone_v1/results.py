"""What the shop's browser receives: the callback's `rsp`, and the query of `m_redirect_url`. Source: contract §11.

`error_code` F1002 and both messages of `ALREADY_PAID` and `CLOSED` are seen in public integrations; the other codes and
messages are [I]: they come from the payment company, and there is no list.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from simulator.portone_v1.attempt import Attempt
from simulator.portone_v1.shown import payment_object


@dataclass(frozen=True, slots=True)
class Failure:
    """`error_code` and `error_msg`."""

    code: str
    message: str


ALREADY_PAID = Failure("F1002", "이미 결제가 이루어진 거래건입니다.")
CLOSED = Failure("F1001", "[결제포기] 사용자가 결제를 취소하셨습니다")
DECLINED = Failure("F0004", "카드사에서 결제를 거절하였습니다")
UNHEARD = Failure("F0005", "결제 결과를 확인하지 못하였습니다")
"""Told to a browser although the payment is paid."""
INVALID, OTHER_AMOUNT = "F1000", "F1003"
"""Codes of windows that never opened."""

_PAID = """
    pay_method name currency pg_provider pg_tid apply_num buyer_name buyer_email buyer_tel buyer_addr buyer_postcode
    custom_data status paid_at receipt_url card_name bank_name card_quota card_number
"""
_ACCOUNT = "vbank_num vbank_name vbank_holder vbank_date"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a visit to the payment window came to."""

    attempt: Attempt
    failure: Failure | None = None


def brief(outcome: Outcome) -> dict[str, Any]:
    """The part that a shop passes on to its server: imp_uid, merchant_uid, and the error when there is one."""
    answer = {"imp_uid": outcome.attempt.imp_uid, "merchant_uid": outcome.attempt.merchant_uid}
    return answer if outcome.failure is None else {**answer, **_error(outcome.failure)}


def rsp(outcome: Outcome) -> dict[str, Any]:
    """The callback's argument. Of a failure it has the error and the names, of a success most of the payment."""
    if outcome.failure is not None:
        return {**_names(outcome, is_success=False), **_error(outcome.failure)}
    shown = payment_object(outcome.attempt)
    fields = [*_PAID.split(), *(_ACCOUNT.split() if outcome.attempt.account is not None else ())]
    answer = _names(outcome, is_success=True) | {name: shown[name] for name in fields}
    return {**answer, "paid_amount": shown["amount"], "pg_type": "payment", "error_code": None, "error_msg": None}


def never_opened(merchant_uid: str | None, failure: Failure) -> dict[str, Any]:
    """The callback's argument when there is no payment: imp_uid is null."""
    names = {"success": False, "imp_success": False, "imp_uid": None, "merchant_uid": merchant_uid}
    return {**names, **_error(failure)}


def redirect(url: str, result: dict[str, Any]) -> str:
    """The address to which the browser goes back, with what `result` (an `rsp`) says added to its query."""
    query = {name: result[name] for name in ("imp_uid", "merchant_uid") if result[name] is not None}
    query["imp_success"] = "true" if result["success"] else "false"
    query |= {name: result[name] for name in ("error_code", "error_msg") if result[name] is not None}
    parts = urlsplit(url)
    pairs = [*parse_qsl(parts.query, keep_blank_values=True), *query.items()]
    return urlunsplit(parts._replace(query=urlencode(pairs)))


def _names(outcome: Outcome, *, is_success: bool) -> dict[str, Any]:
    attempt = outcome.attempt
    names = {"imp_uid": attempt.imp_uid, "merchant_uid": attempt.merchant_uid}
    return {"success": is_success, "imp_success": is_success, **names}


def _error(failure: Failure) -> dict[str, str]:
    return {"error_code": failure.code, "error_msg": failure.message}
