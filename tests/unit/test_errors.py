"""Every error has a code of its own, an answer in both languages, and texts whose gaps can be filled."""

import inspect
import re
from collections.abc import Iterator
from string import Formatter

import pytest

from app.api.problems import PROBLEMS
from app.domain import errors
from app.domain.errors import GatewayError, InvalidRequest, OnetillError, RefundRefused, Refusal, RefusedByGateway

ONLY_AT_THE_EDGE = {"method_not_allowed", "storage_unavailable", "internal_error"}
"""Codes that no domain error carries: the router, the database driver and our own mistakes cause them."""

FILLED_BY = {
    "webhook_refused": {"reason"},
    "invalid_request": {"first"},
    "malformed_id": {"prefix"},
    "body_too_large": {"limit_bytes"},
    "idempotency_key_in_use": {"retry_after_s"},
    "rate_limited": {"retry_after_s"},
    "unauthorized": {"hint"},
    "forbidden": {"hint"},
    "order_taken": {"payment_id"},
    "payment_not_open": {"status"},
    "payment_processing": {"retry_after_s"},
    "too_many_attempts": {"limit"},
    "too_many_endpoints": {"limit"},
    "encryption_key_missing": {"setting"},
    "refund_not_supported": {"gateway"},
    "payment_not_refundable": {"status"},
    "refund_exceeds_balance": {"amount", "refundable"},
    "refundable_mismatch": {"refundable"},
    "refund_tax_mismatch": {"raw_code"},
    "payment_unknown_at_gateway": {"raw_code"},
    "refund_invalid": {"raw_code"},
    "refund_declined": {"raw_code"},
    "nothing_to_resolve": {"status"},
    "resolution_refused": {"why"},
    "result_mismatch": {"action", "what"},
    "overloaded": {"retry_after_s"},
    "gateway_refused": {"raw_code"},
}
"""The details that whoever raises an error gives for its texts. A text may use these and no others."""

HANGUL = re.compile("[가-힣]")


def _classes() -> Iterator[type[OnetillError]]:
    waiting: list[type[OnetillError]] = [OnetillError]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting += found
        yield from found


WITH_CODE = [each for each in _classes() if "code" in vars(each)]


def test_only_the_bases_have_no_code() -> None:
    assert set(_classes()) - set(WITH_CODE) == {GatewayError, RefundRefused, RefusedByGateway}
    assert "code" not in vars(OnetillError)


def test_every_error_lives_in_the_one_module_of_errors() -> None:
    assert {each.__module__ for each in _classes()} == {errors.__name__}


def test_every_code_is_unique_and_stable_in_form() -> None:
    codes = [each.code for each in WITH_CODE]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


def test_every_error_has_an_answer_and_every_answer_an_error() -> None:
    assert set(PROBLEMS) == {each.code for each in WITH_CODE} | set(Refusal) | ONLY_AT_THE_EDGE
    assert not {each.code for each in WITH_CODE} & ONLY_AT_THE_EDGE


@pytest.mark.parametrize("error", WITH_CODE, ids=lambda each: str(each.code))
def test_every_error_says_what_happened_and_what_to_do(error: type[OnetillError]) -> None:
    assert (inspect.getdoc(error) or "").strip().endswith(".")


@pytest.mark.parametrize("code", PROBLEMS)
def test_the_texts_of_an_answer_use_only_details_that_are_given(code: str) -> None:
    problem = PROBLEMS[code]
    given = FILLED_BY.get(code, set())
    used = _gaps(problem.detail) | _gaps(problem.detail_ko)
    assert used <= given, "a text with a gap that nobody fills is answered with a question mark"
    assert given <= used, "FILLED_BY names a detail that no text uses"
    assert not _gaps(problem.title) | _gaps(problem.title_ko)
    for text in (problem.detail, problem.detail_ko):
        text.format(**dict.fromkeys(given, "…"))


@pytest.mark.parametrize("code", PROBLEMS)
def test_an_answer_is_written_in_both_languages(code: str) -> None:
    problem = PROBLEMS[code]
    assert HANGUL.search(problem.title_ko)
    assert HANGUL.search(problem.detail_ko)
    assert not HANGUL.search(problem.title + problem.detail)
    assert problem.title.strip()
    assert problem.detail.strip()


@pytest.mark.parametrize("code", PROBLEMS)
def test_an_answer_has_the_status_of_an_error(code: str) -> None:
    problem = PROBLEMS[code]
    assert 400 <= problem.status < 600
    if problem.status in {401, 403, 404, 405, 413, 415, 422}:
        assert not problem.retryable, "the same call again cannot go better"
    if problem.status >= 500:
        assert problem.retryable


def test_an_error_reads_as_its_code_and_details() -> None:
    assert str(errors.NotFound()) == "not_found"
    assert str(errors.MalformedId(prefix="pay")) == "malformed_id: {'prefix': 'pay'}"
    assert errors.MalformedId(prefix="pay").details == {"prefix": "pay"}


def test_an_invalid_request_names_each_field_and_the_way_out() -> None:
    refused = InvalidRequest(("amount", "must be above 0"), ("currency", "is missing"))
    assert refused.details == {
        "errors": [
            {"field": "amount", "message": "must be above 0"},
            {"field": "currency", "message": "is missing"},
        ]
    }


def test_the_gateway_errors_say_whether_it_may_have_acted() -> None:
    """The whole product branches on these three: none of them may be a kind of another."""
    kinds = (errors.GatewayUnavailable, errors.GatewayTimeout, errors.GatewayRefused)
    for kind in kinds:
        assert kind.__bases__ == (GatewayError,)


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}
