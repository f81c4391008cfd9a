"""`/docs`: Swagger UI from our own files reads our document and makes real calls, under a policy that allows nothing else."""

import re

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from app.paths import STATIC
from tests.browser.driver import Buyer, origin_of

pytestmark = pytest.mark.browser


async def opened(page: Page, tag: str, call: str) -> Locator:
    """One call of the page, unfolded."""
    block = page.locator(f"#operations-{tag}-{call}")
    await block.locator(".opblock-summary-control").click()
    return block


async def authorize(page: Page, scheme: str, credential: str) -> None:
    await page.locator("button.authorize:not(.modal-btn)").first.click()
    form = page.locator(".auth-container", has=page.get_by_text(re.compile(rf"^{scheme}")))
    await form.locator("input").fill(credential)
    await form.get_by_role("button", name="Apply credentials").or_(form.locator("button.authorize")).first.click()
    await page.locator(".modal-ux .btn-done").first.click()


async def test_a_reader_makes_real_calls(buyer: Buyer) -> None:
    page, shop = buyer.page, buyer.world.shop
    payment = await shop.create()
    await page.goto(f"{buyer.world.api}/docs")
    await expect(page.locator("h1.title")).to_contain_text("Onetill")
    await authorize(page, "secretKey", shop.client.headers["authorization"].removeprefix("Bearer "))
    read = await opened(page, "payments", "getPayment")
    await read.locator('tr[data-param-name="id"] input').fill(payment["id"])
    await read.get_by_role("button", name="Execute").click()
    answer = read.locator(".live-responses-table")
    await expect(answer.locator(".response-col_status").last).to_contain_text("200")
    await expect(answer).to_contain_text(payment["order_id"])
    create = await opened(page, "payments", "createPayment")
    for header in ("Idempotency-Key", "X-Request-Id", "Accept-Language"):
        await expect(create.locator(f'tr[data-param-name="{header}"] input')).to_have_value("")
    await create.locator('tr[data-param-name="Idempotency-Key"] input').fill(f"docs-{payment['id']}")
    await create.locator("textarea.body-param__text").fill(
        '{"order_id": "docs-1", "order_name": "Mug", "amount": 1000, "currency": "KRW"}'
    )
    await create.get_by_role("button", name="Execute").click()
    await expect(create.locator(".live-responses-table .response-col_status").last).to_contain_text("201")
    assert (await buyer.world.newest())["order_id"] == "docs-1"


@pytest.mark.long
async def test_a_call_without_a_key_shows_its_problem(buyer: Buyer) -> None:
    page = buyer.page
    buyer.witness.expect("401")
    await page.goto(f"{buyer.world.api}/docs")
    search = await opened(page, "payments", "listPayments")
    await search.get_by_role("button", name="Execute").click()
    answer = search.locator(".live-responses-table")
    await expect(answer.locator(".response-col_status").last).to_contain_text("401")
    await expect(answer).to_contain_text("unauthorized")


async def test_the_page_takes_nothing_from_elsewhere(buyer: Buyer) -> None:
    page = buyer.page
    response = await page.goto(f"{buyer.world.api}/docs")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    await expect(page.locator(".opblock").first).to_be_visible()
    assert {origin_of(request.url) for request in buyer.witness.requests if not request.url.startswith("data:")} == {
        buyer.world.api
    }
    assert await page.locator("script:not([src]), style, [onclick]").count() == 0


async def test_it_is_dark_by_night_and_can_be_read(buyer: Buyer) -> None:
    page = buyer.page
    await page.emulate_media(color_scheme="dark")
    await page.goto(f"{buyer.world.api}/docs")
    create = await opened(page, "payments", "createPayment")
    await expect(page.locator("html")).to_have_css("background-color", "rgb(28, 32, 34)")
    for text in (".examples-select__section-label", "td.header-col", ".opblock-description p", "h1.title"):
        shown = create.locator(text) if text != "h1.title" else page.locator(text)
        red, green, blue = map(
            int, re.findall(r"\d+", await shown.first.evaluate("e => getComputedStyle(e).color"))[:3]
        )
        assert min(red, green, blue) > 150, text
    await page.emulate_media(color_scheme="light")
    await expect(page.locator("html")).not_to_have_class("dark-mode")


async def test_an_opened_call_fits_a_phone(buyer: Buyer) -> None:
    page = buyer.page
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"{buyer.world.api}/docs")
    for call in ("createPayment", "listPayments"):
        await (await opened(page, "payments", call)).locator(".responses-inner").first.wait_for()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_each_call_of_the_document_is_on_the_page(buyer: Buyer) -> None:
    page = buyer.page
    async with httpx.AsyncClient(base_url=buyer.world.api) as client:
        document = (await client.get("/openapi.json")).json()
    await page.goto(f"{buyer.world.api}/docs")
    calls = [call for methods in document["paths"].values() for call in methods.values()]
    await expect(page.locator(".opblock")).to_have_count(len(calls))
    for call in calls:
        await expect(page.locator(f"#operations-{call['tags'][0]}-{call['operationId']}")).to_be_visible()


def test_the_licence_stands_beside_what_it_covers() -> None:
    vendored = STATIC / "vendor" / "swagger-ui"
    assert "Apache License" in (vendored / "LICENSE").read_text(encoding="utf-8")
    assert {each.name for each in vendored.iterdir()} == {
        "LICENSE",
        "NOTICE",
        "swagger-ui-bundle.js",
        "swagger-ui-bundle.js.LICENSE.txt",
        "swagger-ui.css",
    }
