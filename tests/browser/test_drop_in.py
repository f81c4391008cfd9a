"""The drop-in script, from a shop's page at another origin whose policy lets in our scripts and frames and nothing else."""

from typing import Any

import pytest
from playwright.async_api import Error, expect

from tests.browser.conftest import NewCustomer
from tests.browser.driver import PHONE, expect_soon
from tests.browser.storefront import OPEN, Embedding
from tests.browser.test_every_gateway import every_way


@every_way(
    ("point3", "desk"), ("point3", "phone"), ("portone_v1", "phone"), ("portone_v2", "desk"), ("unifi_pay", "desk")
)
async def test_a_customer_pays_from_the_shops_page(customer: NewCustomer, gateway: str, device: dict[str, Any]) -> None:
    """Over the page; where the gateway needs the window, in one beside it at a desk, and in its place on a phone."""
    buyer = await customer(gateway, device)
    await buyer.presses_buy("overlay")
    if device is PHONE and gateway != "point3":
        await buyer.presses(gateway, "#pay")
        await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
        assert await buyer.status() == "paid"
        return
    await buyer.presses(gateway, "#pay")
    await buyer.sees("paid")
    result = await buyer.ended()
    assert (result["status"], result["payment_status"], result["payment_id"]) == (
        "success",
        "paid",
        buyer.payment["id"],
    )
    assert [status for status, _, _ in await buyer.results()] == ["success"]
    assert await buyer.status() == "paid"
    await expect(buyer.page.locator("dialog")).to_have_count(0)
    await expect(buyer.page.locator("#buy")).to_be_focused()


async def test_a_customer_who_closes_it_is_back_where_he_was(customer: NewCustomer) -> None:
    """One press of Escape is one step: the gateway's window, then the checkout."""
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.window("point3")
    await buyer.page.keyboard.press("Escape")
    await buyer.sees("closed")
    await expect_soon(buyer.page, "window.results.length === 1")
    assert await buyer.page.evaluate("window.ended") is None, "he may try again"
    await buyer.page.keyboard.press("Escape")
    result = await buyer.ended()
    assert (result["status"], result["msg"], result["payment_status"]) == ("error", "closed", "open")
    assert await buyer.results() == [("error", "closed", "open")], "said once"
    await expect(buyer.page.locator("dialog")).to_have_count(0)
    await expect(buyer.page.locator("#buy")).to_be_focused()
    assert await buyer.page.evaluate("document.documentElement.style.overflow") == ""
    await buyer.page.locator("#buy").click()
    await buyer.presses("point3", "#pay")
    assert (await buyer.ended())["status"] == "success"


@pytest.mark.parametrize("button", ["#close-frame", "#leave-frame"])
async def test_the_checkout_has_its_own_ways_back(customer: NewCustomer, button: str) -> None:
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#decline")
    await buyer.sees("declined")
    await expect(buyer.checkout.locator("#return-link")).to_have_count(0)
    await buyer.checkout.locator(button).click()
    assert (await buyer.ended())["msg"] == "declined"
    assert await buyer.results() == [("error", "declined", "open")]


async def test_the_focus_stays_in_the_checkout(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.presses_buy("overlay")
    await buyer.presses("point3", "#leave")
    await buyer.sees("closed")
    inside = set()
    for _ in range(8):
        await buyer.page.keyboard.press("Tab")
        assert await buyer.page.evaluate("document.activeElement.tagName") in {"IFRAME", "BODY"}  # or the browser's own
        inside.add(await buyer.checkout.locator("body").evaluate("() => document.activeElement.id"))
    assert {"retry", "close-frame", "leave-frame"} <= inside


async def test_a_double_click_opens_it_once(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.page.evaluate(OPEN, [buyer.payment["client_token"], "overlay"])
    await buyer.page.evaluate("document.getElementById('buy').click(); document.getElementById('buy').click()")
    await buyer.presses("point3", "#pay")
    await buyer.ended()
    await expect(buyer.page.locator("dialog, iframe")).to_have_count(0)


async def test_inside_an_element_of_the_page(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.presses_buy("inline")
    await buyer.presses("point3", "#decline")
    await buyer.sees("declined")
    await expect(buyer.checkout.locator("#close-frame")).to_be_hidden()
    assert await buyer.page.evaluate("window.ended") is None
    await buyer.checkout.locator("#retry").click()
    await buyer.presses("point3", "#pay")
    result = await buyer.ended()
    assert (result["status"], result["payment_status"]) == ("success", "paid")
    await expect(buyer.page.locator("#here > iframe")).to_have_count(1)
    await buyer.checkout.locator("#return-link").click()
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")


async def test_in_place_of_the_page(customer: NewCustomer) -> None:
    buyer = await customer()
    await buyer.presses_buy("redirect")
    await buyer.presses("point3", "#pay")
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    assert await buyer.status() == "paid"


@pytest.mark.parametrize("mode", ["overlay", "inline"])
async def test_where_no_window_may_be_opened_the_page_leads_to_the_gateway(customer: NewCustomer, mode: str) -> None:
    buyer = await customer("unifi_pay")
    await buyer.page.evaluate("() => { window.open = () => null; }")
    await buyer.presses_buy(mode)
    await buyer.presses("unifi_pay", "#pay")
    await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    assert await buyer.status() == "paid"


async def test_a_window_beside_the_page_closes_when_it_is_paid_and_can_be_asked_for_again(
    customer: NewCustomer,
) -> None:
    buyer = await customer("unifi_pay")
    await buyer.presses_buy("overlay")
    first = (await buyer.window("unifi_pay")).page
    buyer.witness.expect("Unsafe attempt to initiate navigation")
    for away in ("opener", "opener.parent", "opener.top"):
        with pytest.raises(Error, match="permission to navigate"):
            await first.evaluate(f"() => {{ {away}.location.href = location.href; }}")
    await first.close()
    await buyer.checkout.locator("#retry").click()
    second = (await buyer.window("unifi_pay")).page
    await buyer.presses("unifi_pay", "#pay")
    assert (await buyer.ended())["status"] == "success"
    if not second.is_closed():
        await second.wait_for_event("close")


async def test_a_page_that_may_not_frame_it_goes_there(customer: NewCustomer, embedding: Embedding) -> None:
    buyer = await customer(at=embedding.stranger)
    buyer.witness.expect("frame-ancestors")
    await buyer.presses_buy("overlay")
    await buyer.page.wait_for_url(f"{embedding.world.api}/checkout/*")
    await buyer.presses("point3", "#pay")
    await buyer.page.wait_for_url(f"{embedding.stranger}/paid")


async def test_from_another_site_without_cookies(customer: NewCustomer, embedding: Embedding) -> None:
    """The browser keeps what is in the frame apart from the same address in a window of its own."""
    buyer = await customer("portone_v2", at=embedding.far_shop)
    buyer.witness.expect("404 (Not Found)")  # of the payment's own address, without its cookie; over https it has one
    await buyer.presses_buy("overlay")
    await buyer.presses("portone_v2", "#pay")
    assert (await buyer.ended())["payment_status"] == "paid"


@pytest.mark.parametrize("way_in", ["classic", "module", "import", "named"])
async def test_the_script_opens_a_checkout_however_it_is_loaded(customer: NewCustomer, way_in: str) -> None:
    buyer = await customer(query=f"script={way_in if way_in in {'classic', 'module'} else 'none'}")
    address = f"{buyer.embedding.world.api}/static/onetill." + ("mjs" if way_in == "named" else "js")
    if way_in == "named":
        assert await buyer.page.evaluate("async (at) => (await import(at)).Onetill === window.Onetill", address)
    elif way_in == "import":
        await buyer.page.evaluate("(at) => import(at).then(() => true)", address)
    assert await buyer.page.evaluate("[Onetill.version, Onetill.origin]") == ["1", buyer.embedding.world.api]
    await buyer.presses_buy("overlay")
    await buyer.window("point3")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("{}", "clientToken"),
        ("{clientToken: 'ct_a/../b'}", "clientToken"),
        ("{clientToken: 'sk_test_1'}", "clientToken"),
        ("{clientToken: 'ct_1', mode: 'popup'}", "mode"),
        ("{clientToken: 'ct_1', mode: 'inline'}", "container"),
        ("{clientToken: 'ct_1', mode: 'inline', container: '#nowhere'}", "container"),
    ],
)
async def test_wrong_options_are_named(customer: NewCustomer, options: str, reason: str) -> None:
    buyer = await customer()
    said = await buyer.page.evaluate(f"Onetill.open({options}).catch((error) => error.name + error.message)")
    assert said.startswith("TypeErrorOnetill.open: ")
    assert reason in said
    await expect(buyer.page.locator("dialog, iframe")).to_have_count(0)


@pytest.mark.parametrize("options", ["null", "{clientToken: 'ct_1', mode: 'inline', container: '['}"])
async def test_what_the_engine_refuses_rejects_as_well(customer: NewCustomer, options: str) -> None:
    buyer = await customer()
    assert await buyer.page.evaluate(f"Onetill.open({options}).catch((error) => error instanceof Error)")


async def test_a_shop_whose_own_code_breaks_is_paid_all_the_same(customer: NewCustomer) -> None:
    buyer = await customer()
    buyer.witness.expect("the shop's own")
    await buyer.page.evaluate(
        """(clientToken) => { window.ended = null;
          const onResult = () => { throw new Error("the shop's own"); };
          Onetill.open({ clientToken, onResult }).then((result) => { window.ended = result; }); }""",
        buyer.payment["client_token"],
    )
    await buyer.presses("point3", "#pay")
    assert (await buyer.ended())["status"] == "success"
