from html.parser import HTMLParser
from typing import Any

import pytest

from .driver import Driver

FOUR = ["point3", "portone_v1", "portone_v2", "unifi_pay"]


async def test_healthz(sim: Driver) -> None:
    answer = await sim.admin.get("/healthz")
    assert (answer.status_code, answer.json()["gateways"]) == (200, FOUR)


async def test_pay_of_an_unknown_reference_is_404_and_names_it(sim: Driver) -> None:
    answer = await sim.admin.post("/_sim/pay", json={"gateway": "point3", "reference": "nobody's"})
    assert answer.status_code == 404
    assert "nobody's" in answer.json()["error"]


async def test_pay_of_a_failed_payment_is_409(sim: Driver) -> None:
    await sim.confirm(await sim.paid(scenario="declined"))
    answer = await sim.admin.post("/_sim/pay", json={"gateway": "point3", "reference": "order1"})
    assert answer.status_code == 409
    assert "FAILED" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "body", "field", "allowed"),
    [
        ("pay", {"reference": "x"}, "gateway", "point3"),
        ("pay", {"gateway": "point4", "reference": "x"}, "gateway", "point3"),
        ("pay", {"gateway": ["point3"], "reference": "x"}, "gateway", "point3"),
        ("pay", {"gateway": "point3"}, "reference", None),
        ("pay", {"gateway": "point3", "reference": ""}, "reference", None),
        ("pay", {"gateway": "point3", "reference": 1}, "reference", None),
        ("pay", {"gateway": "point3", "reference": "x", "scenario": "stolen"}, "scenario", "accept_then_hang"),
        ("pay", {"gateway": "point3", "reference": "x", "scenario": {}}, "scenario", "paid"),
        ("scenario", {"gateway": "point3"}, "scenario", "no_lookup_before_confirm"),
        ("scenario", {"scenario": "paid"}, "gateway", "point3"),
        ("scenario", {"gateway": "point3", "scenario": "declined", "call": "lookup"}, "call", "confirm"),
        ("scenario", {"gateway": "point3", "scenario": "slow", "call": "call"}, "call", "settlement"),
        ("scenario", {"gateway": "point3", "scenario": "slow", "times": -2}, "times", None),
        ("scenario", {"gateway": "point3", "scenario": "slow", "times": True}, "times", None),
        ("scenario", {"gateway": "point3", "scenario": "slow", "times": "1"}, "times", None),
        ("scenario", {"gateway": "point3", "scenario": "slow", "reference": 5}, "reference", None),
        ("webhooks", {"gateway": "point3"}, "mode", "reorder"),
        ("webhooks", {"gateway": "point3", "mode": "forge"}, "mode", "reorder"),
        ("advance", {}, "seconds", None),
        ("advance", {"seconds": -1}, "seconds", None),
        ("advance", {"seconds": True}, "seconds", None),
        ("advance", {"seconds": "5"}, "seconds", None),
        ("advance", {"seconds": 10**300}, "seconds", None),
    ],
)
async def test_a_wrong_field_is_422_named_and_lists_what_is_allowed(
    sim: Driver, path: str, body: dict[str, Any], field: str, allowed: str | None
) -> None:
    answer = await sim.admin.post(f"/_sim/{path}", json=body)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["field"] == field
    assert problem["error"].startswith(field)
    if allowed is not None:
        assert allowed in problem["allowed"]
        assert allowed in problem["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"gateway": "\\ud800"}'])
async def test_a_body_that_is_no_object_is_422(sim: Driver, body: bytes) -> None:
    assert (await sim.admin.post("/_sim/pay", content=body)).status_code == 422


@pytest.mark.parametrize("path", ["journal", "calls"])
async def test_lists_of_an_unknown_gateway_are_422(sim: Driver, path: str) -> None:
    answer = await sim.admin.get(f"/_sim/{path}", params={"gateway": "point4"})
    assert (answer.status_code, answer.json()["allowed"]) == (422, FOUR)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/_sim/x", 404), ("GET", "/_sim/pay", 405)])
async def test_unknown_paths_and_methods_are_json(sim: Driver, method: str, path: str, status: int) -> None:
    answer = await sim.admin.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("mode", ["send", "lose", "duplicate", "reorder", "delay"])
async def test_point3_says_that_it_has_no_webhooks(sim: Driver, mode: str) -> None:
    answer = await sim.admin.post("/_sim/webhooks", json={"gateway": "point3", "mode": mode})
    assert answer.status_code == 409
    assert "no webhooks" in answer.json()["error"]


@pytest.mark.parametrize(
    ("scenario", "calls"),
    [
        ("declined", ["confirm"]),
        ("accept_then_hang", ["confirm", "cancel"]),
        ("slow", ["token", "lookup", "confirm", "cancel", "settlement", "refresh"]),
        ("garbage", ["token", "lookup", "confirm", "cancel", "settlement", "refresh"]),
        ("amount_differs", ["lookup"]),
        ("no_lookup_before_confirm", ["lookup"]),
        ("other_orders_signature", ["pay"]),
        ("abandoned", ["pay"]),
        ("paid", ["pay"]),
    ],
)
async def test_the_calls_that_a_scenario_changes_by_itself(sim: Driver, scenario: str, calls: list[str]) -> None:
    assert await sim.plan(scenario) == {
        "gateway": "point3",
        "scenario": scenario,
        "reference": None,
        "times": 1,
        "calls": calls,
    }


async def test_clearing_forgets_one_reference_or_one_call_only(sim: Driver) -> None:
    await sim.plan("slow", reference="a", call="confirm")
    await sim.plan("slow", reference="b", call="confirm")
    await sim.plan("slow", call="token")
    await sim.plan("garbage")
    assert (await sim.plan("slow", times=0, reference="a"))["cleared"] == 1
    assert (await sim.plan("slow", times=0, call="token"))["cleared"] == 1
    assert (await sim.plan("slow", times=0))["cleared"] == 1
    assert (await sim.plan("garbage", times=0))["cleared"] == 1


async def test_the_journal_is_oldest_first_and_of_all_gateways_without_a_filter(sim: Driver) -> None:
    await sim.token("a")
    await sim.token("b")
    rows = (await sim.admin.get("/_sim/journal")).json()
    assert [(row["reference"], row["gateway_ref"], row["status"]) for row in rows] == [
        ("a", None, "TOKEN_ISSUED"),
        ("b", None, "TOKEN_ISSUED"),
    ]
    assert rows == await sim.journal()


async def test_calls_lists_what_arrived_and_how_it_was_answered(sim: Driver) -> None:
    await sim.look(await sim.paid())
    await sim.http.get("/api/settlement", headers={"Authorization": "Basic wrong"})
    calls = (await sim.admin.get("/_sim/calls", params={"gateway": "point3"})).json()
    assert [(call["method"], call["path"], call["reference"], call["status"]) for call in calls] == [
        ("POST", "/purchase/token", "order1", 200),
        ("GET", "/api/payments/{signature}", "order1", 200),
        ("GET", "/api/settlement", None, 401),
    ]


async def test_advance_adds_up(sim: Driver) -> None:
    await sim.advance(10)
    answer = await sim.admin.post("/_sim/advance", json={"seconds": 0.5})
    assert answer.json()["advanced_s"] == 10.5


async def test_reset_forgets_payments_plans_calls_time_and_the_new_secret(sim: Driver) -> None:
    first = sim.simulator.gateways["point3"]["secret"]
    signature = await sim.paid()
    await sim.plan("error_500", times=-1, call="lookup")
    await sim.advance(50)
    await sim.http.post("/api/token/refresh")
    assert (await sim.admin.post("/_sim/reset")).status_code == 200
    assert await sim.journal() == []
    assert (await sim.admin.get("/_sim/calls")).json() == []
    assert sim.simulator.gateways["point3"]["secret"] == first
    assert (await sim.look(signature)).status_code == 404
    assert (await sim.admin.post("/_sim/advance", json={"seconds": 0})).json()["advanced_s"] == 0


class Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


async def test_the_page_shows_the_journal_escaped_and_renews_itself(sim: Driver) -> None:
    evil = "<img src=x onerror=alert(1)>"
    signature = await sim.paid(evil)
    await sim.plan("slow", reference=evil, times=-1)
    answer = await sim.admin.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Markup()
    page.feed(answer.text)
    assert "img" not in page.tags
    assert evil in page.words
    assert "WIDGET_DONE" in page.words
    assert "until cleared" in page.words
    assert "accept_then_hang" in page.words
    assert '<meta http-equiv="refresh" content="2">' in answer.text
    assert signature not in page.words


async def test_the_page_of_an_empty_simulator(sim: Driver) -> None:
    assert "No payment yet." in (await sim.admin.get("/")).text
