"""The payment window without a browser: what `IMP.request_pay` takes, and what comes back."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from simulator.server import Simulator

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def refused(v1: V1Driver, **changes: Any) -> str:
    """The error code of a window that never opened."""
    answer = await v1.open(**changes)
    rsp = answer["rsp"]
    assert set(answer) == {"rsp", "redirect"}
    assert (rsp["success"], rsp["imp_success"], rsp["imp_uid"]) == (False, False, None)
    assert rsp["error_msg"]
    assert all(row["status"] == "prepared" for row in await v1.journal())
    return str(rsp["error_code"])


async def test_the_script_is_served_to_anybody_at_both_addresses(v1: V1Driver) -> None:
    assert v1.account["script_url"] == v1.account["base_url"] + "/v1/iamport.js"
    texts = set()
    for path in ("/v1/iamport.js", "/iamport.js"):
        answer = await v1.http.get(path)
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["access-control-allow-origin"] == "*"
        texts.add(answer.text)
    assert len(texts) == 1


async def test_each_opening_is_a_new_imp_uid_that_is_ready(v1: V1Driver) -> None:
    one, two = await v1.open(), await v1.open()
    assert one["imp_uid"] != two["imp_uid"]
    assert [row["status"] for row in await v1.journal()] == ["ready", "ready"]
    shown = await v1.shown(one["imp_uid"])
    assert (shown["status"], shown["paid_at"], shown["vbank_num"]) == ("ready", 0, None)


async def test_the_window_shows_what_is_bought_and_escapes_it(v1: V1Driver) -> None:
    opened = await v1.open(amount=1234.5, currency="USD", name="<b>Beans</b>")
    answer = await v1.http.get(opened["window"])
    assert "1,234.50 USD" in answer.text
    assert "&lt;b&gt;Beans&lt;/b&gt;" in answer.text
    assert "<b>Beans" not in answer.text
    assert 'value="late_approval"' in answer.text
    assert 'value="token_expired"' not in answer.text
    assert (await v1.http.get("/window?imp_uid=imp_0")).status_code == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"reference": "x" * 41},
        {"reference": ""},
        {"reference": None},
        {"reference": 7},
        {"name": None},
        {"name": "x" * 41},
        {"amount": None},
        {"amount": 0},
        {"amount": -5},
        {"amount": "12000"},
        {"amount": 12_000.5},
        {"amount": {"total": 8_900}},
        {"currency": None},
        {"currency": "CURRENCY_KRW"},
        {"buyer_name": None},
        {"buyer_name": "Hong"},
        {"buyer_name": "Hong  Gildong"},
        {"buyer_name": "Hong Gil Dong"},
        {"buyer_email": None},
        {"buyer_email": "nobody"},
        {"channelKey": "channel-key-of-somebody-else"},
        {"channelKey": None, "pg": "html5_inicis"},
        {"notice_url": "not an address"},
        {"notice_url": ["http://[::1"]},
        {"m_redirect_url": "javascript:alert(1)"},
        {"tax_free": 13_000},
        {"customer_uid": "card1"},
        {"confirm_url": "https://shop.example/confirm"},
    ],
)
async def test_wrong_params_open_nothing(v1: V1Driver, changes: dict[str, Any]) -> None:
    assert await refused(v1, **changes) == "F1000"


@pytest.mark.parametrize(
    "changes",
    [
        {"channelKey": None},
        {"channelKey": None, "pg": "paymentwall"},
        {"channelKey": None, "pg": "paymentwall.t_0123456789"},
        {"reference": "x" * 40, "name": "커" * 40},
        {"amount": 0.01, "currency": "USD"},
        {"pay_method": "anything", "bypass": {"widget_code": "t3_1"}, "app_scheme": "app"},
    ],
)
async def test_right_params_open_a_window(v1: V1Driver, changes: dict[str, Any]) -> None:
    assert set(await v1.open(**changes)) == {"imp_uid", "window"}


async def test_without_init_or_with_somebody_elses_code_nothing_opens(v1: V1Driver) -> None:
    for code in (None, "imp99999999"):
        body = {"user_code": code, "params": v1.params(), "is_mobile": False}
        answer = (await v1.http.post("/browser/payments", json=body)).json()
        assert (answer["rsp"]["success"], answer["rsp"]["imp_uid"]) == (False, None)
        assert answer["rsp"]["merchant_uid"] == "order1"
    for content in ("", "[]", '{"user_code":"imp00000000"}', '{"user_code":"imp00000000","params":[]}'):
        answer = (await v1.http.post("/browser/payments", content=content)).json()
        assert (answer["rsp"]["error_code"], answer["rsp"]["merchant_uid"]) == ("F1000", None)


async def test_another_amount_than_was_prepared_stops_before_the_window(v1: V1Driver) -> None:
    await v1.prepare()
    assert await refused(v1, amount=11_999) == "F1003"
    assert await refused(v1, amount=12_000, currency="USD") == "F1003"
    assert "imp_uid" in await v1.open()


async def test_a_changed_registration_counts(v1: V1Driver) -> None:
    await v1.prepare()
    await v1.http.put("/payments/prepare", json={"merchant_uid": "order1", "amount": 9_000, "currency": "KRW"})
    assert await refused(v1) == "F1003"
    assert "imp_uid" in await v1.open(amount=9_000)


async def test_a_paid_merchant_uid_opens_no_window(v1: V1Driver) -> None:
    imp_uid = await v1.paid()
    answer = await v1.open()
    assert answer["rsp"]["error_code"] == "F1002"
    assert answer["rsp"]["error_msg"] == "이미 결제가 이루어진 거래건입니다."
    await v1.cancel(imp_uid)
    assert (await v1.open())["rsp"]["error_code"] == "F1002"
    assert len(await v1.journal()) == 1


async def test_of_two_open_windows_one_can_be_paid(v1: V1Driver) -> None:
    one, two = await v1.open(), await v1.open()
    assert (await v1.window(one["imp_uid"])).status_code == 200
    assert (await v1.window(two["imp_uid"])).status_code == 409
    assert (await v1.window(one["imp_uid"])).status_code == 409
    assert [row["captures"] for row in await v1.journal()] == [1, 0]


async def test_paying_gives_the_callback_most_of_the_payment(v1: V1Driver) -> None:
    imp_uid = (await v1.open(amount=12.34, currency="USD", custom_data="as it is"))["imp_uid"]
    answer = (await v1.window(imp_uid)).json()["response"]
    rsp = answer["rsp"]
    wanted = {
        "success": True,
        "imp_success": True,
        "imp_uid": imp_uid,
        "merchant_uid": "order1",
        "paid_amount": 12.34,
        "currency": "USD",
        "status": "paid",
        "pg_provider": "paymentwall",
        "buyer_email": "gildong@shop.example",
        "custom_data": "as it is",
        "error_code": None,
        "error_msg": None,
    }
    assert {name: rsp[name] for name in wanted} == wanted
    assert answer["redirect"] is None


async def test_declining_and_leaving_tell_an_error(v1: V1Driver) -> None:
    imp_uid = (await v1.open())["imp_uid"]
    left = (await v1.window(imp_uid, "leave")).json()["response"]["rsp"]
    assert (left["success"], left["imp_uid"]) == (False, imp_uid)
    assert left["error_msg"] == "[결제포기] 사용자가 결제를 취소하셨습니다"
    assert (await v1.shown(imp_uid))["status"] == "ready"
    declined = (await v1.window(imp_uid, "decline")).json()["response"]["rsp"]
    assert (declined["success"], declined["error_code"]) == (False, "F0004")
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["fail_reason"]) == ("failed", declined["error_msg"])
    assert shown["failed_at"] >= shown["started_at"]
    assert (await v1.window(imp_uid)).status_code == 409


async def test_on_mobile_the_result_travels_in_the_query_of_m_redirect_url(v1: V1Driver) -> None:
    url = "https://shop.example/return?cart=7#top"
    imp_uid = (await v1.open(is_mobile=True, m_redirect_url=url))["imp_uid"]
    assert (await v1.shown(imp_uid))["channel"] == "mobile"
    left = urlsplit((await v1.window(imp_uid, "leave")).json()["response"]["redirect"])
    query = {name: values[0] for name, values in parse_qs(left.query).items()}
    assert (left.path, left.fragment) == ("/return", "top")
    error = {"error_code": "F1001", "error_msg": "[결제포기] 사용자가 결제를 취소하셨습니다"}
    assert query == {"cart": "7", "imp_uid": imp_uid, "merchant_uid": "order1", "imp_success": "false", **error}
    paid = urlsplit((await v1.window(imp_uid)).json()["response"]["redirect"])
    assert paid.query == f"cart=7&imp_uid={imp_uid}&merchant_uid=order1&imp_success=true"


async def test_on_a_pc_m_redirect_url_is_not_used(v1: V1Driver) -> None:
    imp_uid = (await v1.open(m_redirect_url="https://shop.example/return"))["imp_uid"]
    assert (await v1.window(imp_uid)).json()["response"]["redirect"] is None


async def test_mobile_needs_m_redirect_url_and_gets_failures_there_too(v1: V1Driver) -> None:
    assert (await v1.open(is_mobile=True))["redirect"] is None
    answer = await v1.open(amount=0, is_mobile=True, m_redirect_url="https://shop.example/return")
    query = parse_qs(urlsplit(answer["redirect"]).query)
    assert (query["imp_success"], query["merchant_uid"], query["error_code"]) == (["false"], ["order1"], ["F1000"])
    assert "imp_uid" not in query


async def test_the_windows_buttons_refuse_nonsense(v1: V1Driver) -> None:
    imp_uid = (await v1.open())["imp_uid"]
    assert (await v1.window("imp_0")).status_code == 404
    assert (await v1.window(imp_uid, "steal")).status_code == 404
    assert (await v1.window(imp_uid, scenario="token_expired")).status_code == 422
    assert (await v1.http.post("/window/pay", json={"imp_uid": [imp_uid]})).status_code == 404
    assert (await v1.http.post("/window/pay", json={"imp_uid": imp_uid, "scenario": ["paid"]})).status_code == 422
    assert (await v1.truth())["status"] == "ready"
