"""Who may put the checkout page into a frame: nobody, or those whom the settings name."""

from playwright.async_api import expect

from tests.browser.conftest import open_site
from tests.browser.driver import Buyer
from tests.support.databases import Databases

FRAME = """(url) => new Promise((loaded) => {
  const frame = Object.assign(document.createElement("iframe"), { src: url, width: 800, height: 700, onload: loaded });
  document.body.replaceChildren(frame);
})"""


async def test_a_stranger_may_not_frame_the_page(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    buyer.witness.expect("frame-ancestors 'none'")
    await buyer.page.goto(buyer.world.storefront)
    await buyer.page.evaluate(FRAME, payment["checkout_url"])
    (frame,) = buyer.page.main_frame.child_frames
    assert frame.url.startswith("chrome-error://")
    await expect(buyer.page.frame_locator("iframe").locator("#checkout")).to_have_count(0)


async def test_who_is_named_in_the_settings_may_frame_the_page(buyer: Buyer, databases: Databases) -> None:
    framer = buyer.world.storefront
    async with open_site(databases, frame_ancestors=[framer]) as site:
        payment = await site.shop.create()
        await buyer.page.goto(framer)
        await buyer.page.evaluate(FRAME, payment["checkout_url"])
        checkout = buyer.page.frame_locator("iframe")
        await checkout.frame_locator("#point3-widget-iframe").locator("#pay").click()
        await expect(checkout.locator("#checkout")).to_have_attribute("data-state", "paid")
        assert await site.stored(payment) == "paid"
        buyer.witness.expect("frame-ancestors")
        await buyer.page.goto(site.storefront)
        await buyer.page.evaluate(FRAME, payment["checkout_url"])
        assert buyer.page.main_frame.child_frames[0].url.startswith("chrome-error://")
