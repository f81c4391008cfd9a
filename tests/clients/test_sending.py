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


def after(*answers: httpx2.Response, patience_s: float = 60, may_repeat: bool = True) -> tuple[object, list[float]]:
    """Send one call, which is answered so; what it said in the end, and the pauses before each further try."""
    left, pauses = list(answers), list[float]()
    answering: Callable[[httpx2.Request], httpx2.Response] = lambda _: left.pop(0)  # noqa: E731  # typed for the transport
    with httpx2.Client(transport=httpx2.MockTransport(answering), follow_redirects=True) as client:
        request = client.build_request("GET", "http://onetill.example/payments")
        told = send(client, request, may_repeat=may_repeat, patience_s=patience_s, sleep=pauses.append)
    assert left == []
    return told, pauses


GOOD = {"id": "pay_1"}


def good() -> httpx2.Response:
    return httpx2.Response(202, json=GOOD)


def problem(retry_after: str | None = None, **changes: object) -> httpx2.Response:
    headers = {"Content-Type": "application/problem+json"} | (
        {} if retry_after is None else {"Retry-After": retry_after}
    )
    return httpx2.Response(503, json=PROBLEM | changes, headers=headers)


def test_it_waits_as_long_as_it_is_told() -> None:
    assert after(problem("7"), good()) == (GOOD, [7.0])


def test_untold_it_waits_longer_each_time() -> None:
    told, pauses = after(*(problem() for _ in range(4)), good())
    assert told == GOOD
    assert all(least <= pause <= 2 * least for pause, least in zip(pauses, (0.25, 0.5, 1, 2), strict=True))


@pytest.mark.parametrize("told", ["soon", "-1", "1e3", ""])
def test_what_is_no_number_is_no_wait(told: str) -> None:
    assert after(problem(told), good())[1][0] <= 0.5


JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(502, html="<h1>Bad gateway</h1>"),
        httpx2.Response(503, json={"code": "service_unavailable", "message": "no upstream"}),
        httpx2.Response(503, json={"code": "overloaded"}, headers={"Content-Type": "application/problem+json"}),
        httpx2.Response(404, content=b'{"type": "/prob', headers={"Content-Type": "application/problem+json"}),
        httpx2.Response(200, html="<h1>Sign in to this network</h1>"),
        httpx2.Response(200, content=b'{"id": "pay', headers=JSON_TYPE),
        httpx2.Response(200, content=b'{"id": "\xff"}', headers=JSON_TYPE),
        httpx2.Response(200, json=[GOOD]),
        httpx2.Response(200, content=b'{"id": "pay_1"}'),
        httpx2.Response(204),
    ],
    ids=lambda answer: f"{answer.status_code} {answer.headers.get('Content-Type')} {answer.text[:12]}",
)
def test_what_is_no_answer_of_onetill_is_asked_again(answer: httpx2.Response) -> None:
    assert after(answer, good())[0] == GOOD
    with pytest.raises(OnetillUnreachable):
        after(answer, may_repeat=False)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 404])
def test_no_other_place_answers_for_onetill(status: int) -> None:
    moved = httpx2.Response(status, headers={"Location": "http://elsewhere.example/payments"})
    with pytest.raises(OnetillUnreachable, match=f"{status} from /payments is not an answer of Onetill"):
        after(moved)


@pytest.mark.parametrize("error", [httpx2.LocalProtocolError("a header"), httpx2.UnsupportedProtocol("ftp")])
def test_what_was_never_sent_is_not_sent_again(error: httpx2.TransportError) -> None:
    def failing(_: httpx2.Request) -> httpx2.Response:
        raise error

    def never(_: float) -> None:
        pytest.fail("it waits to ask again")

    with httpx2.Client(transport=httpx2.MockTransport(failing)) as client, pytest.raises(OnetillUnreachable):
        send(client, client.build_request("GET", "http://o.example"), may_repeat=True, patience_s=60, sleep=never)


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
    ("method", "answer", "told"),
    [
        ("GET", httpx2.Response(200, json=GOOD), GOOD),
        ("GET", httpx2.Response(200, text="<svg/>", headers={"Content-Type": "image/svg+xml"}), "<svg/>"),
        ("DELETE", httpx2.Response(204), None),
    ],
    ids=["JSON", "a picture", "nothing"],
)
def test_a_call_without_a_method_answers_what_came(method: str, answer: httpx2.Response, told: object) -> None:
    with Onetill("https://onetill.example", "sk_test_1", transport=httpx2.MockTransport(lambda _: answer)) as onetill:
        assert onetill.call(method, "/anything") == told
