"""Nobody knows yet: the page says that it is confirming, asks again, and ends with the truth. Never with a guess."""

from typing import Any

from playwright.async_api import Route, expect

from tests.browser.driver import Buyer


async def confirmed(buyer: Buyer, payment: dict[str, Any]) -> None:
    """Paid, with one confirm and one capture."""
    await buyer.sees("paid")
    assert await buyer.world.stored(payment) == "paid"
    truth = await buyer.world.shop.journal(payment)
    assert (truth["confirms"], truth["captures"]) == (1, 1)


async def test_a_confirm_whose_answer_is_lost_ends_paid_with_one_confirm(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    await buyer.pays("accept_then_hang")
    await buyer.sees("confirming")
    text = await buyer.text()
    assert "Confirming your payment" in text
    assert "Please keep this page open" in text
    await expect(buyer.page.locator("#return-link")).to_be_hidden()
    await world.comes_to(payment, "processing")
    await confirmed(buyer, payment)
    assert len(buyer.witness.completes) == 2
    assert buyer.witness.completes[0] == buyer.witness.completes[1]


async def test_a_reload_and_another_tab_go_on_asking(buyer: Buyer) -> None:
    payment = await buyer.buys()
    await buyer.pays("accept_then_hang")
    await buyer.sees("confirming")
    await buyer.page.reload()
    await buyer.sees("confirming")
    await expect(buyer.page.locator("iframe")).to_have_count(0)
    other = Buyer(await buyer.page.context.new_page(), buyer.witness, buyer.world)
    await other.page.goto(payment["checkout_url"])
    await other.sees("confirming")  # it knows no signature, and asks without one
    await confirmed(other, payment)
    await confirmed(buyer, payment)
    signature = (await buyer.world.shop.journal(payment))["gateway_ref"]
    for page, brought in ((buyer.page, {signature}), (other.page, {None})):
        asked = [each for each in buyer.witness.posts("/payments/complete") if each.frame.page == page]
        bodies: list[dict[str, str]] = [each.post_data_json or {} for each in asked]
        assert {body.get("signature") for body in bodies} == brought


async def test_a_server_that_cannot_be_reached_is_asked_again(buyer: Buyer) -> None:
    payment = await buyer.buys()
    lost: list[str | None] = []

    async def lose_two(route: Route) -> None:
        if len(lost) == 2:
            await route.continue_()
            return
        lost.append(await buyer.main.get_attribute("data-state"))
        await route.abort("connectionfailed")

    await buyer.page.route("**/payments/complete", lose_two)
    buyer.witness.expect("ERR_CONNECTION_FAILED")
    await buyer.pays()
    await confirmed(buyer, payment)
    assert lost == ["confirming", "confirming"]
    assert len(buyer.witness.completes) == 3


async def test_a_network_that_comes_back_is_used_at_once(buyer: Buyer) -> None:
    payment = await buyer.buys()
    await buyer.page.route("**/payments/complete", lambda route: route.abort("internetdisconnected"), times=1)
    buyer.witness.expect("ERR_INTERNET_DISCONNECTED")
    async with buyer.page.expect_event("requestfailed"):
        await buyer.pays()
    await buyer.sees("confirming")
    await buyer.page.context.set_offline(True)
    await buyer.page.context.set_offline(False)
    await confirmed(buyer, payment)


async def test_an_answer_that_got_lost_after_the_money_was_taken_is_found(buyer: Buyer) -> None:
    payment = await buyer.buys()
    lost: list[int] = []

    async def lose_the_first_answer(route: Route) -> None:
        if lost:
            await route.continue_()
            return
        lost.append((await route.fetch()).status)
        await route.abort("connectionreset")

    await buyer.page.route("**/payments/complete", lose_the_first_answer)
    buyer.witness.expect("ERR_CONNECTION_RESET")
    await buyer.pays()
    await confirmed(buyer, payment)
    assert lost == [200]


async def test_after_three_minutes_the_buyer_may_go_and_can_still_ask(buyer: Buyer) -> None:
    payment = await buyer.buys()
    await buyer.page.clock.install()
    await buyer.page.route("**/payments/complete", lambda route: route.abort("connectionfailed"))
    buyer.witness.expect("ERR_CONNECTION_FAILED")
    await buyer.pays()
    await buyer.sees("confirming")
    heard = set()
    for _ in range(60):
        await buyer.page.clock.run_for(5_000)
        heard.add(await buyer.page.locator("#announcer").text_content())
        if await buyer.main.get_attribute("data-state") == "waiting":
            break
    await buyer.sees("waiting")
    assert any("a little longer than usual" in (words or "") for words in heard)
    text = await buyer.text()
    assert "You will not be charged twice" in text
    assert "fail" not in text.lower()
    await expect(buyer.page.get_by_role("link", name="Back to the shop")).to_be_visible()
    await buyer.page.unroute("**/payments/complete")
    await buyer.page.get_by_role("button", name="Check again").click()
    await confirmed(buyer, payment)
