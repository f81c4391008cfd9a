"""One call, sent until it is answered: the same request, and with it the same Idempotency-Key, every time."""

import time
from collections.abc import Callable
from random import uniform
from typing import Any, cast

import httpx2

from onetill_client.models import Problem

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 20.0

_MEMBERS = frozenset({"type", "title", "status", "detail", "instance", "code", "request_id", "retryable"})
"""What every problem of Onetill has."""


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
) -> Any:
    """What Onetill answered: JSON, the text of a picture, None to a DELETE. The request is sent again while that may help,
    after pauses of `patience_s` at most in all.

    Raises OnetillProblem and OnetillUnreachable for the last try's problem, or its lack of one.
    """
    waited_s, wait_s = 0.0, FIRST_WAIT_S
    while True:
        error: OnetillError
        cause: Exception | None = None
        told_s = 0.0
        try:
            answer = client.send(request, follow_redirects=False)
            if answer.is_success:
                return _told(answer)
            error, again = _failure(answer)
            told_s = _seconds(answer.headers.get("Retry-After"))
        except (httpx2.RequestError, ValueError) as lost:
            error, cause = OnetillUnreachable(f"{request.method} {request.url.path}: {lost!r}"), lost
            again = not isinstance(lost, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol)  # nothing was sent
        pause_s = max(told_s, uniform(wait_s / 2, wait_s))  # noqa: S311  # spreads callers; no secret
        if not (may_repeat and again) or waited_s + pause_s > patience_s:
            raise error from cause
        sleep(pause_s)
        waited_s, wait_s = waited_s + pause_s, min(2 * wait_s, LONGEST_WAIT_S)


def _told(answer: httpx2.Response) -> Any:
    """What a good answer says. Raises ValueError for one that is not Onetill's: a page of something in between, or half of it."""
    kind = _kind(answer)
    if answer.status_code == httpx2.codes.NO_CONTENT and answer.request.method == "DELETE":
        return None
    if kind == "image/svg+xml":
        return answer.text
    if kind == "application/json" and isinstance(told := answer.json(), dict):
        return told
    raise ValueError(
        f"{answer.status_code} with {kind or 'no type'} is not an answer of Onetill: {answer.text[:200]!r}"
    )


def _failure(answer: httpx2.Response) -> tuple[OnetillError, bool]:
    """What went wrong, and whether the same request may fare better later. A proxy's page in between is no answer of ours."""
    told = answer.json() if _kind(answer) == "application/problem+json" else None
    if isinstance(told, dict) and told.keys() >= _MEMBERS:
        return OnetillProblem(cast(Problem, told)), told["retryable"] is True
    text = f"{answer.status_code} from {answer.request.url.path} is not an answer of Onetill: {answer.text[:200]!r}"
    return OnetillUnreachable(text), answer.status_code == 429 or answer.status_code >= 500


def _kind(answer: httpx2.Response) -> str:
    return str(answer.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _seconds(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() else 0.0
