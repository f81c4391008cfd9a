"""What Schemathesis cannot read from the document. Its own process loads this through `schemathesis.toml`."""

import re
from itertools import count
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

from tests.support.korean import not_korean

_numbers = count(1)

RULES = {
    "POST /payments": r"currency|gateway|gateway_options\..+|tax|tax\.vat|amount|return_url|link_expires_at|save_billing_key",
    "POST /payments/{id}/attempts": "gateway",
    "POST /payments/complete": "payment_id",
    "POST /payments/{id}/refunds": r"tax|tax\.vat|refund_account",
    "POST /notification-endpoints": "url",
    "PATCH /notification-endpoints/{id}": "url",
    "POST /notifications/replay": "ids",
    "POST /webhooks/{gateway}": r"body|imp_uid|merchant_uid",
}
"""Fields that are right by the schema and wrong by a rule over several fields or the settings: which gateways are
configured, what they take, whether the tax fits into the amount, which schemes a return_url may have, what is past. JSON
Schema cannot say these, so `positive_data_acceptance` lets 422 pass for these calls, and this check looks at what was refused."""

NO_FRACTION = ("should be a valid integer", "정수여야 합니다")
"""To JSON Schema 24000.0 is an integer. To us it is not (law 10), and the body's description says so."""


@schemathesis.check
def refusals_have_a_reason(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A request that fits the document may be refused with 422 by one of the RULES only."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    body = response.json()
    if body["code"] == "idempotency_key_reused":  # one key for two generated bodies
        return
    rule = RULES.get(case.operation.label, "")
    others = [
        error
        for error in body["errors"]
        if not re.fullmatch(rule, error["field"]) and not error["message"].endswith(NO_FRACTION)
    ]
    assert not others, f"fields that fit their schema were refused: {others}"


@schemathesis.check
def problems_are_whole(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """Also answers that no operation documents (405, unknown paths) are problems with this request's own id."""
    if response.status_code >= 400 and not case.path.endswith("z"):
        assert response.headers["content-type"] == ["application/problem+json"], response.headers
        body = response.json()
        assert body["status"] == response.status_code
        assert [body["request_id"]] == response.headers["x-request-id"]
        assert not_korean(body) == []


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Make most good bodies orders of their own that Point3 can take, and refunds too; every fourth stays as it is."""
    is_positive = case.meta is not None and case.meta.generation.mode.is_positive
    body: Any = case.body
    is_refund = case.operation.label == "POST /payments/{id}/refunds"
    if not is_positive or not (is_refund or case.operation.label == "POST /payments") or not isinstance(body, dict):
        return
    number = next(_numbers)
    if number % 4 == 0:
        return
    case.headers["Idempotency-Key"] = f"key-{number}"
    if is_refund:
        for name in ("amount", "expected_refundable", "tax", "refund_account"):
            body.pop(name, None)
        return
    body["order_id"] = f"{body['order_id'][:100]}-{number}"
    body["amount"] = max(body["amount"], 10)
    for name in ("tax", "gateway_options", "save_billing_key", "link_expires_at"):
        body.pop(name, None)
