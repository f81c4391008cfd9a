"""What an answer says beside its problem's own text, in Korean: of wrong fields, of credentials, and of what stands in the way.

The English is the key, as in gettext, so whoever raises an error writes one language and knows no other. `{}` stands for what
is filled in, a gateway's title too. What has no entry stays English: tests/unit/test_korean_texts.py finds it in the code, and
tests/support/korean.py in every answer that a test gets.
"""

import re
from collections.abc import Mapping
from functools import cache

from app.domain.errors import Obstacle

SENTENCES = frozenset({"hint", "why", "reason", "what", "action"})
"""The details of a problem that are sentences, which its own text says on."""

LONGEST = 1_000
"""A longer text is a caller's own, for the most part: it stays as it is."""

TEXTS = {
    # of any field
    "is required": "필수입니다",
    "is not a known field": "알 수 없는 필드입니다",
    "is no parameter of this call; it takes {}": "이 호출에 없는 매개변수입니다. 쓸 수 있는 것: {}",
    "was given twice": "두 번 보냈습니다",
    "should not be null; leave it out to keep it": "null일 수 없습니다. 그대로 두려면 빼 주세요",
    "is past": "이미 지난 시각입니다",
    "is not known; {} has no options": "알 수 없습니다. {}에는 옵션이 없습니다",
    "is not known; this account takes {}": "알 수 없습니다. 이 계정에서 쓸 수 있는 것: {}",
    "is not known; {} takes {}": "알 수 없습니다. {}에서 쓸 수 있는 것: {}",
    "is not a `next_cursor` of this list; leave it out to start anew": (
        "이 목록의 `next_cursor`가 아닙니다. 처음부터 보려면 빼 주세요"
    ),
    "is no RFC 3339 time with a zone, such as {}": "시간대가 있는 RFC 3339 시각이 아닙니다. 예: {}",
    "holds what cannot be stored": "저장할 수 없는 값이 들어 있습니다",
    # of its type and size
    "should be an object": "객체여야 합니다",
    "should be a valid string": "문자열이어야 합니다",
    "should be a valid integer": "정수여야 합니다",
    "should be a valid integer, {}": "정수여야 합니다",
    "should be a valid number": "숫자여야 합니다",
    "should be a valid boolean": "true 또는 false여야 합니다",
    "should be a valid list": "배열이어야 합니다",
    "should be a valid dictionary": "객체여야 합니다",
    "should be a valid {}": "올바른 {} 값이 아닙니다",
    "should be a finite number": "유한한 숫자여야 합니다",
    "holds a number that is not finite": "유한하지 않은 숫자가 들어 있습니다",
    "should be a whole number": "정수여야 합니다",
    "should be true or false": "true 또는 false여야 합니다",
    "should be greater than or equal to {}": "{} 이상이어야 합니다",
    "should be greater than {}": "{}보다 커야 합니다",
    "should be less than or equal to {}": "{} 이하여야 합니다",
    "should be less than {}": "{}보다 작아야 합니다",
    "should have at least {} character": "{}자 이상이어야 합니다",
    "should have at least {} characters": "{}자 이상이어야 합니다",
    "should have at most {} character": "{}자 이하여야 합니다",
    "should have at most {} characters": "{}자 이하여야 합니다",
    "should have at least {} item after validation, not {}": "{}개 이상이어야 하는데 {}개입니다",
    "should have at least {} items after validation, not {}": "{}개 이상이어야 하는데 {}개입니다",
    "should have at most {} item after validation, not {}": "{}개 이하여야 하는데 {}개입니다",
    "should have at most {} items after validation, not {}": "{}개 이하여야 하는데 {}개입니다",
    "should be {}": "다음 중 하나여야 합니다: {}",
    # of its form
    "must be one line of text without control characters": "제어 문자가 없는 한 줄이어야 합니다",
    "must be lower-case letters, digits and underscores": "영문 소문자, 숫자, 밑줄만 쓸 수 있습니다",
    "must be letters, digits and underscores": "영문자, 숫자, 밑줄만 쓸 수 있습니다",
    "must be an e-mail address": "이메일 주소여야 합니다",
    "must be a phone number: digits, spaces and {}": "전화번호여야 합니다. 숫자, 공백, {}만 쓸 수 있습니다",
    "must be an ISO 3166-1 code of two capital letters": "영문 대문자 두 자의 ISO 3166-1 국가 코드여야 합니다",
    "must be an ISO 4217 code of three capital letters": "영문 대문자 세 자의 ISO 4217 통화 코드여야 합니다",
    "must be digits and dashes": "숫자와 하이픈만 쓸 수 있습니다",
    "must be one lower-case letter": "영문 소문자 한 자여야 합니다",
    "must be ten digits without dashes": "하이픈 없는 숫자 10자리여야 합니다",
    "must be 1 to 100 printable characters": "출력 가능한 문자 1~100자여야 합니다",
    "must be one line of 1 to 100 characters": "1~100자의 한 줄이어야 합니다",
    "must be 1 to 40 letters and digits, got {}": "영문자와 숫자 1~40자여야 합니다. 받은 값: {}",
    "must be a string": "문자열이어야 합니다",
    "must be true or false": "true 또는 false여야 합니다",
    "must be a whole number from 1 to {}": "1부터 {}까지의 정수여야 합니다",
    "must be JSON or a form": "JSON 또는 폼이어야 합니다",
    "must be a JSON object or a form": "JSON 객체 또는 폼이어야 합니다",
    "must be an https address": "https 주소여야 합니다",
    "must match {}": "{} 형식이어야 합니다",
    "must not be blank": "비어 있으면 안 됩니다",
    "must not contain the character NUL": "NUL 문자를 쓸 수 없습니다",
    "must not contain the invisible character {}": "보이지 않는 문자 {}를 쓸 수 없습니다",
    "must not contain {}, which is no part of a line": "줄을 바꾸는 문자 {}를 쓸 수 없습니다",
    "must not contain {}, which turns the direction of text": "글의 방향을 바꾸는 문자 {}를 쓸 수 없습니다",
    "names what no gateway would: too long, or with control characters": "너무 길거나 제어 문자가 있어 결제사의 값이 아닙니다",
    "is compressed and cannot be unpacked": "압축을 풀 수 없습니다",
    "is missing; send what the payment window returned": "없습니다. 결제창이 돌려준 값을 보내 주세요",
    # of an address
    "is not a URL": "URL이 아닙니다",
    "must not contain spaces or control characters": "공백이나 제어 문자를 쓸 수 없습니다",
    "must not contain a backslash": "역슬래시를 쓸 수 없습니다",
    "must not contain invisible characters: percent-encode them": "보이지 않는 문자는 퍼센트 인코딩해 주세요",
    "must start with one of {}": "다음 중 하나로 시작해야 합니다: {}",
    "has no host": "호스트가 없습니다",
    "must not contain a user name or a password": "사용자 이름이나 비밀번호를 넣을 수 없습니다",
    "has a host that is no plain one: write an international one as xn--…": (
        "호스트가 올바르지 않습니다. 다국어 도메인은 xn--…로 써 주세요"
    ),
    "is at none of the hosts of ONETILL_RETURN_HOSTS": "ONETILL_RETURN_HOSTS에 없는 호스트입니다",
    # of a notification endpoint, and of what is sent again
    "must be an https URL": "https URL이어야 합니다",
    "must be an http or https URL": "http 또는 https URL이어야 합니다",
    "is not a URL of printable ASCII with a host (write international names as xn--…)": (
        "출력 가능한 ASCII 문자와 호스트로 된 URL이 아닙니다. 다국어 도메인은 xn--…로 써 주세요"
    ),
    "must not name a user": "사용자 이름을 넣을 수 없습니다",
    "must not name a network zone, nor encode its host": "네트워크 영역을 넣거나 호스트를 인코딩할 수 없습니다",
    "must not have a fragment": "프래그먼트(#)를 넣을 수 없습니다",
    "must write an address as four decimal numbers, or as IPv6 in brackets": (
        "주소는 10진수 네 개 또는 대괄호로 묶은 IPv6로 써야 합니다"
    ),
    "leads to an address that is not public": "공개되지 않은 주소로 연결됩니다",
    "names port {}; allowed are {}": "포트 {}번은 쓸 수 없습니다. 쓸 수 있는 포트: {}",
    "is no event type; there are {}": "이벤트 유형이 아닙니다. 유형: {}",
    "is not an id of the kind {}_…": "{}_… 형식의 ID가 아닙니다",
    "or `since` or `until` is required: say what to send again": (
        "이 값이나 `since`, `until` 중 하나가 필요합니다. 다시 보낼 것을 정해 주세요"
    ),
    "chooses more than {} notifications; take a shorter time": "알림이 {}개보다 많습니다. 기간을 줄여 주세요",
    # of money
    "must be above 0": "0보다 커야 합니다",
    "must be above 0; {} would give back everything": "0보다 커야 합니다. 0이면 {}에서 전액이 환불됩니다",
    "must be above 0 and below the amount of {}, got {}": "0보다 크고 결제 금액 {}보다 작아야 합니다. 받은 값: {}",
    "must be from 1 to {} minor units": "최소 단위로 1부터 {}까지여야 합니다",
    "must be between 0 and the amount of {} minor units": "0부터 결제 금액 {}(최소 단위)까지여야 합니다",
    "must be between 0 and {} minor units, the amount without tax_free": "0부터 tax_free를 뺀 금액 {}(최소 단위)까지여야 합니다",
    "vat and tax_free together exceed the amount of {}": "vat와 tax_free의 합이 결제 금액 {}보다 큽니다",
    "does not fit what is left of the payment: {}, the rest {}": "결제의 남은 금액과 맞지 않습니다. {}, 나머지 {}",
    "the payment names its vat, so the refund must name it too": "결제에 vat가 있으므로 환불에도 vat가 필요합니다",
    "the payment names no vat, leave it out": "결제에 vat가 없으므로 빼 주세요",
    "add up to {} cents but the amount is {}; make them equal, or leave the items out": (
        "합계는 {}센트인데 결제 금액은 {}입니다. 같게 하거나 items를 빼 주세요"
    ),
    "{} is not an ISO 4217 currency": "{}은(는) ISO 4217 통화가 아닙니다",
    "{} is no ISO 3166-1 country; send its code, such as KR": "{}은(는) ISO 3166-1 국가가 아닙니다. KR 같은 코드를 보내 주세요",
    "is required: the buyer paid by transfer, name the account to send it back to": (
        "필수입니다. 구매자가 계좌로 입금했으므로 환불받을 계좌를 보내 주세요"
    ),
    # of a gateway
    "{} is not configured here; configured: {}": "{}은(는) 설정되어 있지 않습니다. 설정된 결제사: {}",
    "is no configured gateway; configured: {}": "설정되지 않은 결제사입니다. 설정된 결제사: {}",
    "no gateway is configured; set the {} variables of one": "설정된 결제사가 없습니다. 결제사 하나의 {} 변수를 설정해 주세요",
    "no routing rule (ONETILL_ROUTING) matches; name one of: {}": (
        "맞는 라우팅 규칙(ONETILL_ROUTING)이 없습니다. 다음 중 하나를 지정해 주세요: {}"
    ),
    "{} is not offered for this payment": "이 결제에는 {}을(를) 쓸 수 없습니다",
    "{} cannot save a means of payment": "{}은(는) 결제 수단을 저장할 수 없습니다",
    "{} takes {} only, got {}; choose another gateway": "{}은(는) {}만 받습니다. 받은 값은 {}이니 다른 결제사를 선택해 주세요",
    "{} takes {} only, got {}; convert it, or choose another gateway": (
        "{}은(는) {}만 받습니다. 받은 값은 {}이니 환산하거나 다른 결제사를 선택해 주세요"
    ),
    "{} takes {} an order, got {}; choose another gateway": (
        "{}은(는) 주문당 {}까지 받습니다. 받은 값은 {}이니 다른 결제사를 선택해 주세요"
    ),
    "{} takes {}; choose another gateway, or set MOST_USD if they raised it": (
        "{}은(는) {}까지 받습니다. 다른 결제사를 선택하거나, 한도가 올랐으면 MOST_USD를 설정해 주세요"
    ),
    "{} takes {} at least": "{}의 최소 금액은 {}입니다",
    "{} takes amounts of at most {} digits behind the point, {} has {}; choose another": (
        "{}은(는) 소수점 아래 {}자리까지 받는데 {}은(는) {}자리입니다. 다른 통화나 결제사를 선택해 주세요"
    ),
    "{} does not list {}; choose another gateway": "{}에 없는 통화 {}입니다. 다른 결제사를 선택해 주세요",
    "{} cannot take a sale without VAT (vat 0 of {}); offer another gateway for it": (
        "{}은(는) 부가세가 없는 결제({} 중 vat 0)를 받을 수 없습니다. 다른 결제사를 사용해 주세요"
    ),
    "{} is too small to carry 1 KRW of VAT, which {} requires": (
        "{}은(는) 너무 적어 {}이(가) 요구하는 부가세 1 KRW를 담을 수 없습니다"
    ),
    "{} gives back the whole payment only; leave the amount out": "{}은(는) 전액 환불만 지원합니다. amount를 빼 주세요",
    "{} gives money back the way it came; leave the account out": "{}은(는) 결제한 수단으로 환불합니다. 계좌를 빼 주세요",
    "{} needs the first and the last name with one space between, such as {}": (
        "{}에는 공백 하나로 나눈 이름과 성이 필요합니다. 예: {}"
    ),
    "{} needs the buyer's e-mail address": "{}에는 구매자의 이메일 주소가 필요합니다",
    "{} needs your name for the buyer": "{}에는 상점이 쓰는 구매자 ID가 필요합니다",
    "{} shows what there is in the buyer's country; leave it out": "{}이(가) 구매자 국가의 수단을 보여 줍니다. 빼 주세요",
    "deposits through {} are not taken here; choose another way to pay or another gateway": (
        "{} 가상계좌는 받지 않습니다. 다른 결제 수단이나 결제사를 선택해 주세요"
    ),
    "test would take test payments for a live order; leave it out": "test는 라이브 주문에 테스트 결제를 받게 됩니다. 빼 주세요",
    "is for the method {}; this order is paid by {}": "결제 수단 {}에만 씁니다. 이 주문의 결제 수단은 {}입니다",
    "names no payment: it needs imp_uid or merchant_uid, as JSON or as a form": (
        "어느 결제인지 알 수 없습니다. imp_uid 또는 merchant_uid가 JSON이나 폼으로 필요합니다"
    ),
    "must be a bank of {}'s list, such as {}": "{} 목록에 있는 은행이어야 합니다. 예: {}",
    "must be a word of {}'s list of pay methods, such as {}": "{} 결제 수단 목록에 있는 값이어야 합니다. 예: {}",
    "must be the scheme of your app, such as {}": "앱의 스킴이어야 합니다. 예: {}",
    "must be the code of a {} widget, such as {}": "{} 위젯 코드여야 합니다. 예: {}",
    "must be all, test, or the short code of a payment system": "all, test 또는 결제 시스템의 짧은 코드여야 합니다",
    "must be all, or the short code of a {} payment system": "all 또는 {} 결제 시스템의 짧은 코드여야 합니다",
    "must be a language of {}'s window, such as {}": "{} 결제창의 언어여야 합니다. 예: {}",
    "must be REAL or DIGITAL": "REAL 또는 DIGITAL이어야 합니다",
    "must be a wallet such as {}": "간편결제 수단이어야 합니다. 예: {}",
    "must be one of {}": "다음 중 하나여야 합니다: {}",
    # of credentials
    "This call needs a secret key; a client token works for its own payment only.": (
        "시크릿 키가 필요한 호출입니다. 클라이언트 토큰은 자기 결제에만 쓸 수 있습니다."
    ),
    "The key lacks the scope {}.": "이 키에는 {} 권한이 없습니다.",
    "This client token belongs to another payment.": "다른 결제의 클라이언트 토큰입니다.",
    "Send one `Authorization: Bearer sk_…`, or the payment's `ct_…` from a browser.": (
        "`Authorization: Bearer sk_…`를, 브라우저에서는 그 결제의 `ct_…`를 하나만 보내 주세요."
    ),
    "This client token is not one of ours, or its time is over.": "이 서버의 클라이언트 토큰이 아니거나 기한이 지났습니다.",
    "This deployment runs in {} mode; use an {} key.": "이 서버는 {} 모드입니다. {} 키를 사용해 주세요.",
    "The key is unknown or was revoked.": "알 수 없거나 폐기된 키입니다.",
    "The key's time is over: use its successor, or have the operator make one with `onetill keys create`.": (
        "키의 기한이 지났습니다. 새로 받은 키를 쓰거나, 운영자에게 `onetill keys create`로 만들어 달라고 하세요."
    ),
    "Send `Authorization: Bearer` with ONETILL_METRICS_TOKEN.": (
        "ONETILL_METRICS_TOKEN을 `Authorization: Bearer`로 보내 주세요."
    ),
    "{} is {}: nothing was changed. Only what is not decided is marked, or asked for again": (
        "{}은(는) {} 상태이므로 변경된 것은 없습니다. 결정되지 않은 것만 표시하거나 다시 요청할 수 있습니다"
    ),
    # of a webhook that is not believed
    "our settings hold no webhook secret": "웹훅 시크릿이 설정되어 있지 않습니다",
    "a webhook- header is missing": "webhook- 헤더가 없습니다",
    "a webhook- header cannot be read": "webhook- 헤더를 읽을 수 없습니다",
    "wrong clock, or sent again: rightly signed, and its timestamp is too old": (
        "서명은 맞지만 너무 오래되었습니다. 시계가 틀렸거나 다시 보낸 것입니다"
    ),
    "wrong clock, or sent again: rightly signed, and its timestamp is too far from ours": (
        "서명은 맞지만 시각이 이 서버와 너무 다릅니다. 시계가 틀렸거나 다시 보낸 것입니다"
    ),
    "wrong clock: rightly signed, and its timestamp is ahead of ours": (
        "서명은 맞지만 시각이 이 서버보다 앞섭니다. 시계가 틀렸습니다"
    ),
    "wrong secret, or forged: its signature is that of no secret of ours": (
        "서명이 어느 시크릿과도 맞지 않습니다. 시크릿이 틀렸거나 위조된 것입니다"
    ),
    "wrong secret, or forged: its signature is not that of our app and its secret": (
        "서명이 이 앱과 시크릿의 것이 아닙니다. 시크릿이 틀렸거나 위조된 것입니다"
    ),
    "its sender is not one of those that this account takes webhooks from": "이 계정이 웹훅을 받는 발신지가 아닙니다",
    # of a result that is not the payment's
    "it belongs to another order": "다른 주문의 결제입니다",
    "the amount is another": "금액이 다릅니다",
    "the currency is another": "통화가 다릅니다",
    "it was paid to another store": "다른 상점의 결제입니다",
    "it was paid through a live channel": "실제 결제 채널의 결제입니다",
    "it was paid through a test channel": "테스트 채널 결제입니다",
    "the order was paid already": "이미 결제된 주문입니다",
    "the payment was closed": "종료된 결제입니다",
    "another payment took the order meanwhile": "다른 결제로 처리된 주문입니다",
    "A person at the shop will give the money back.": "상점 담당자가 결제된 금액을 돌려드립니다.",
    "Nothing was charged for it.": "이 건으로 청구된 금액은 없습니다.",
    "A person at the shop has to look at it.": "상점 담당자가 확인해야 합니다.",
    "The money is being given back.": "결제된 금액을 돌려드리고 있습니다.",
    "The refund was requested from the gateway.": "결제사에 환불을 요청했습니다.",
    "The money was given back.": "결제된 금액을 돌려드렸습니다.",
    # of what stands in the way of a decision
    Obstacle.NOT_SHOWN_WHOLE.way_out: (
        "이 주문의 전액이 승인되고 아직 반영되지 않은 것으로 조회되지 않습니다. 결제사가 응답할 때 다시 시도하거나 "
        "결제를 닫아 주세요"
    ),
    Obstacle.NO_MONEY_SHOWN.way_out: (
        "돌려줄 수 있는 금액이 조회되지 않습니다. 받은 금액은 POST /payments/…/refunds로 환불해 주세요"
    ),
    Obstacle.MONEY_SHOWN.way_out: "결제사에 이 주문의 금액이 있습니다. 받거나 환불해 주세요",
    "the gateway says that it took money, and not clearly whose or how much. Give it back in its console: the next look-up "
    "ends the payment. Or try again when it answers clearly": (
        "결제사가 금액을 받았다고 응답했지만 누구의 얼마인지 분명하지 않습니다. 결제사 콘솔에서 환불하면 다음 조회에서 결제가 "
        "끝납니다. 또는 결제사가 분명히 응답할 때 다시 시도해 주세요"
    ),
    Obstacle.BY_HAND.way_out: "이 결제사에는 환불 API가 없습니다. 결제사 콘솔에서 환불한 뒤 결제를 닫아 주세요",
    Obstacle.REFUND_UNDECIDED.way_out: (
        "상점이 요청한 환불이 아직 결정되지 않았습니다. 먼저 `onetill refunds done`, `failed`, `ask-again` 중 하나로 "
        "결정해 주세요"
    ),
    Obstacle.CANCELED.way_out: "취소된 결제이므로 금액은 돌려주는 것만 가능합니다. 환불해 주세요",
    Obstacle.REFERENCE_TAKEN.way_out: (
        "이 금액의 결제사 참조 번호가 다른 결제에 묶여 있습니다. 결제사 콘솔에서 둘 다 확인해 초과한 금액을 환불한 뒤 "
        "이 결제를 닫아 주세요"
    ),
    Obstacle.REFUND_UNEXPLAINED.way_out: (
        "응답이 유실된 환불일 수 있는 환불이 결제사에 있습니다. 콘솔에서 확인한 뒤 `onetill refunds done --amount`, `failed`, "
        "`ask-again` 중 하나로 알려 주세요"
    ),
}


def in_korean(text: str) -> str:
    """The text in Korean; as it is where it has no entry."""
    if len(text) > LONGEST:
        return text
    if text in TEXTS:
        return TEXTS[text]
    for pattern, korean in _patterns():
        if found := pattern.fullmatch(text):
            return korean.format(*found.groups())
    return text


def details_in_korean(details: Mapping[str, object]) -> dict[str, object]:
    """The details of a problem, with the sentences among them in Korean."""
    told = {
        name: in_korean(value) if isinstance(value, str) and name in SENTENCES else value
        for name, value in details.items()
    }
    errors = details.get("errors")
    if isinstance(errors, list):
        told["errors"] = [{**each, "message": in_korean(each["message"])} for each in errors]
    return told


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The texts with something filled in: those that say most by themselves first."""
    longest_first = sorted((text for text in TEXTS if "{}" in text), key=lambda text: -len(text.replace("{}", "")))
    return [(re.compile(re.escape(text).replace(r"\{\}", "(.+?)"), re.DOTALL), TEXTS[text]) for text in longest_first]
