"""What the browser brought is not what was ordered: nothing is paid, the page says so, and a fresh try works."""

from typing import Any

from playwright.async_api import expect

from tests.browser.driver import PHONE, Buyer


async def test_the_signature_of_another_order_pays_nothing(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    buyer.witness.expect("409 (Conflict)")
    await buyer.pays("other_orders_signature")
    await buyer.sees("mismatch")
    await expect(buyer.detail).to_contain_text("Nothing was charged for it.")
    answer = await buyer.witness.posts("/payments/complete")[0].response()
    assert answer is not None
    assert answer.status == 409
    assert (await answer.json())["code"] == "result_mismatch"
    assert await world.stored(payment) == "open"
    assert set(await world.captures()) == {0}
    assert await world.confirms() == 0
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.stored(payment) == "paid"
    assert sum(await world.captures()) == 1
    assert (await world.shop.journal(await world.newest()))["captures"] == 1


async def test_a_signature_of_another_payment_of_ours_pays_neither(buyer: Buyer) -> None:
    world = buyer.world
    other = await world.shop.create(amount=2_000)
    stolen = await world.shop.buyer_pays(other)
    payment = await world.shop.create(amount=90_000)
    await buyer.opens(payment)
    buyer.witness.expect("409 (Conflict)")
    frame = await buyer.frame()
    await frame.evaluate("(msg) => parent.postMessage({ status: 'success', msg }, '*')", stolen["signature"])
    await buyer.sees("mismatch")
    assert [await world.stored(each) for each in (payment, other)] == ["open", "open"]
    assert await world.confirms() == 0


async def test_a_wrong_amount_is_never_paid(buyer: Buyer) -> None:
    world = buyer.world
    payment = await buyer.buys()
    buyer.witness.expect("409 (Conflict)")
    await buyer.pays("amount_differs")
    await buyer.sees("mismatch")
    await expect(buyer.detail).to_contain_text("the amount is another")
    assert await world.stored(payment) == "open"
    assert await world.attempts(payment) == ["rejected"]
    assert await world.captures() == [0]
    await buyer.page.reload()
    await expect(buyer.retry).to_be_visible()
    assert await world.stored(payment) == "open"
    await buyer.tries_again()
    await buyer.pays()
    await buyer.sees("paid")
    assert await world.attempts(payment) == ["rejected", "captured"]
    assert await world.captures() == [0, 1]


async def test_who_comes_back_by_a_redirect_is_told_what_became_of_the_money(visit: Any) -> None:
    """The page did not make the call that found it. So it is after a reload."""
    buyer = await visit("portone_v1", PHONE)
    window = await buyer.window("portone_v1")
    await window.locator("summary").click()
    await buyer.chooses("portone_v1", "#pay", "amount_differs")
    for _ in range(2):
        await buyer.sees("mismatch")
        detail = buyer.page.locator("#state-detail")
        await expect(detail).to_contain_text("the amount is another")
        await expect(detail).to_contain_text("The money was given back.")
        await buyer.page.reload()
    await buyer.page.locator("#retry").click()
    await buyer.chooses("portone_v1", "#pay")
    await buyer.sees("paid")
