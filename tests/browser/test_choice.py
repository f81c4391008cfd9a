"""The buyer chooses how to pay before the first window opens: once, by any hand, and nothing is opened until then."""

from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from app.checkout.texts import TEXTS
from tests.browser.conftest import NewCustomer
from tests.browser.driver import DESK, DEVICES, FOUR, PHONE, Visit, World, origin_of
from tests.browser.test_every_gateway import every_way
from tests.browser.test_every_state import LOOKS, faults, keep, opened
from tests.browser.test_in_app import APPS
from tests.flows.gateways.orders import BUYER, BY_NAME

OTHER = {"point3": "portone_v2", "portone_v1": "unifi_pay", "portone_v2": "point3", "unifi_pay": "portone_v1"}
CHOICE: dict[str, Any] = {"customer": BUYER, "buyer_chooses": True}
FORGETFUL_FRAME = """if (window !== window.top) Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("a frame of another site has a memory of its own", "SecurityError"); },
});"""
every_device = pytest.mark.parametrize("device", DEVICES.values(), ids=DEVICES.keys())


async def chooses(page: Page, gateway: str | None = None) -> None:
    """Take a row, or leave the one that is chosen already, and press the button."""
    await expect(page.locator("#pay-now")).to_be_enabled()
    if gateway:
        await page.locator(f'#choice input[value="{gateway}"]').check()
    await page.locator("#pay-now").click()


def at_gateways(buyer: Visit) -> list[str]:
    """What the browser has asked of any gateway."""
    origins = {origin_of(account["base_url"]) for account in buyer.world.shop.simulator.gateways.values()}
    return [request.url for request in buyer.witness.requests if origin_of(request.url) in origins]


async def statuses(buyer: Visit) -> list[tuple[str, str]]:
    return [(each["gateway"], each["status"]) for each in (await buyer.stored())["attempts"]]


@every_way(("point3", "desk"), ("portone_v1", "phone"), ("portone_v2", "desk"), ("unifi_pay", "phone"))
async def test_the_first_goes_on_with_its_attempt(visit: Any, gateway: str, device: dict[str, Any]) -> None:
    buyer = await visit(gateway, device, **CHOICE)
    await buyer.sees("choose")
    await expect(buyer.page.locator("#choice input").first).to_have_value(gateway)
    await expect(buyer.page.locator("#pay-now")).to_be_enabled()
    assert at_gateways(buyer) == [], "nothing is opened before he has chosen"
    await chooses(buyer.page)
    await buyer.chooses(gateway, "#pay")
    await buyer.sees("paid")
    await expect(buyer.page.locator("#choice")).to_be_hidden()
    assert await statuses(buyer) == [(gateway, "captured")]


@every_way(("point3", "desk"), ("portone_v1", "desk"), ("portone_v2", "phone"), ("unifi_pay", "desk"))
async def test_another_one_opens_an_attempt_there(visit: Any, gateway: str, device: dict[str, Any]) -> None:
    buyer, other = await visit(gateway, device, **CHOICE), OTHER[gateway]
    await buyer.sees("choose")
    await chooses(buyer.page, other)
    await buyer.chooses(other, "#pay")
    await buyer.sees("paid")
    stored = await buyer.stored()
    assert [each["gateway"] for each in stored["attempts"]] == [gateway, other]
    assert (stored["status"], stored["captured_amount"]) == ("paid", buyer.payment["amount"])


@every_device
async def test_before_it_a_reload_asks_again_and_after_it_not(visit: Any, device: dict[str, Any]) -> None:
    buyer = await visit("point3", device, **CHOICE)
    for _ in range(2):
        await buyer.sees("choose")
        await expect(buyer.page.locator("#pay-now")).to_be_enabled()
        await buyer.page.reload()
    await chooses(buyer.page)
    await buyer.window("point3")
    await buyer.page.reload()
    await buyer.window("point3")
    await buyer.sees("paying")
    await buyer.chooses("point3", "#leave")
    await buyer.sees("closed")
    await expect(buyer.page.get_by_role("button", name="Pay with Card")).to_be_visible()
    await buyer.page.locator("#retry").click()
    await buyer.chooses("point3", "#pay")
    await buyer.sees("paid")
    assert await statuses(buyer) == [("point3", "captured")]


@pytest.mark.parametrize("gateway", ["unifi_pay", pytest.param("portone_v2", marks=pytest.mark.long)])
async def test_who_comes_back_from_a_page_is_asked_nothing_twice(visit: Any, gateway: str) -> None:
    buyer = await visit(gateway, PHONE, **CHOICE)
    await buyer.sees("choose")
    await chooses(buyer.page)
    await buyer.window(gateway)
    await buyer.page.go_back()
    await buyer.sees("closed")
    await expect(buyer.page.locator("#choice")).to_be_hidden()
    await buyer.page.locator("#retry").click()
    await buyer.chooses(gateway, "#pay")
    await buyer.sees("paid")


async def test_a_link_that_is_opened_again_before_the_choice_asks_again(visit: Any) -> None:
    """The browser was here before, and at no gateway's page."""
    buyer = await visit("unifi_pay", PHONE, **CHOICE)
    await buyer.sees("choose")
    await buyer.page.goto(f"{buyer.world.storefront}/")
    await buyer.page.goto(buyer.payment["checkout_url"])
    await buyer.sees("choose")
    assert at_gateways(buyer) == []


@pytest.mark.parametrize("gateway", FOUR)
async def test_two_tabs_choose_once(visit: Any, gateway: str) -> None:
    """The second waits with its choice while the first's window is open: it finds out, and opens none beside it."""
    first = await visit(gateway, DESK, **CHOICE)
    await first.sees("choose")
    second = Visit(await first.page.context.new_page(), first.world, first.witness, first.payment)
    await second.page.goto(first.payment["checkout_url"])
    await second.sees("choose")
    await expect(second.page.locator("#pay-now")).to_be_enabled()
    await chooses(first.page)
    await first.window(gateway)
    await chooses(second.page, OTHER[gateway])
    await second.sees("closed")
    await expect(second.page.locator("#choice")).to_be_hidden()
    assert [name for name, _ in await statuses(first)] == [gateway], "no other attempt was opened"
    await first.chooses(gateway, "#pay")
    await first.sees("paid")
    await second.page.bring_to_front()
    await second.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await second.sees("paid")


async def test_a_tab_that_is_looked_at_again_learns_that_another_has_chosen(visit: Any) -> None:
    first = await visit("point3", DESK, **CHOICE)
    await first.sees("choose")
    same, other = [
        Visit(await first.page.context.new_page(), *[first.world, first.witness, first.payment]) for _ in "ab"
    ]
    for tab in (same, other):
        await tab.page.goto(first.payment["checkout_url"])
        await expect(tab.page.locator("#pay-now")).to_be_enabled()
    await chooses(first.page)
    await first.window("point3")
    await same.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await same.sees("closed")
    await same.page.get_by_role("button", name="Pay with Card").click()
    await same.window("portone_v2")
    await other.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(other.page.locator("#choice")).to_be_hidden()
    assert [name for name, _ in await statuses(first)] == ["point3", "portone_v2"]


async def test_what_has_ended_meanwhile_is_not_paid(visit: Any, four: World) -> None:
    buyer = await visit("portone_v2", DESK, **CHOICE)
    await expect(buyer.page.locator("#pay-now")).to_be_enabled()
    await four.shop.client.post(f"/payments/{buyer.payment['id']}/cancel")
    await chooses(buyer.page)
    await buyer.sees("canceled")
    assert at_gateways(buyer) == []


async def test_a_way_that_does_not_open_leaves_the_others(visit: Any, four: World) -> None:
    """And "Try again" tries the one that was chosen."""
    buyer = await visit("portone_v2", DESK, **CHOICE)
    await expect(buyer.page.locator("#pay-now")).to_be_enabled()
    reference = buyer.payment["attempts"][0]["reference"][:-1]
    await four.shop.scenario("error_500", call="token", reference=f"{reference}2", times=2)
    buyer.witness.expect("503 (Service Unavailable)")
    await chooses(buyer.page, "point3")
    await buyer.sees("unopened")
    await buyer.page.locator("#retry").click()
    await buyer.sees("paying")
    await buyer.sees("unopened")
    assert [name for name, _ in await statuses(buyer)] == ["portone_v2", "point3"], "it goes on with what did not open"
    card = buyer.page.get_by_role("button", name="Pay with Card")
    assert await card.inner_text() == "Pay with Card", "as it is read on the screen"
    await card.click()
    await buyer.chooses("portone_v2", "#pay")
    await buyer.sees("paid")


async def test_a_browser_that_keeps_nothing_pays_all_the_same(visit: Any) -> None:
    buyer = await visit("point3", DESK, go=False, **CHOICE)
    await buyer.page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage']) "
        "Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    await buyer.page.goto(buyer.payment["checkout_url"])
    await chooses(buyer.page)
    await buyer.window("point3")
    await buyer.page.reload()
    await buyer.chooses("point3", "#pay")
    await buyer.sees("paid")


async def test_it_can_be_used_with_keys_and_is_read_out(visit: Any) -> None:
    buyer = await visit("point3", DESK, **CHOICE)
    page: Page = buyer.page
    await expect(page.locator("#pay-now")).to_be_enabled()
    group = page.get_by_role("group", name="How would you like to pay?")
    await expect(group.get_by_role("radio", name="Point3")).to_be_checked()
    await expect(page.locator("#announcer")).to_contain_text("How would you like to pay?")
    await expect(page.locator("#expiry")).to_contain_text("Pay by ")
    await group.get_by_role("radio", name="Point3").focus()
    for name in ("International card (Paymentwall)", "Card"):
        await page.keyboard.press("ArrowDown")
        await expect(group.get_by_role("radio", name=name, exact=True)).to_be_checked()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name="Pay ₩24,000")).to_be_focused()
    await page.keyboard.press("Enter")
    await buyer.chooses("portone_v2", "#pay")
    await buyer.sees("paid")


@pytest.mark.parametrize("device", ["desk", "phone"])
@pytest.mark.parametrize(("lang", "theme"), LOOKS)
async def test_it_can_be_used_by_everybody(four: World, chromium: Browser, lang: str, theme: str, device: str) -> None:
    line = {"name": "도자기 머그컵", "quantity": 2, "unit_amount": 12000}
    payment = await four.shop.create(
        items=[line], gateway="portone_v2", return_url="https://shop.example/orders/1", **CHOICE
    )
    page = await opened(
        chromium, lang, theme, PHONE if device == "phone" else {"viewport": {"width": 1100, "height": 900}}
    )
    await page.goto(payment["checkout_url"])
    await expect(page.locator("#pay-now")).to_be_enabled()
    texts = TEXTS["ko" if lang == "ko" else "en"]
    await expect(page.locator("#state-heading")).to_have_text(texts["choose_heading"])
    assert await faults(page) == []
    await keep(page, "choose", lang, theme, device)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for control in await page.locator("button:visible, a:visible, summary:visible, label:visible").all():
        size = await control.bounding_box()
        assert size is not None
        assert size["height"] >= 44, await control.inner_text()
    await page.context.close()


async def test_without_script_nothing_is_to_be_chosen(visit: Any, chromium: Browser) -> None:
    buyer = await visit("unifi_pay", DESK, go=False, **CHOICE)
    context = await chromium.new_context(java_script_enabled=False, locale="en-US")
    page = await context.new_page()
    await page.goto(buyer.payment["checkout_url"])
    await expect(page.locator(".fallback")).to_be_visible()
    for hidden in ("#choice", "#pay-now"):
        await expect(page.locator(hidden)).to_be_hidden()
    await page.get_by_role("link", name="Go on to payment").click()
    await expect(page.locator("#pay")).to_be_visible()
    await context.close()


async def test_nor_where_the_script_does_not_come(visit: Any) -> None:
    buyer = await visit("point3", DESK, blocked="**/static/checkout/checkout.js", **CHOICE)
    buyer.witness.expect("net::ERR_FAILED")
    await expect(buyer.page.locator(".fallback")).to_be_visible()
    for hidden in ("#choice", "#pay-now"):
        await expect(buyer.page.locator(hidden)).to_be_hidden()


@pytest.mark.parametrize("app", ["kakao-android", "naver-iphone"])
async def test_an_apps_browser_is_told_its_way_out_before_the_choice(visit: Any, app: str) -> None:
    agent, address = APPS[app]
    buyer = await visit("portone_v2", {**PHONE, "user_agent": agent}, **CHOICE)
    await expect(buyer.page.locator("#in-app")).to_contain_text("You are inside another app")
    await expect(buyer.page.locator("#open-outside")).to_be_visible(visible=address is not None)
    await chooses(buyer.page)
    await buyer.chooses("portone_v2", "#pay")
    await buyer.sees("paid")


class TestDropIn:
    """In a frame of the shop's page, and where that hands over to the window."""

    @pytest.mark.parametrize("mode", ["overlay", "inline"])
    @pytest.mark.parametrize("gateway", ["point3", "portone_v2"])
    async def test_he_chooses_in_the_frame(self, customer: NewCustomer, mode: str, gateway: str) -> None:
        buyer = await customer("point3", **CHOICE)
        await buyer.presses_buy(mode)
        await buyer.sees("choose")
        await buyer.checkout.locator(f'#choice input[value="{gateway}"]').check()
        await buyer.checkout.locator("#pay-now").click()
        await buyer.presses(gateway, "#pay")
        assert (await buyer.ended())["payment_status"] == "paid"
        assert [status for status, _, _ in await buyer.results()] == ["success"]

    async def test_who_leaves_before_the_choice_is_told_that_it_is_open(self, customer: NewCustomer) -> None:
        buyer = await customer("point3", **CHOICE)
        await buyer.presses_buy("overlay")
        await buyer.sees("choose")
        await buyer.checkout.locator("#pay-now").focus()
        await buyer.page.keyboard.press("Escape")
        ended = await buyer.ended()
        assert (ended["status"], ended["msg"], ended["payment_status"]) == ("error", "closed", "open")

    @pytest.mark.parametrize("gateway", ["unifi_pay", "portone_v1"])
    @every_device
    async def test_a_page_of_the_gateways_asks_no_second_time(
        self, customer: NewCustomer, gateway: str, device: dict[str, Any]
    ) -> None:
        """At a desk the window beside it, on a phone the page that takes the shop's place: neither reads the frame's memory."""
        buyer = await customer("unifi_pay", device, **CHOICE)
        await buyer.context.add_init_script(FORGETFUL_FRAME)
        await buyer.presses_buy("overlay")
        await buyer.sees("choose")
        await buyer.checkout.locator(f'#choice input[value="{gateway}"]').check()
        await buyer.checkout.locator("#pay-now").click()
        await buyer.presses(gateway, "#pay")
        if device is PHONE:
            await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
        else:
            assert (await buyer.ended())["payment_status"] == "paid"
        assert await buyer.status() == "paid"

    async def test_nor_does_the_window_beside_it_before_the_server_knows(self, customer: NewCustomer) -> None:
        buyer = await customer("unifi_pay", DESK, **CHOICE)
        buyer.witness.expect("net::ERR_FAILED")
        await buyer.context.add_init_script(FORGETFUL_FRAME)
        await buyer.context.route("**/payments/complete", lambda route: route.abort(), times=1)
        await buyer.presses_buy("overlay")
        await buyer.checkout.locator("#pay-now").click()
        await buyer.presses("unifi_pay", "#pay")
        assert (await buyer.ended())["payment_status"] == "paid"

    async def test_in_place_of_the_shops_page_it_is_asked_there(self, customer: NewCustomer) -> None:
        buyer = await customer("unifi_pay", DESK, **CHOICE)
        await buyer.presses_buy("redirect")
        await chooses(buyer.page)
        await buyer.presses("unifi_pay", "#pay")
        await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
        assert len((await buyer.embedding.world.shop.get(buyer.payment))["attempts"]) == 1


def test_every_other_takes_the_order() -> None:
    """The pairs above are of one currency."""
    for gateway, other in OTHER.items():
        assert BY_NAME[gateway].order.get("currency") == BY_NAME[other].order.get("currency")
