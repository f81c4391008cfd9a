"""The widget's own script, in a real browser: who is told what, and that it works by keyboard."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, FrameLocator, Page

from .driver import Driver

SANDBOX = "allow-forms allow-scripts allow-same-origin allow-popups allow-modals"
SHOP = """<!doctype html><script>
  window.heard = [];
  window.addEventListener("message", (event) => heard.push({{ data: event.data, origin: event.origin }}));
</script><iframe id="widget" width="312" height="560" sandbox="{sandbox}" src="{src}"></iframe>"""
BRIDGES = """
  window.heard = [];
  window.Point3WidgetBridge = { postMessage: (text) => heard.push(["android", text]) };
  window.webkit = { messageHandlers: { point3WidgetHandler: { postMessage: (body) => heard.push(["ios", body]) } } };
  window.ReactNativeWebView = { postMessage: (text) => heard.push(["react", text]) };
"""


@pytest.fixture
async def page(chromium: Browser) -> AsyncIterator[Page]:
    page = await chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    await page.close()
    assert errors == []


def widget_url(sim: Driver, token: str) -> str:
    return f"{sim.simulator.gateways['point3']['base_url']}/?d={quote(token, safe='')}"


async def framed(sim: Driver, page: Page) -> FrameLocator:
    await page.set_content(SHOP.format(sandbox=SANDBOX, src=widget_url(sim, await sim.token())))
    return page.frame_locator("#widget")


async def heard(page: Page) -> list[Any]:
    await page.wait_for_function("heard.length > 0")
    return list(await page.evaluate("heard"))


async def test_pay_tells_the_framing_page_once(sim: Driver, page: Page) -> None:
    widget = await framed(sim, page)
    await widget.locator("#pay").click()
    messages = await heard(page)
    truth = await sim.truth()
    origin = sim.simulator.gateways["point3"]["base_url"]
    assert messages == [{"data": {"status": "success", "msg": truth["gateway_ref"]}, "origin": origin}]
    assert truth["status"] == "WIDGET_DONE"
    assert await widget.locator("button:enabled").count() == 0


@pytest.mark.parametrize(("button", "status"), [("decline", "FAILED"), ("leave", "ABANDONED")])
async def test_decline_and_leave_tell_an_error(sim: Driver, page: Page, button: str, status: str) -> None:
    widget = await framed(sim, page)
    await widget.locator(f"#{button}").click()
    (message,) = await heard(page)
    assert message["data"]["status"] == "error"
    assert isinstance(message["data"]["msg"], str)
    assert (await sim.truth())["status"] == status


async def test_the_chosen_scenario_is_paid_with(sim: Driver, page: Page) -> None:
    widget = await framed(sim, page)
    await widget.locator("summary").click()
    await widget.locator("#scenario").select_option("amount_differs")
    assert "another total" in str(await widget.locator("#about").text_content())
    await widget.locator("#pay").click()
    await heard(page)
    assert (await sim.truth())["amount"] == 11_900


async def test_it_can_be_paid_by_keyboard_alone(sim: Driver, page: Page) -> None:
    await page.add_init_script(BRIDGES)
    await page.goto(widget_url(sim, await sim.token()))
    for _ in range(2):  # the simulator's disclosure comes first, then pay
        await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "pay"
    await page.keyboard.press("Enter")
    await heard(page)
    assert (await sim.truth())["status"] == "WIDGET_DONE"


async def test_every_web_view_bridge_that_exists_is_told(sim: Driver, page: Page) -> None:
    await page.add_init_script(BRIDGES)
    await page.goto(widget_url(sim, await sim.token()))
    await page.locator("#pay").click()
    messages = dict(await heard(page))
    signature = (await sim.truth())["gateway_ref"]
    text = f'{{"status":"success","msg":"{signature}"}}'
    assert messages == {"android": text, "ios": {"status": "success", "msg": signature}, "react": text}


async def test_alone_in_a_window_it_says_that_nobody_listens(sim: Driver, page: Page) -> None:
    await page.goto(widget_url(sim, await sim.token()))
    await page.locator("#pay").click()
    await page.get_by_text("No shop page is listening").wait_for()
    assert (await sim.truth())["status"] == "WIDGET_DONE"


async def test_a_simulator_that_is_gone_leaves_the_buttons_usable(sim: Driver, page: Page) -> None:
    await page.goto(widget_url(sim, await sim.token()))
    await page.route("**/widget/pay", lambda route: route.abort())
    await page.locator("#pay").click()
    await page.get_by_text("cannot be reached").wait_for()
    assert await page.locator("button:enabled").count() == 3
