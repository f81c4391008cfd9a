"""The one table that turns errors into `application/problem+json` (RFC 9457), in Korean or English.

`type` is `/problems/<code>`, a page of this server that explains the code (`docs/problems.md` lists them all).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from urllib.parse import quote

import msgspec
from fastapi import Request, Response
from starlette.types import Scope

from app.api.korean import SENTENCES, details_in_korean
from app.domain.language import Language, pick_language
from app.logs import get_logger

MEDIA_TYPE = "application/problem+json"

log = get_logger("api")


@dataclass(frozen=True, slots=True)
class Problem:
    """How one code is answered. `detail` texts may use the error's details by name."""

    status: int
    retryable: bool
    title: str
    title_ko: str
    detail: str
    detail_ko: str


PROBLEMS: dict[str, Problem] = {
    "invalid_request": Problem(
        422, False, "Invalid request", "잘못된 요청",
        "{first}. Nothing was stored; correct the fields listed in `errors` and send it again.",
        "{first}. 저장된 것은 없습니다. `errors`에 나온 필드를 고쳐 다시 보내 주세요.",
    ),
    "malformed_body": Problem(
        400, False, "Malformed body", "읽을 수 없는 본문",
        "The body is not valid UTF-8 JSON.", "본문이 올바른 UTF-8 JSON이 아닙니다.",
    ),
    "malformed_id": Problem(
        404, False, "No such id", "알 수 없는 ID",
        "This is not an id of the kind {prefix}_…; send it exactly as the API returned it.",
        "{prefix}_… 형식의 ID가 아닙니다. API가 돌려준 값을 그대로 보내 주세요.",
    ),
    "unsupported_media_type": Problem(
        415, False, "Unsupported media type", "지원하지 않는 형식",
        "Send the body as `Content-Type: application/json`.", "본문을 `Content-Type: application/json`으로 보내 주세요.",
    ),
    "body_too_large": Problem(
        413, False, "Body too large", "너무 큰 본문",
        "The body is larger than {limit_bytes} bytes.", "본문이 {limit_bytes}바이트보다 큽니다.",
    ),
    "webhook_refused": Problem(
        401, False, "Webhook refused", "거부된 웹훅",
        "The webhook is not its gateway's: {reason}. Check the webhook secret on both sides, and the clock.",
        "결제사의 웹훅으로 확인되지 않았습니다: {reason}. 양쪽의 웹훅 시크릿과 시계를 확인해 주세요.",
    ),
    "idempotency_key_missing": Problem(
        400, False, "Idempotency-Key missing", "Idempotency-Key 없음",
        "This call needs an `Idempotency-Key` header: one value for one intent, sent again when you retry.",
        "`Idempotency-Key` 헤더가 필요합니다. 한 의도에 하나의 값을 쓰고, 재시도할 때 같은 값을 보내 주세요.",
    ),
    "idempotency_key_malformed": Problem(
        400, False, "Idempotency-Key malformed", "잘못된 Idempotency-Key",
        "Send one `Idempotency-Key` of 1 to 255 printable ASCII characters, bare or in double quotes.",
        "`Idempotency-Key`는 하나만, 1~255자의 출력 가능한 ASCII 문자로 보내 주세요.",
    ),
    "idempotency_key_reused": Problem(
        422, False, "Idempotency-Key reused", "다른 요청에 쓰인 Idempotency-Key",
        "This key was used before with another body. Use a new key for a new intent.",
        "이 키는 다른 본문과 함께 이미 쓰였습니다. 새 의도에는 새 키를 쓰세요.",
    ),
    "idempotency_key_in_use": Problem(
        409, True, "Still running", "처리 중",
        "The first call with this key is still running. Send it again after {retry_after_s} s.",
        "같은 키의 첫 요청이 아직 처리 중입니다. {retry_after_s}초 뒤 다시 보내 주세요.",
    ),
    "unauthorized": Problem(
        401, False, "Unauthorized", "인증 필요",
        "{hint}", "인증할 수 없습니다. {hint}",
    ),
    "forbidden": Problem(
        403, False, "Forbidden", "권한 없음",
        "{hint}", "허용되지 않은 요청입니다. {hint}",
    ),
    "not_found": Problem(
        404, False, "Not found", "찾을 수 없음",
        "There is no such thing here, or it is not yours.", "존재하지 않거나 접근할 수 없는 대상입니다.",
    ),
    "method_not_allowed": Problem(
        405, False, "Method not allowed", "허용되지 않는 메서드",
        "This path does not take that method; `Allow` lists those it takes.",
        "이 경로에서 쓸 수 없는 메서드입니다. `Allow` 헤더를 확인해 주세요.",
    ),
    "encryption_key_missing": Problem(
        409, False, "Encryption key missing", "암호화 키 없음",
        "A signing secret cannot be kept or read: {setting} lacks the key for it. Set it (`openssl rand -hex 32`) and start "
        "again; keep old keys behind the new one.",
        "서명 시크릿을 저장하거나 읽을 수 없습니다. {setting}에 키를 설정하고(`openssl rand -hex 32`) 다시 시작해 주세요. "
        "이전 키는 뒤에 남겨 두세요.",
    ),
    "too_many_endpoints": Problem(
        409, False, "Too many endpoints", "엔드포인트가 너무 많음",
        "The store has {limit} notification endpoints already; delete one that is not used.",
        "이 상점에는 알림 엔드포인트가 이미 {limit}개 있습니다. 쓰지 않는 것을 삭제해 주세요.",
    ),
    "order_taken": Problem(
        409, False, "Order already has a payment", "이미 결제가 있는 주문",
        "order_id has a payment that is open or paid: {payment_id}. Use that one, or wait until it ends unpaid or "
        "refunded whole.",
        "이 order_id에는 진행 중이거나 완료된 결제가 있습니다: {payment_id}. 그 결제를 사용하거나, "
        "미결제로 끝나거나 전액 환불될 때까지 기다려 주세요.",
    ),
    "payment_not_open": Problem(
        409, False, "Payment not open", "결제할 수 없는 상태",
        "The payment is {status} and takes no further attempt.", "결제 상태가 {status}이므로 다시 시도할 수 없습니다.",
    ),
    "payment_processing": Problem(
        409, True, "Payment is being confirmed", "결제 확인 중",
        "The gateway was asked for this money and the answer is not known yet. Try again after {retry_after_s} s.",
        "결제사에 요청한 결과를 확인하고 있습니다. {retry_after_s}초 뒤 다시 시도해 주세요.",
    ),
    "too_many_attempts": Problem(
        409, False, "Too many attempts", "시도 횟수 초과",
        "The payment was tried {limit} times; create a new one for this order once it has expired.",
        "이 결제는 {limit}번 시도되었습니다. 만료된 뒤 새 결제를 만들어 주세요.",
    ),
    "refund_not_supported": Problem(
        409, False, "No refunds at this gateway", "환불을 지원하지 않는 결제사",
        "{gateway} has no way to give money back. Do it in its own console, and have an operator record it "
        "(`onetill refunds record`).",
        "{gateway}은(는) 환불 API가 없습니다. 결제사 콘솔에서 환불한 뒤 운영자가 기록해 주세요(`onetill refunds record`).",
    ),
    "partial_refund_not_supported": Problem(
        409, False, "No partial refunds here", "부분 환불 불가",
        "This payment can be given back whole or not at all. Leave `amount` out.",
        "이 결제는 전액 환불만 가능합니다. `amount`를 빼고 보내 주세요.",
    ),
    "payment_not_refundable": Problem(
        409, False, "Nothing to give back", "환불할 수 없는 상태",
        "The payment is {status}: no money was captured that could go back. An unpaid payment is canceled instead.",
        "결제 상태가 {status}이므로 환불할 금액이 없습니다. 미결제 건은 취소해 주세요.",
    ),
    "already_refunded": Problem(
        409, False, "Already refunded", "이미 환불됨",
        "Nothing is left of this payment: all of it went back, or is on its way back.",
        "남은 금액이 없습니다. 이미 전액 환불되었거나 환불이 진행 중입니다.",
    ),
    "refund_exceeds_balance": Problem(
        409, False, "More than is left", "환불 가능 금액 초과",
        "A refund of {amount} exceeds the {refundable} that are left of this payment.",
        "환불 요청 금액 {amount}이(가) 남은 금액 {refundable}보다 큽니다.",
    ),
    "refundable_mismatch": Problem(
        409, False, "Balance has changed", "환불 가능 금액 불일치",
        "Another amount is left than was expected: {refundable}. Somebody else gave something back; read the payment again.",
        "예상한 잔액과 실제 잔액({refundable})이 다릅니다. 다른 환불이 있었습니다. 결제를 다시 조회해 주세요.",
    ),
    "refund_tax_mismatch": Problem(
        409, False, "Tax parts do not fit", "세금 구성 불일치",
        "The gateway found that the tax parts do not fit the refund or what is left of them ({raw_code}).",
        "결제사에서 과세·면세 금액이 맞지 않는다고 응답했습니다({raw_code}).",
    ),
    "refund_currency_mismatch": Problem(
        409, False, "Whole refunds only", "부분 환불 불가(정산 통화)",
        "The gateway settles in another currency than the order's, so only the whole payment can be given back.",
        "주문 통화와 정산 통화가 달라 전액 환불만 가능합니다.",
    ),
    "first_payment_of_saved_card": Problem(
        409, False, "First payment of a saved card", "카드 등록 결제",
        "This payment saved a card, and the gateway's policy is that such a payment is not given back.",
        "카드를 등록한 첫 결제는 결제사 정책에 따라 환불할 수 없습니다.",
    ),
    "payment_unknown_at_gateway": Problem(
        409, False, "Unknown at the gateway", "결제사에 없는 결제",
        "The gateway says that it knows no such payment ({raw_code}). A person must look.",
        "결제사에서 해당 결제를 찾을 수 없다고 응답했습니다({raw_code}). 확인이 필요합니다.",
    ),
    "refund_invalid": Problem(
        409, False, "Refund refused as invalid", "잘못된 환불 요청",
        "The gateway calls the refund itself wrong ({raw_code}). Nothing was given back.",
        "결제사에서 잘못된 환불 요청이라고 응답했습니다({raw_code}). 환불되지 않았습니다.",
    ),
    "refund_declined": Problem(
        409, False, "Refund declined", "환불 거절",
        "The payment company or the bank refused to give the money back ({raw_code}). Nothing was given back.",
        "결제사 또는 은행이 환불을 거절했습니다({raw_code}). 환불되지 않았습니다.",
    ),
    "nothing_to_resolve": Problem(
        409, False, "Nothing to resolve", "처리할 것이 없음",
        "The payment is {status} and waits for no person.", "결제 상태는 {status}이며 담당자의 처리가 필요하지 않습니다.",
    ),
    "resolution_refused": Problem(
        409, False, "Not this way", "이 방법으로 처리할 수 없음",
        "Nothing was changed: {why}.", "변경된 것은 없습니다. {why}.",
    ),
    "result_mismatch": Problem(
        409, False, "Result does not match", "결제 결과 불일치",
        "What the gateway holds differs from this payment: {what}. {action}",
        "결제사에 있는 내역이 이 결제와 다릅니다: {what}. {action}",
    ),
    "illegal_transition": Problem(
        409, True, "State changed", "상태 변경됨",
        "The payment changed while this was being decided. Read it again.",
        "처리하는 동안 결제 상태가 바뀌었습니다. 다시 조회해 주세요.",
    ),
    "rate_limited": Problem(
        429, True, "Too many requests", "너무 많은 요청",
        "You have asked too often; nothing was stored. Try again after {retry_after_s} s.",
        "요청이 너무 잦습니다. 저장된 것은 없습니다. {retry_after_s}초 뒤 다시 시도해 주세요.",
    ),
    "overloaded": Problem(
        503, True, "Overloaded", "과부하",
        "Too much work at once. Try again after {retry_after_s} s.",
        "요청이 너무 많습니다. {retry_after_s}초 뒤 다시 시도해 주세요.",
    ),
    "storage_unavailable": Problem(
        503, True, "Storage unavailable", "저장소 연결 불가",
        "The database did not answer; whether this was stored is unknown. Send it again with the same Idempotency-Key.",
        "데이터베이스가 응답하지 않아 저장 여부를 알 수 없습니다. 같은 Idempotency-Key로 다시 보내 주세요.",
    ),
    "gateway_unavailable": Problem(
        503, True, "Gateway unavailable", "결제사 연결 불가",
        "The gateway could not be reached or cannot serve now; no money moved. Try again with the same key.",
        "결제사에 연결할 수 없습니다. 결제된 금액은 없습니다. 같은 키로 다시 시도해 주세요.",
    ),
    "gateway_timeout": Problem(
        504, True, "Gateway did not answer", "결제사 응답 없음",
        "The gateway gave no usable answer in time. Try again with the same key; nothing is charged twice.",
        "결제사가 제때 응답하지 않았습니다. 같은 키로 다시 시도해 주세요. 두 번 청구되지 않습니다.",
    ),
    "gateway_refused": Problem(
        502, True, "Gateway refused", "결제사 거절",
        "The gateway refused the call ({raw_code}). Once its cause is mended, the same key goes on where it stopped.",
        "결제사가 요청을 거절했습니다({raw_code}). 원인을 해결한 뒤 같은 키로 이어서 진행할 수 있습니다.",
    ),
    "internal_error": Problem(
        500, True, "Internal error", "내부 오류",
        "This is our mistake. Quote the request_id; sending it again with the same Idempotency-Key is safe.",
        "서버 오류입니다. request_id를 알려 주세요. 같은 Idempotency-Key로 다시 보내도 안전합니다.",
    ),
}  # fmt: skip

_HIDDEN = frozenset({"hint", "what", "why"})
"""Details that only fill the texts and are no members of the answer."""

_RENAMED = {"status": "payment_status"}
"""RFC 9457 keeps `status` for HTTP's; a detail of that name is the payment's."""


def problem(
    request: Request, code: str, details: dict[str, object], *, headers: dict[str, str] | None = None
) -> Response:
    """The answer for one code, with its details as further members."""
    language = pick_language(request.headers.get("accept-language"))
    # Not `request.url`: that is built with the Host header, which anybody can make unreadable.
    instance, request_id = quote(request.scope["path"]), request.scope.get("request_id", "")
    body = problem_body(code, details, language, instance=instance, request_id=request_id)
    status = PROBLEMS[code].status
    extra = {"Content-Language": language} | (headers or {})
    if "retry_after_s" in details:
        extra["Retry-After"] = str(details["retry_after_s"])
    if status == 401:
        extra["WWW-Authenticate"] = 'Bearer realm="onetill"'
    log.info("problem", code=code, status=status, path_kind=path_kind(request.scope))
    return Response(msgspec.json.encode(body), status, extra, media_type=MEDIA_TYPE)


def path_kind(scope: Scope) -> str:
    """The path's template, for logs and counts: a path may name a payment or be a token."""
    return getattr(scope.get("route"), "path_format", "other")


def problem_body(
    code: str, details: Mapping[str, object], language: Language, *, instance: str, request_id: str
) -> dict[str, object]:
    """The members of one problem; those that RFC 9457 and docs/problems.md name cannot be replaced by details."""
    entry = PROBLEMS[code]
    members: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": entry.title_ko if language == "ko" else entry.title,
        "status": entry.status,
        "detail": explain(code, details, language),
        "instance": instance,
        "code": code,
        "request_id": request_id,
        "retryable": entry.retryable,
    }
    told = details_in_korean(details) if language == "ko" else details
    told = {
        **told,
        **{name: details[name] for name in SENTENCES & details.keys()},
    }  # as members they are read by programs
    shown = {_RENAMED.get(name, name): value for name, value in told.items() if name not in _HIDDEN}
    return members | {name: value for name, value in shown.items() if name not in members}


def explain(code: str, details: Mapping[str, object], language: Language) -> str:
    """The text for people, with the details in their places."""
    details = details_in_korean(details) if language == "ko" else details
    errors = details.get("errors")
    if isinstance(errors, list) and errors:
        details = {**details, "first": f"{errors[0]['field']}: {errors[0]['message']}"}
    text = PROBLEMS[code].detail_ko if language == "ko" else PROBLEMS[code].detail
    wanted = {name for _, name, _, _ in Formatter().parse(text) if name}
    return text.format(**{name: details.get(name, "?") for name in wanted})
