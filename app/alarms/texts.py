"""The texts of mails about alarms, in both languages under the same names."""

from app.domain.language import Language

_ENGLISH = {
    "failing": "endpoint {host} takes nothing ({step} % of {days} days)",
    "paused": "endpoint {host} is paused: it took nothing for {days} days",
    "gone": "endpoint {host} is paused: it says that it is gone (410)",
    "payment": "payment {id} needs a person",
    "many": "{count} alarms",
    "endpoint_lines": (
        "Endpoint {host} ({id}, store {store})\n  Description: {description}\n  State: {state}\n  Since: {since}\n"
        "  It answered: {answered}\n  Waiting: {waiting}"
    ),
    "endpoint_failing": (
        "takes nothing; it is at {step} % of {days} days. At 100 %, having refused five different events, it is paused"
    ),
    "endpoint_paused": "paused. It took nothing for {days} days",
    "endpoint_gone": "paused. It answered 410",
    "mend_failing": (
        "Mend the server behind it, or change its url (PATCH /notification-endpoints/{id}). It is probed "
        "every hour, and all\n  that waits comes with the first event that it takes. Nothing is skipped."
    ),
    "mend_paused": (
        "Mend the server behind it, or change its url (PATCH /notification-endpoints/{id}); then resume it, "
        "and all that waits\n"
        "  comes. Nothing is skipped, but events older than ONETILL_KEEP_EVENTS_DAYS are deleted."
    ),
    "waiting": "{count} events, the oldest of {oldest}",
    "nothing": "nothing",
    "over": "more than {count}",
    "none": "-",
    "payment_lines": (
        "Payment {id} (store {store}, order {order})\n  Amount: {amount} by {gateway}\n  Status: {status}\n"
        "  Why: {why} ({code})"
    ),
    "decide": (
        "Look at what was said with the gateway, and at its console; then decide: accept, refund or close "
        "(docs/states.md)."
    ),
    "more": "And {count} more: `onetill notifications endpoints`, GET /payments?needs_attention=true.",
    "end": (
        "Onetill sent this because ONETILL_ALARMS__MAIL_TO names you. Each alarm is sent once; it does not "
        "come again while it holds."
    ),
    "test": "test of the alarms by mail",
    "test_text": "This is what `onetill alarms test` sends. Mails about alarms will come to you like this one.",
}
_KOREAN = {
    "failing": "엔드포인트 {host}가 아무것도 받지 않습니다({days}일의 {step} %)",
    "paused": "엔드포인트 {host} 중지됨: {days}일 동안 아무것도 받지 않았습니다",
    "gone": "엔드포인트 {host} 중지됨: 없어졌다고 응답했습니다(410)",
    "payment": "결제 {id}에 담당자 확인이 필요합니다",
    "many": "알람 {count}건",
    "endpoint_lines": (
        "엔드포인트 {host} ({id}, 상점 {store})\n  설명: {description}\n  상태: {state}\n  시작: {since}\n"
        "  응답: {answered}\n  대기: {waiting}"
    ),
    "endpoint_failing": (
        "아무것도 받지 않습니다. 지금 {days}일의 {step} %입니다. "
        "서로 다른 이벤트 다섯 건을 받지 않은 채 100 %가 되면 중지됩니다"
    ),
    "endpoint_paused": "중지됨. {days}일 동안 아무것도 받지 않았습니다",
    "endpoint_gone": "중지됨. 410으로 응답했습니다",
    "mend_failing": (
        "엔드포인트의 서버를 고치거나 url을 바꾸십시오(PATCH /notification-endpoints/{id}). 한 시간마다 다시 "
        "시도하며, 처음으로\n  받는 이벤트와 함께 기다리던 것이 모두 전송됩니다. 빠지는 것은 없습니다."
    ),
    "mend_paused": (
        "엔드포인트의 서버를 고치거나 url을 바꾼 뒤(PATCH /notification-endpoints/{id}) 다시 시작하십시오. "
        "기다리던 것이 모두\n"
        "  전송됩니다. 빠지는 것은 없지만 ONETILL_KEEP_EVENTS_DAYS보다 오래된 이벤트는 삭제됩니다."
    ),
    "waiting": "이벤트 {count}건, 가장 오래된 것은 {oldest}",
    "nothing": "없음",
    "over": "{count}건 초과",
    "none": "-",
    "payment_lines": (
        "결제 {id} (상점 {store}, 주문 {order})\n  금액: {amount}, {gateway}\n  상태: {status}\n  이유: {why} ({code})"
    ),
    "decide": (
        "결제사와 주고받은 것과 결제사 콘솔을 확인한 뒤 accept, refund, close 가운데 하나로 정하십시오(docs/states.md)."
    ),
    "more": "이 밖에 {count}건: `onetill notifications endpoints`, GET /payments?needs_attention=true.",
    "end": (
        "ONETILL_ALARMS__MAIL_TO에 이 주소가 있어 Onetill이 보냈습니다. 알람은 한 번씩만 보내며, 계속되는 "
        "동안 다시 보내지 않습니다."
    ),
    "test": "알람 메일 시험",
    "test_text": "`onetill alarms test`가 보내는 메일입니다. 알람은 이렇게 메일로 옵니다.",
}
TEXTS: dict[Language, dict[str, str]] = {"en": _ENGLISH, "ko": _KOREAN}
