"""When the Python client sends a call again, and how long it waits."""

from collections.abc import Callable

import httpx2
import pytest
from onetill_client import Onetill
from onetill_client.sending import OnetillError, OnetillProblem, OnetillUnreachable, send

PROBLEM = {
    "type": "/problems/overloaded",
    "title": "Overloaded",
    "status": 503,
    "detail": "Ask again.",
    "instance": "/payments",
    "code": "overloaded",
    "request_id": "r1",
    "retryable": True,
}


def after(*answers: httpx2.Response, patience_s: float = 60, may_repeat: bool = True) -> tuple[int, list[float]]:
    """Send one call, which is answered so; its last status, and the pauses before each further try."""
    left, pauses = list(answers), list[float]()
    answering: Callable[[httpx2.Request], httpx2.Response] = lambda _: left.pop(0)  # noqa: E731  # typed for the transport
    with httpx2.Client(transport=httpx2.MockTransport(answering)) as client:
        request = client.build_request("GET", "http://onetill.example/payments")
        answer = send(client, request, may_repeat=may_repeat, patience_s=patience_s, sleep=pauses.append)
    assert left == []
    return answer.status_code, pauses


def good() -> httpx2.Response:
    return httpx2.Response(202, json={})


def problem(retry_after: str | None = None, **changes: object) -> httpx2.Response:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return httpx2.Response(503, json=PROBLEM | changes, headers=headers)


def test_it_waits_as_long_as_it_is_told() -> None:
    assert after(problem("7"), good()) == (202, [7.0])


def test_untold_it_waits_longer_each_time() -> None:
    status, pauses = after(*(problem() for _ in range(4)), good())
    assert status == 202
    assert all(least <= pause <= 2 * least for pause, least in zip(pauses, (0.25, 0.5, 1, 2), strict=True))


@pytest.mark.parametrize("told", ["soon", "-1", "1e3", ""])
def test_what_is_no_number_is_no_wait(told: str) -> None:
    assert after(problem(told), good())[1][0] <= 0.5


def test_a_page_of_a_proxy_is_no_answer() -> None:
    assert after(httpx2.Response(502, html="<h1>Bad gateway</h1>"), good())[0] == 202
    with pytest.raises(OnetillUnreachable, match="404 from /payments is not an answer of Onetill"):
        after(httpx2.Response(404, html="<h1>Nothing here</h1>"))


@pytest.mark.parametrize(
    ("answers", "options"),
    [
        ([problem(retryable=False)], {}),
        ([problem("61")], {}),
        ([problem("40"), problem("40")], {}),
        ([problem("7")], {"may_repeat": False}),
    ],
    ids=["final", "told to wait too long", "waited too long", "not to be repeated"],
)
def test_a_refusal_is_raised_where_no_further_try_may_help(
    answers: list[httpx2.Response], options: dict[str, bool]
) -> None:
    with pytest.raises(OnetillProblem) as given_up:
        after(*answers, **options)
    assert given_up.value.code == "overloaded"
    assert isinstance(given_up.value, OnetillError)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx2.Response(200, json={"id": "pay_1"}), {"id": "pay_1"}),
        (httpx2.Response(200, text="<svg/>", headers={"Content-Type": "image/svg+xml"}), "<svg/>"),
        (httpx2.Response(204), None),
    ],
    ids=["JSON", "text", "nothing"],
)
def test_a_call_without_a_method_answers_what_came(answer: httpx2.Response, told: object) -> None:
    with Onetill("http://onetill.example", "sk_test_1", transport=httpx2.MockTransport(lambda _: answer)) as onetill:
        assert onetill.call("GET", "/anything") == told
