"""The road that everything else is about: from the shop's shelf to an order that is paid, proven and told."""

from playwright.async_api import expect

from tests.browser.driver import Buyer


async def test_a_buyer_pays_and_comes_back_to_a_paid_order(buyer: Buyer) -> None:
    world, page = buyer.world, buyer.page
    payment = await buyer.buys()
    assert page.url == f"{world.api}/checkout/{payment['id']}", "the token has left the address"
    await expect(page.locator(".order-amount dd")).to_have_text("₩24,000")
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.stored(payment) == "paid"
    await page.wait_for_url(f"{world.storefront}/orders/{payment['order_id']}")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Paid ✓")
    await expect(page.locator(".order")).to_contain_text(payment["id"])
    truth = await world.shop.journal(payment)
    assert (truth["captures"], truth["confirms"], truth["amount"]) == (1, 1, 24_000)
    assert buyer.witness.completes == [{"payment_id": payment["id"], "signature": truth["gateway_ref"]}]
    assert [event["reason"] for event in await world.shop.events(payment)][-1] == "confirmed"


async def test_who_wants_to_stay_stays(buyer: Buyer) -> None:
    payment = await buyer.buys(product=1)
    await buyer.page.clock.install()
    await buyer.pays()
    await buyer.sees("paid")
    await buyer.page.get_by_role("button", name="Stay on this page").click()
    await buyer.page.clock.run_for(60_000)
    await buyer.sees("paid")
    await expect(buyer.page.locator("#returning")).to_be_hidden()
    await buyer.page.get_by_role("link", name="Back to the shop").click()
    await buyer.page.wait_for_url(f"**/orders/{payment['order_id']}")


async def test_a_payment_without_a_return_url_ends_on_the_page(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.pays()
    await buyer.sees("paid")
    await expect(buyer.page.locator("#return-link")).to_have_count(0)
    await expect(buyer.page.locator("#stay")).to_be_hidden()


async def test_the_link_of_a_paid_payment_only_says_so(buyer: Buyer) -> None:
    shop = buyer.world.shop
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await buyer.page.goto(payment["checkout_url"])
    await buyer.sees("paid")
    await expect(buyer.page.locator("iframe")).to_have_count(0)
    assert buyer.witness.completes == []
