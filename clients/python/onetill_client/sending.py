"""One call, sent until it is answered: the same request, and with it the same Idempotency-Key, every time."""

import json
import time
from collections.abc import Callable
from random import uniform
from typing import cast

import httpx2

from onetill_client.models import Problem

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0


class OnetillError(Exception):
    """A call that did not do what was asked. Catch one of the two below where they mean different things to you."""


class OnetillProblem(OnetillError):
    """Onetill refused the call, or failed: branch on `code`, log `request_id`, show `detail`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(f"{problem['code']} ({problem['status']}): {problem['detail']}")
        self.problem = problem
        self.code: str = problem["code"]
        self.status = problem["status"]
        self.detail = problem["detail"]
        self.request_id = problem["request_id"]
        self.retryable = problem["retryable"]


class OnetillUnreachable(OnetillError):
    """No answer of Onetill came. Whether the call was carried out is not known: the same key finds out."""


def send(
    client: httpx2.Client,
    request: httpx2.Request,
    *,
    may_repeat: bool,
    patience_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> httpx2.Response:
    """The good answer to a request. It is sent again while that may help, after pauses of `patience_s` at most in all.

    Raises OnetillProblem and OnetillUnreachable for the last try's problem, or its lack of one.
    """
    waited_s, wait_s = 0.0, FIRST_WAIT_S
    while True:
        error: OnetillError
        cause: Exception | None = None
        told_s = 0.0
        try:
            answer = client.send(request)
        except httpx2.TransportError as lost:
            error, cause, again = OnetillUnreachable(f"{request.method} {request.url.path}: {lost!r}"), lost, True
        else:
            if answer.is_success:
                return answer
            error, again = _failure(answer)
            told_s = _seconds(answer.headers.get("Retry-After"))
        pause_s = max(told_s, uniform(wait_s / 2, wait_s))  # noqa: S311  # spreads callers; no secret
        if not (may_repeat and again) or waited_s + pause_s > patience_s:
            raise error from cause
        sleep(pause_s)
        waited_s, wait_s = waited_s + pause_s, min(2 * wait_s, LONGEST_WAIT_S)


def _failure(answer: httpx2.Response) -> tuple[OnetillError, bool]:
    """What went wrong, and whether the same request may fare better later. A proxy's page in between is no answer of ours."""
    try:
        told = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        told = None
    if isinstance(told, dict) and isinstance(told.get("code"), str):
        return OnetillProblem(cast(Problem, told)), bool(told.get("retryable"))
    text = f"{answer.status_code} from {answer.request.url.path} is not an answer of Onetill: {answer.text[:200]!r}"
    return OnetillUnreachable(text), answer.status_code == 429 or answer.status_code >= 500


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0
