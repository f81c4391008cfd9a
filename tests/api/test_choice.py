"""Who may choose how to pay before the first window opens, among which gateways, and by which names."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.gateways.breaker import FAILURES
from app.gateways.registry import MANIFESTS
from app.settings import Settings
from simulator.server import Simulator
from tests.api.house import house
from tests.flows.gateways.orders import BUYER, BY_NAME
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import Urls
from tests.support.settings import every_account, settings_for

ENGLISH = {"Accept": "text/html", "Accept-Language": "en"}
KOREAN = {"Accept": "text/html", "Accept-Language": "ko"}
ROUTING = "portone_v2:currency=KRW, point3, portone_v1:currency=USD, unifi_pay"


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator, buyer_chooses=True, routing=ROUTING)


@pytest.fixture
async def browser(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=product)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=ENGLISH) as client:
        yield client


async def page_of(browser: httpx.AsyncClient, payment: dict[str, Any], headers: dict[str, str] = ENGLISH) -> str:
    answer = await browser.get(f"/checkout/{payment['client_token']}", headers=headers)
    assert answer.status_code == 200
    return answer.text


def rows(html: str) -> list[tuple[str, str, bool]]:
    """Of the choice: name, title as it stands in the HTML, and whether it is chosen already."""
    found = re.findall(r'<label class="way"><input [^>]*value="(\w+)"( checked)?> <bdi>(.*?)</bdi></label>', html)
    return [(name, title, bool(checked)) for name, checked, title in found]


def titles(html: str) -> dict[str, str]:
    """What the page's script calls each gateway."""
    block = re.search(r'<script type="application/json" id="checkout-data"[^>]*>(.*?)</script>', html)
    assert block is not None
    return {each["name"]: each["title"] for each in json.loads(block[1])["gateways"]}


def state(html: str) -> str:
    found = re.search(r'<main [^>]*data-state="(\w+)"', html)
    assert found is not None
    return found[1]


async def test_a_payment_that_names_no_gateway_is_the_buyers_choice(shop: Shop, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(customer=BUYER)
    assert payment["next_action"]["type"] == "portone_v2_sdk", "the first attempt is open, as ever"
    html = await page_of(browser, payment)
    assert state(html) == "choose"
    assert rows(html) == [("portone_v2", "Card", True), ("point3", "Point3", False)]
    assert re.search(r'<button [^>]*id="pay-now" class="button" disabled>Pay ₩24,000</button>', html)
    korean = await page_of(browser, payment, KOREAN)
    assert [title for _, title, _ in rows(korean)] == ["카드", "Point3"]
    assert "₩24,000 결제하기</button>" in korean


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"gateway": "point3"}, "paying"),
        ({"gateway": "point3", "buyer_chooses": True}, "choose"),
        ({"buyer_chooses": False}, "paying"),
        ({"buyer_chooses": None}, "choose"),
        (
            {"currency": "USD", "amount": 1234},
            "paying",
        ),  # Unifi Pay alone takes it, for Paymentwall wants to know the buyer
    ],
)
async def test_the_shop_says_whether_the_buyer_chooses(
    shop: Shop, browser: httpx.AsyncClient, body: dict[str, Any], expected: str
) -> None:
    wanted = order(**body) | {"buyer_chooses": body["buyer_chooses"]} if "buyer_chooses" in body else order(**body)
    answer = await shop.client.post("/payments", json=wanted, headers=key())
    assert answer.status_code == 201, answer.text
    html = await page_of(browser, answer.json())
    assert state(html) == expected
    assert bool(rows(html)) is (expected == "choose")
    if "gateway" in body and rows(html):
        assert rows(html)[0] == ("point3", "Point3", True), "the named one is chosen already"


async def test_without_the_setting_the_first_window_opens_at_once(
    settings: Settings, simulator: Simulator, clock: MovableClock, api_key: str
) -> None:
    """And what was said when a payment was made holds for it, whatever the setting says later."""
    on, off = settings, settings.model_copy(update={"buyer_chooses": False})
    async with house(on, clock, api_key) as place:
        chosen = await place.shop(simulator).create()
    async with house(off, clock, api_key) as place:
        shop = place.shop(simulator)
        plain, asked = await shop.create(), await shop.create(buyer_chooses=True)
        states = [state(await page_of(shop.client, each)) for each in (chosen, plain, asked)]
    assert states == ["choose", "paying", "choose"]


@pytest.mark.parametrize("gateway", ["point3", "portone_v2"])
async def test_who_has_been_at_a_gateway_has_chosen(shop: Shop, browser: httpx.AsyncClient, gateway: str) -> None:
    first, second = await shop.create(gateway="point3", buyer_chooses=True), await shop.create(customer=BUYER)
    assert state(await page_of(browser, first)) == "choose"
    await shop.sync(first)
    assert state(await page_of(browser, first)) == "choose", "the shop asked, and no buyer came back"
    assert (await shop.complete(first)).status_code == 202
    assert state(await page_of(browser, first)) == "paying"
    bearer = {"Authorization": f"Bearer {second['client_token']}"} | key()
    url = f"/payments/{second['id']}/attempts"
    opened = await shop.client.post(url, json={"gateway": gateway}, headers=bearer)
    assert opened.status_code == 201, opened.text
    html = await page_of(browser, second)
    assert (state(html), rows(html)) == ("paying", [])


async def test_a_gateway_that_does_not_answer_is_no_choice(shop: Shop, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(customer=BUYER)
    assert state(await page_of(browser, payment)) == "choose"
    for _ in range(FAILURES):
        await shop.scenario("error_500", call="token")
        refused = await shop.client.post("/payments", json=order(gateway="point3"), headers=key())
        assert refused.status_code == 503, refused.text
    html = await page_of(browser, payment)
    assert (state(html), rows(html)) == ("paying", [])
    assert set(titles(html)) == {"portone_v2", "point3"}, "offered where the first window was left"


async def test_the_buyer_may_go_back_to_where_the_shop_sent_him(
    settings: Settings, simulator: Simulator, clock: MovableClock, api_key: str
) -> None:
    """Also where the routing rules would not, after another gateway did not open."""
    ruled = Settings.model_validate(settings.model_dump() | {"routing": "point3"})
    async with house(ruled, clock, api_key) as place:
        shop = place.shop(simulator)
        payment = await shop.create(gateway="portone_v2", customer=BUYER)
        await shop.scenario("error_500", call="token")
        answers = []
        for gateway in ("point3", "portone_v2", "portone_v1"):
            bearer = {"Authorization": f"Bearer {payment['client_token']}"} | key()
            url = f"/payments/{payment['id']}/attempts"
            answers.append((await shop.client.post(url, json={"gateway": gateway}, headers=bearer)).status_code)
    assert answers == [503, 201, 422]


async def test_an_ended_payment_has_no_choice(shop: Shop, browser: httpx.AsyncClient) -> None:
    payment = await shop.create()
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    assert "<fieldset" not in await page_of(browser, payment)


async def test_a_repeated_call_is_the_same_call(shop: Shop) -> None:
    """Its fingerprint knows the new member, and not where it is absent (tests/unit/test_stored_requests.py)."""
    body, header = order(buyer_chooses=True), key()
    first = await shop.client.post("/payments", json=body, headers=header)
    again = await shop.client.post("/payments", json=body, headers=header)
    other = await shop.client.post("/payments", json=body | {"buyer_chooses": False}, headers=header)
    assert (first.status_code, again.headers["Idempotency-Replayed"], other.status_code) == (201, "true", 422)


class TestNames:
    """By which a buyer knows a gateway."""

    @pytest.mark.parametrize(
        ("gateway", "body", "english", "korean"),
        [
            ("portone_v2", {}, "Card", "카드"),
            ("portone_v2", {"method": "virtual_account"}, "Virtual account", "가상계좌"),
            ("portone_v2", {"method": "EASY_PAY"}, "Easy pay", "간편결제"),
            (
                "portone_v2",
                {"method": "EASY_PAY", "gateway_options": {"portone_v2": {"easy_pay_provider": "KAKAOPAY"}}},
                "KakaoPay",
                "카카오페이",
            ),
            ("portone_v1", {}, "International card (Paymentwall)", "해외 카드 (페이먼트월)"),
            ("unifi_pay", {}, "Unifi Pay", "유니파이 페이"),
            ("point3", {}, "Point3", "Point3"),
        ],
    )
    async def test_by_default_it_is_what_he_pays_by(
        self, shop: Shop, browser: httpx.AsyncClient, gateway: str, body: dict[str, Any], english: str, korean: str
    ) -> None:
        payment = await shop.create(**BY_NAME[gateway].order | body)
        assert titles(await page_of(browser, payment))[gateway] == english
        assert titles(await page_of(browser, payment, KOREAN))[gateway] == korean

    @pytest.mark.parametrize(
        ("label", "label_ko", "english", "korean"),
        [
            ("Kakao & <b>Naver</b>", None, "Kakao & <b>Naver</b>", "Kakao & <b>Naver</b>"),
            ("Local card", "국내 카드", "Local card", "국내 카드"),
            (None, "국내 카드", "Card", "국내 카드"),
            ("Card \u202e\u2066reversed\u2028 \t two", None, "Card reversed two", "Card reversed two"),
            ("\u200e \u2069", None, "Card", "카드"),
            ("👩\u200d💻 pay", None, "👩\u200d💻 pay", "👩\u200d💻 pay"),
        ],
    )
    async def test_the_settings_name_it(
        self,
        settings: Settings,
        simulator: Simulator,
        clock: MovableClock,
        api_key: str,
        label: str | None,
        label_ko: str | None,
        english: str,
        korean: str,
    ) -> None:
        account = {**every_account(simulator)["portone_v2"], "label": label, "label_ko": label_ko}
        changed = Settings.model_validate(settings.model_dump() | {"portone_v2": account, "routing": []})
        async with house(changed, clock, api_key) as place:
            shop = place.shop(simulator)
            payment = await shop.create(customer=BUYER)
            html = await page_of(shop.client, payment)
            assert titles(html)["portone_v2"] == english
            assert titles(await page_of(shop.client, payment, KOREAN))["portone_v2"] == korean
            assert "<b>" not in html

    async def test_two_never_read_the_same(
        self, settings: Settings, simulator: Simulator, clock: MovableClock, api_key: str
    ) -> None:
        accounts = every_account(simulator)
        changed = Settings.model_validate(
            settings.model_dump() | {"routing": [], "point3": {**accounts["point3"], "label": "card"}}
        )
        async with house(changed, clock, api_key) as place:
            shop = place.shop(simulator)
            payment = await shop.create(customer=BUYER)
            told = titles(await page_of(shop.client, payment))
        assert (told["point3"], told["portone_v2"]) == ("card (Point3)", "Card (PortOne V2)")

    @pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.name)
    def test_a_label_is_short(self, manifest: Any) -> None:
        for name in ("label", "label_ko"):
            assert manifest.settings.model_validate({**dict(manifest.example()), name: "가" * 40})
            with pytest.raises(ValueError, match="at most 40"):
                manifest.settings.model_validate({**dict(manifest.example()), name: "가" * 41})
