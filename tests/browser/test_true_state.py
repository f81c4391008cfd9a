"""However the buyer comes back, the page shows where the payment really stands."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.driver import DESK, PHONE, Buyer, World, origin_of
from tests.flows.gateways.orders import BUYER

LOOK_AGAIN = "document.dispatchEvent(new Event('visibilitychange'))"


async def state(page: Page, expected: str) -> None:
    await expect(page.locator("#checkout")).to_have_attribute("data-state", expected)


async def test_a_tab_that_was_left_learns_what_another_one_did(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.leaves()
    await buyer.sees("closed")
    await buyer.world.shop.complete(payment, **await buyer.world.shop.buyer_pays(payment))
    await buyer.sees("closed")
    await buyer.page.evaluate(LOOK_AGAIN)
    await buyer.sees("paid")


async def test_a_buyer_who_looks_away_and_back_keeps_his_window(buyer: Buyer) -> None:
    payment = await buyer.world.shop.create()
    await buyer.opens(payment)
    await buyer.page.evaluate(LOOK_AGAIN)
    await buyer.pays()
    await buyer.sees("paid")
    assert not [each for each in buyer.witness.requests if each.url.endswith(f"/payments/{payment['id']}")]


async def test_a_transfer_arrives_while_the_page_lies_open(visit: Any, four: World) -> None:
    buyer = await visit("portone_v2", DESK, customer=BUYER, method="VIRTUAL_ACCOUNT", go=False)
    await four.shop.complete(buyer.payment, **await four.shop.buyer_pays(buyer.payment, "virtual_account"))
    await buyer.page.clock.install()
    await buyer.page.goto(buyer.payment["checkout_url"])
    await buyer.sees("awaiting_deposit")
    await four.shop.buyer_pays(buyer.payment)
    await four.shop.sync(buyer.payment)
    assert (await buyer.stored())["status"] == "paid"
    await buyer.sees("awaiting_deposit")
    await buyer.page.clock.run_for(21_000)
    await buyer.sees("paid")


@pytest.mark.parametrize("gateway", ["unifi_pay", "portone_v1", pytest.param("portone_v2", marks=pytest.mark.long)])
async def test_a_buyer_whom_a_bank_led_elsewhere_is_not_sent_to_pay_again(
    visit: Any, four: World, gateway: str
) -> None:
    """He paid, the way back was lost, no webhook came, and he opens the link again in a window that remembers nothing."""
    buyer = await visit(gateway, PHONE, customer=BUYER)
    await buyer.window(gateway)
    await four.shop.buyer_pays(buyer.payment)
    assert (await buyer.stored())["status"] == "open"
    other = await buyer.page.context.new_page()
    visited: list[str] = []
    other.on("framenavigated", lambda frame: visited.append(origin_of(frame.url)))
    await other.goto(buyer.payment["checkout_url"])
    await state(other, "paid")
    assert set(visited) == {four.api}


@pytest.mark.parametrize("gateway", ["unifi_pay", pytest.param("portone_v2", marks=pytest.mark.long)])
async def test_who_has_not_paid_there_is_asked_before_he_is_led_away_again(
    visit: Any, four: World, gateway: str
) -> None:
    buyer = await visit(gateway, PHONE, customer=BUYER)
    await buyer.window(gateway)
    other = await buyer.page.context.new_page()
    await other.goto(buyer.payment["checkout_url"])
    await state(other, "closed")
    await other.locator("#retry").click()
    await expect(other.locator("#pay")).to_be_visible()
