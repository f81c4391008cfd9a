from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from .driver import Driver


class Page(HTMLParser):
    """What a browser would find: elements by id, and the token."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: dict[str, str] = {}
        self.tags: list[str] = []
        self.options: list[str] = []
        self.token: str | None = None
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if values.get("id"):
            self.ids[str(values["id"])] = tag
        if tag == "option":
            self.options.append(values.get("value") or "")
        self.token = values.get("data-token", self.token)

    def handle_data(self, data: str) -> None:
        self.words += data


async def open_widget(sim: Driver, token: str) -> Page:
    answer = await sim.http.get(f"/?d={quote(token, safe='')}", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert "x-frame-options" not in answer.headers
    assert "content-security-policy" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    return Page(answer.text)


async def press(sim: Driver, action: str, token: str, scenario: str = "") -> tuple[int, dict[str, str]]:
    body = {"token": token, "scenario": scenario}
    answer = await sim.http.post(f"/widget/{action}", json=body, headers={"Authorization": ""})
    return answer.status_code, answer.json()


async def test_the_widget_shows_the_order_and_three_buttons(sim: Driver) -> None:
    token = await sim.token()
    page = await open_widget(sim, token)
    assert page.token == token
    for words in ("온틸 상점", "Coffee beans", "12,000원"):
        assert words in page.words
    assert [page.ids[name] for name in ("pay", "decline", "leave", "scenario")] == ["button"] * 3 + ["select"]
    assert {"", "paid", "accept_then_hang", "sparse"} <= set(page.options)


async def test_what_the_merchant_sent_cannot_become_markup(sim: Driver) -> None:
    evil = '"><script>alert(1)</script>'
    page = await open_widget(sim, await sim.token(clientNickname=evil, purchasingProductName=evil))
    assert page.tags.count("script") == 1
    assert evil in page.words


async def test_pay_answers_the_signature_of_this_session(sim: Driver) -> None:
    first, second = await sim.token(total=1_000), await sim.token(total=2_000)
    status, answer = await press(sim, "pay", first)
    assert status == 200
    assert list(answer) == ["signature"]
    assert (await sim.look(answer["signature"])).json()["result"]["totalCharge"] == 1_000
    assert second != first


async def test_pay_follows_the_chosen_scenario(sim: Driver) -> None:
    _, answer = await press(sim, "pay", await sim.token(), "declined")
    assert (await sim.confirm(answer["signature"])).status_code == 400


async def test_pay_without_a_choice_follows_the_plan(sim: Driver) -> None:
    await sim.plan("abandoned")
    _, answer = await press(sim, "pay", await sim.token())
    assert answer["status"] == "error"


async def test_decline_fails_the_payment_for_good(sim: Driver) -> None:
    token = await sim.token()
    status, answer = await press(sim, "decline", token)
    assert (status, answer["status"]) == (200, "error")
    assert (await sim.truth())["status"] == "FAILED"
    status, answer = await press(sim, "pay", token)
    assert (status, answer["status"]) == (409, "error")


async def test_leave_abandons_the_payment_until_the_buyer_comes_back(sim: Driver) -> None:
    token = await sim.token()
    assert (await press(sim, "leave", token))[1]["status"] == "error"
    assert (await sim.truth())["status"] == "ABANDONED"
    assert "signature" in (await press(sim, "pay", token))[1]


@pytest.mark.parametrize("query", ["", "?d=", "?d=nobody", "?x=1"])
async def test_an_unknown_token_gets_a_readable_page(sim: Driver, query: str) -> None:
    answer = await sim.http.get(f"/{query}")
    assert answer.status_code == 404
    assert "unknown" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_token_that_was_not_encoded_is_unknown(sim: Driver) -> None:
    token = await sim.token()
    assert (await sim.http.get(f"/?d={token}")).status_code == 404


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("pay", b'{"token": "nobody\'s"}', 404),
        ("pay", b'{"token": 1}', 404),
        ("pay", b"", 404),
        ("pay", b'{"token": "T", "scenario": "stolen"}', 422),
        ("pay", b'{"token": "T", "scenario": ["paid"]}', 422),
        ("refund", b'{"token": "T"}', 404),
    ],
)
async def test_wrong_presses_are_refused(sim: Driver, action: str, body: bytes, status: int) -> None:
    token = await sim.token()
    answer = await sim.http.post(f"/widget/{action}", content=body.replace(b'"T"', f'"{token}"'.encode()))
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
