"""Every state of the checkout, in both languages and themes: axe finds nothing against WCAG 2.2 AA, and a picture is kept.

The pictures lie under `artefacts/checkout/`, one for each state, language, theme and device.
"""

from collections.abc import AsyncIterator
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from app.checkout.texts import TEXTS
from app.paths import ROOT
from tests.browser.conftest import NewCustomer, open_site
from tests.browser.driver import DESK, PATIENCE_MS, PHONE, World
from tests.support.databases import Databases

PICTURES = ROOT / "artefacts" / "checkout"
NOTES = {"unknown", "stranger", "ended_link"}
STATES = sorted(name.removesuffix("_heading") for name in TEXTS["en"] if name.endswith("_heading"))
ON_THE_PAGE = [state for state in STATES if state not in NOTES | {"choose"}]  # that one: test_choice.py
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LOOK = """async (tags) => (await axe.run(document, { iframes: false, runOnly: tags })).violations
  .map(({ id, nodes }) => `${id}: ${nodes.map(({ html, any }) => html + " " + any.map((each) => each.message)).join(" | ")}`)"""
SHOW = """async (state) => {
  const { createPanel } = await import("/static/checkout/panel.js");
  const page = JSON.parse(document.getElementById("checkout-data").textContent);
  const nothing = () => undefined;
  const panel = createPanel(page, nothing);
  const deposit = { bank: "SHINHAN", number: "110-123-456789", holder: "Haru Goods", expires_at: "2026-12-01T05:00:00Z" };
  const undecided = ["closed", "declined", "mismatch", "unopened", "problem", "elsewhere"].includes(state);
  panel.show(state, {
    detail: ["declined", "mismatch", "problem", "unopened"].includes(state) ? page.texts.failure_declined : "",
    retry: undecided ? nothing : undefined,
    checkAgain: state === "waiting" ? nothing : undefined,
    others: undecided ? [{ title: "Unifi Pay", choose: nothing }] : [],
    deposit: state === "awaiting_deposit" ? deposit : undefined,
  });
  if (state === "paid") panel.leaveSoon();
  await document.fonts.ready;
}"""
LOOKS = [
    pytest.param(lang, theme, marks=() if (lang, theme) in {("en", "light"), ("ko", "dark")} else pytest.mark.long)
    for lang in ("en", "ko")
    for theme in ("light", "dark")
]


@cache
def axe() -> str:
    """axe-core, as its wrapper for Playwright carries it. It is evaluated from outside: the page's policy lets no script in."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


async def faults(page: Page) -> list[str]:
    await page.evaluate(f"() => {{ {axe()} }}")
    return list(await page.evaluate(LOOK, TAGS))


async def keep(page: Page, *names: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{'-'.join(names)}.png")


@pytest.fixture(scope="module")
async def branded(databases: Databases) -> AsyncIterator[World]:
    """A shop with a name, a logo and a colour that white cannot be read on."""
    brand: dict[str, Any] = {"brand_name": "하루상점 Haru Goods", "brand_color": "#f5a623"}
    async with open_site(databases, **brand) as site:
        yield site


async def opened(chromium: Browser, lang: str, theme: Any, device: dict[str, Any]) -> Page:
    locale = {"en": "en-US", "ko": "ko-KR"}[lang]
    context = await chromium.new_context(
        **{**device, "locale": locale, "color_scheme": theme, "reduced_motion": "reduce"}
    )
    context.set_default_timeout(PATIENCE_MS)
    return await context.new_page()


@pytest.mark.parametrize("device", ["desk", pytest.param("phone", marks=pytest.mark.long)])
@pytest.mark.parametrize(("lang", "theme"), LOOKS)
async def test_every_state_can_be_used_by_everybody(
    branded: World, chromium: Browser, lang: str, theme: str, device: str
) -> None:
    line = {"name": "도자기 머그컵", "quantity": 2, "unit_amount": 12000}
    payment = await branded.shop.create(items=[line], return_url="https://shop.example/orders/1")
    await branded.shop.client.post(f"/payments/{payment['id']}/cancel")
    page = await opened(chromium, lang, theme, PHONE if device == "phone" else DESK)
    await page.goto(payment["checkout_url"])
    await expect(page.locator("#checkout")).to_have_attribute("data-state", "canceled")
    await expect(page.locator("#announcer")).not_to_be_empty()  # its script rests, and shows nothing more by itself
    found: dict[str, list[str]] = {}
    for state in ON_THE_PAGE:
        await page.evaluate(SHOW, state)
        await expect(page.locator("#state-heading")).to_have_text(
            TEXTS["ko" if lang == "ko" else "en"][f"{state}_heading"]
        )
        found[state] = await faults(page)
        await keep(page, state, lang, theme, device)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), state
        for control in await page.locator("button:visible, a:visible, summary:visible").all():
            size = await control.bounding_box()
            assert size is not None
            assert size["height"] >= 44, (state, await control.inner_text())
    assert {state: faults for state, faults in found.items() if faults} == {}
    await page.context.close()


@pytest.mark.parametrize(("lang", "theme"), LOOKS)
async def test_everybody_can_use_the_pages_around_the_checkout(
    branded: World, chromium: Browser, lang: str, theme: str
) -> None:
    """A payment window that has just opened, links that lead nowhere, and the sheet for where no script runs."""
    payment, closed = await branded.shop.create(), await branded.shop.create()
    await branded.shop.client.post(f"/payments/{closed['id']}/close-link")
    addresses = {
        "widget": payment["checkout_url"],
        "ended_link": closed["checkout_url"],
        "unknown": f"{branded.api}/checkout/ct_unknown",
        "stranger": f"{branded.api}/checkout/return/point3?signature=x",
    }
    page = await opened(chromium, lang, theme, DESK)
    found = {}
    for name, address in addresses.items():
        await page.goto(address)
        if name == "widget":
            await expect(page.locator("#page")).to_have_attribute("inert", "")
        else:
            await expect(page.locator("h1")).to_have_text(TEXTS["ko" if lang == "ko" else "en"][f"{name}_heading"])
        found[name] = await faults(page)
        await keep(page, name, lang, theme, "desk")
    await page.route("**/static/checkout/checkout.js", lambda route: route.abort())
    await page.goto(payment["checkout_url"])
    await expect(page.locator(".fallback")).to_be_visible()
    await page.locator("body > .point3-widget").evaluate("(element) => element.remove()")
    found["fallback"] = await faults(page)
    await keep(page, "fallback", lang, theme, "desk")
    assert {name: faults for name, faults in found.items() if faults} == {}
    await page.context.close()


@pytest.mark.parametrize(("lang", "theme"), LOOKS)
async def test_everybody_can_use_the_frame_over_a_shops_page(customer: NewCustomer, lang: str, theme: str) -> None:
    device = {"locale": {"en": "en-US", "ko": "ko-KR"}[lang], "color_scheme": theme}
    buyer = await customer("point3", device, query=f"lang={lang}")
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#decline")
    await buyer.sees("declined")
    assert await faults(buyer.page) == []
    frame = next(frame for frame in buyer.page.frames if "/checkout/" in frame.url)
    await frame.evaluate(f"() => {{ {axe()} }}")
    assert await frame.evaluate(LOOK, TAGS) == []
    await keep(buyer.page, "overlay", lang, theme, "desk")
