"""What a tab remembers is of one attempt: whatever a buyer did before, he comes to a window and pays, once.

Every gateway × leave, decline, reload, back, second tab, second gateway, at a desk and on a phone.
"""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.checkout.response_security import MOST_COOKIES
from tests.browser.driver import DEVICES, FOUR, Buyer, Visit
from tests.flows.gateways.orders import BUYER
from tests.support import key


async def goes_on(buyer: Visit, gateway: str) -> None:
    """Come to the gateway's window, by "Try again" where the page waits for that, and pay."""
    found = buyer.page.locator("#retry:visible, iframe, #pay")
    await expect(found.first).to_be_visible()
    if await buyer.page.locator("#retry:visible").count():
        await buyer.page.locator("#retry").click()
    await buyer.chooses(gateway, "#pay")


async def has_left(buyer: Visit, gateway: str) -> None:
    """Leave the window: a gateway's page by the browser's own button, before its wallet was connected."""
    if gateway == "unifi_pay":
        await buyer.window(gateway)
        await buyer.page.go_back()
    else:
        await buyer.chooses(gateway, "#leave")
    await expect(buyer.page.locator("#retry")).to_be_visible()


async def leaves(buyer: Visit, gateway: str) -> None:
    await has_left(buyer, gateway)
    await buyer.page.reload()
    await goes_on(buyer, gateway)


async def is_declined(buyer: Visit, gateway: str) -> None:
    await buyer.chooses(gateway, "#decline")
    await buyer.sees("declined")
    await buyer.page.reload()
    await buyer.sees("declined")
    await goes_on(buyer, gateway)


async def reloads(buyer: Visit, gateway: str) -> None:
    await buyer.window(gateway)
    await buyer.page.reload()
    await goes_on(buyer, gateway)


async def goes_back(buyer: Visit, gateway: str) -> None:
    """From the gateway's page, or from the shop where the window stood in ours."""
    window = await buyer.window(gateway)
    if window is not buyer.page.main_frame:
        await buyer.page.goto(buyer.world.storefront)
    await buyer.page.go_back()
    await goes_on(buyer, gateway)


async def opens_a_second_tab(buyer: Visit, gateway: str) -> None:
    """The first tab leaves, the second one pays by the same address, and the first learns of it."""
    await has_left(buyer, gateway)
    first: Page = buyer.page
    address = f"{buyer.world.api}/checkout/{buyer.payment['id']}"
    second = Visit(await first.context.new_page(), buyer.world, buyer.witness, buyer.payment)
    await second.page.goto(address)
    await goes_on(second, gateway)
    await second.sees("paid")
    await first.goto(address)


async def chooses_another_gateway(buyer: Visit, gateway: str) -> None:
    await has_left(buyer, gateway)
    await buyer.page.locator("#others button").first.click()
    await expect(buyer.page.locator("#retry")).to_be_hidden()
    other = (await buyer.stored())["attempts"][-1]["gateway"]
    while other == gateway:
        other = (await buyer.stored())["attempts"][-1]["gateway"]
    await buyer.chooses(other, "#pay")


WAYS = [leaves, is_declined, reloads, goes_back, opens_a_second_tab, chooses_another_gateway]
ALWAYS = {
    ("portone_v1", "desk", leaves),
    ("portone_v2", "desk", chooses_another_gateway),
    ("unifi_pay", "phone", goes_back),
    ("point3", "desk", opens_a_second_tab),
}
EVERY = [
    pytest.param(
        gateway,
        device,
        way,
        marks=() if (gateway, device, way) in ALWAYS else pytest.mark.long,
        id=f"{gateway}-{device}-{way.__name__}",
    )
    for gateway in FOUR
    for device in DEVICES
    for way in WAYS
]


@pytest.mark.parametrize(("gateway", "device", "way"), EVERY)
async def test_a_buyer_comes_to_a_window_and_pays_once(visit: Any, gateway: str, device: str, way: Any) -> None:
    buyer = await visit(gateway, DEVICES[device], customer=BUYER)
    await way(buyer, gateway)
    await buyer.sees("paid")
    stored = await buyer.stored()
    assert (stored["status"], stored["captured_amount"]) == ("paid", buyer.payment["amount"])
    rows = await buyer.world.shop.sim("GET", "/_sim/journal?gateway=" + stored["gateway"])
    assert sum(row["captures"] for row in rows if row["reference"].startswith(buyer.payment["id"][4:])) == 1
    kept = await buyer.page.evaluate("JSON.stringify({...sessionStorage})")
    assert "proof" not in kept
    assert stored["attempts"][0]["reference"] not in kept


@pytest.mark.long
async def test_a_wallet_that_was_connected_is_waited_for(visit: Any) -> None:
    """He has acted, and money may still move: nobody offers him another window, and the money is found when it comes."""
    buyer = await visit("unifi_pay", DEVICES["desk"], customer=BUYER)
    await buyer.chooses("unifi_pay", "#leave")
    await expect(buyer.page.locator("[role=status]")).to_contain_text("Not paid")
    await buyer.world.shop.sync(buyer.payment)
    await buyer.page.goto(f"{buyer.world.api}/checkout/{buyer.payment['id']}")
    await buyer.sees("confirming")
    await expect(buyer.page.locator("#others button")).to_have_count(0)
    await buyer.world.shop.buyer_pays(buyer.payment)
    await buyer.sees("paid")
    assert len((await buyer.stored())["attempts"]) == 1


async def test_a_window_that_another_tab_left_behind_is_not_opened_again(visit: Any) -> None:
    """Declined here, while another tab has opened a window at another gateway: this tab goes on at that one."""
    buyer = await visit("point3", DEVICES["desk"], customer=BUYER)
    await buyer.window("point3")
    answer = await buyer.world.shop.client.post(
        f"/payments/{buyer.payment['id']}/attempts", json={"gateway": "portone_v2"}, headers=key()
    )
    assert answer.status_code == 201, answer.text
    await buyer.chooses("point3", "#decline")
    await buyer.chooses("portone_v2", "#pay")
    await buyer.sees("paid")


OPEN_ALL = """async (tokens) => {
  for (const token of tokens) await fetch(`/checkout/${token}`, { redirect: "error" });
}"""


async def test_a_browser_that_many_pay_at_keeps_so_many_that_a_proxy_lets_it_in(buyer: Buyer) -> None:
    """A till: 72 payments' cookies were 8 kB, beyond which nginx lets nobody to the checkout."""
    made = [await buyer.world.shop.create() for _ in range(72)]
    await buyer.page.goto(f"{buyer.world.api}/healthz")
    await buyer.page.evaluate(OPEN_ALL, [payment["client_token"] for payment in made])
    opened = [each for each in buyer.witness.requests if "/checkout/" in each.url]
    assert len(opened) == 72
    heads = [(await each.all_headers()).get("cookie", "") for each in opened]
    assert 2_000 < max(map(len, heads)) < 4_000
    kept = {cookie["name"] for cookie in await buyer.page.context.cookies()}
    assert kept == {f"onetill_{payment['id'][4:]}" for payment in made[-MOST_COOKIES:]}
    await buyer.opens(made[0])
    await buyer.page.reload()
    await buyer.widget_is_open(by_script=False)
