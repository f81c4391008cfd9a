"""What the buyer pays for, line by line, and the account number at one press."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import NewBuyer
from tests.browser.driver import DESK, Buyer, World
from tests.flows.gateways.orders import BUYER

LINES = [
    {"name": "Ceramic mug", "quantity": 2, "unit_amount": 9000},
    {"name": "</ul><script>window.hacked=1</script>", "quantity": 1, "unit_amount": 6000},
]


async def test_the_lines_of_the_order_are_shown(buyer: Buyer) -> None:
    await buyer.opens(await buyer.world.shop.create(items=LINES))
    await buyer.leaves()
    await buyer.sees("closed")
    rows = buyer.page.locator(".lines li")
    assert [" ".join((await row.inner_text()).split()) for row in await rows.all()] == [
        "Ceramic mug × 2 ₩18,000",
        "</ul><script>window.hacked=1</script> ₩6,000",
    ]
    await expect(rows.first).to_be_visible()
    assert await buyer.page.evaluate("'hacked' in window") is False


async def test_many_lines_are_folded(buyer: Buyer) -> None:
    await buyer.opens(await buyer.world.shop.create(items=[LINES[0]] * 12))
    await buyer.leaves()
    await buyer.sees("closed")
    await expect(buyer.page.locator(".lines li").first).to_be_hidden()
    await buyer.page.get_by_text("What you are buying (12)").click()
    await expect(buyer.page.locator(".lines li").last).to_be_visible()


async def test_an_order_without_lines_shows_none(buyer: Buyer) -> None:
    await buyer.opens(await buyer.world.shop.create())
    await expect(buyer.page.locator(".lines")).to_have_count(0)


@pytest.mark.parametrize("allowed", [True, False])
async def test_the_account_number_is_copied_at_one_press(visit: Any, four: World, allowed: bool) -> None:
    buyer = await visit("portone_v2", DESK, customer=BUYER, method="VIRTUAL_ACCOUNT", go=False)
    page = buyer.page
    await four.shop.complete(buyer.payment, **await four.shop.buyer_pays(buyer.payment, "virtual_account"))
    number = (await buyer.stored())["attempts"][0]["deposit"]["number"]
    if allowed:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    else:
        await page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.goto(buyer.payment["checkout_url"])
    await buyer.sees("awaiting_deposit")
    copy = page.locator("#copy-number")
    await copy.click()
    if allowed:
        await expect(copy).to_have_text("Copied")
        await expect(page.locator("#announcer")).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == number
    else:
        await expect(copy).to_have_text("Copy")
        assert await page.evaluate("getSelection().toString()") == number


async def test_nothing_to_copy_no_button(new_buyer: NewBuyer) -> None:
    buyer = await new_buyer()
    await buyer.opens(await buyer.world.shop.create())
    await expect(buyer.page.locator("#copy-number")).to_be_hidden()
