"""A buyer pays at each of the four gateways: at a desk in its window, on a phone by leaving and coming back."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.driver import DESK, DEVICES, FOUR, PHONE, World, origin_of
from tests.flows.gateways.orders import BY_NAME

every_gateway = pytest.mark.parametrize("gateway", FOUR)


def every_way(*always: tuple[str, str]) -> pytest.MarkDecorator:
    """Every gateway on every device. What is not named here is `long`."""
    ways = [
        pytest.param(
            gateway, device, marks=() if (gateway, name) in always else pytest.mark.long, id=f"{gateway}-{name}"
        )
        for gateway in FOUR
        for name, device in DEVICES.items()
    ]
    return pytest.mark.parametrize(("gateway", "device"), ways)


@every_way(("point3", "desk"), ("portone_v1", "desk"), ("portone_v2", "phone"), ("unifi_pay", "desk"))
async def test_a_buyer_pays(visit: Any, gateway: str, device: dict[str, Any]) -> None:
    buyer = await visit(gateway, device)
    await buyer.chooses(gateway, "#pay")
    await buyer.sees("paid")
    stored = await buyer.stored()
    truth = await buyer.world.shop.journal(buyer.payment)
    assert (stored["status"], stored["captured_amount"]) == ("paid", buyer.payment["amount"])
    assert (truth["captures"], truth["amount"]) == (1, buyer.payment["amount"])


@every_way(("portone_v1", "phone"))
async def test_a_paid_buyer_comes_to_the_shop(visit: Any, four: World, gateway: str, device: dict[str, Any]) -> None:
    buyer = await visit(gateway, device, return_url=f"{four.storefront}/?paid")
    await buyer.chooses(gateway, "#pay")
    await buyer.page.wait_for_url(f"{four.storefront}/?paid")
    assert (await buyer.stored())["status"] == "paid"


@every_way(("portone_v2", "desk"))
async def test_a_refused_card_leaves_the_order_open_and_offers_the_others(
    visit: Any, gateway: str, device: dict[str, Any]
) -> None:
    changes = {"customer": BY_NAME["portone_v2"].order["customer"]}
    buyer = await visit(gateway, device, **changes)
    await buyer.chooses(gateway, "#decline")
    await expect(buyer.page.locator("#checkout")).to_have_attribute("data-state", "declined")
    other = "Card" if gateway != "portone_v2" else "Point3"
    await buyer.page.get_by_role("button", name=f"Pay with {other}").click()
    await buyer.chooses("portone_v2" if gateway != "portone_v2" else "point3", "#pay")
    await buyer.sees("paid")
    stored = await buyer.stored()
    assert [attempt["status"] for attempt in stored["attempts"]] == ["failed", "captured"]
    assert stored["captured_amount"] == buyer.payment["amount"]


@pytest.mark.parametrize("gateway", ["portone_v1", pytest.param("portone_v2", marks=pytest.mark.long)])
async def test_a_window_that_was_closed_can_be_opened_again(visit: Any, gateway: str) -> None:
    buyer = await visit(gateway, DESK)
    await buyer.chooses(gateway, "#leave")
    await buyer.sees("closed")
    await buyer.page.locator("#retry").click()
    await buyer.chooses(gateway, "#pay")
    await buyer.sees("paid")
    assert (
        sum(
            row["captures"]
            for row in await buyer.world.shop.sim("GET", f"/_sim/journal?gateway={gateway}")
            if row["reference"].startswith(buyer.payment["id"][4:])
        )
        == 1
    )


async def test_a_decline_in_a_window_that_was_left_before_is_called_one(visit: Any) -> None:
    """PortOne V1 keeps the first visit open, so our server cannot call the payment declined, and it can still be paid."""
    buyer = await visit("portone_v1", DESK)
    await buyer.chooses("portone_v1", "#leave")
    await buyer.sees("closed")
    await buyer.page.locator("#retry").click()
    await buyer.chooses("portone_v1", "#decline")
    await buyer.sees("declined")
    assert (await buyer.stored())["status"] == "open"
    await buyer.page.locator("#retry").click()
    await buyer.chooses("portone_v1", "#pay")
    await buyer.sees("paid")


async def test_a_link_that_is_opened_again_does_not_lead_away_again(visit: Any) -> None:
    buyer = await visit("unifi_pay", PHONE)
    await buyer.window("unifi_pay")
    await buyer.page.goto(buyer.payment["checkout_url"])
    await buyer.sees("closed")
    await buyer.page.locator("#retry").click()
    await buyer.chooses("unifi_pay", "#pay")
    await buyer.sees("paid")
    stored = await buyer.stored()
    assert [attempt["status"] for attempt in stored["attempts"]] == ["pending", "captured"], "a page opens once"


@pytest.mark.parametrize("gateway", ["portone_v1", pytest.param("portone_v2", marks=pytest.mark.long)])
async def test_a_script_that_does_not_come_is_said_and_charges_nobody(visit: Any, four: World, gateway: str) -> None:
    buyer = await visit(gateway, DESK, blocked=four.shop.simulator.gateways[gateway]["script_url"])
    buyer.witness.expect("net::ERR_FAILED")
    await buyer.sees("unopened")
    await expect(buyer.page.locator("#retry")).to_be_visible()
    assert (await buyer.stored())["status"] == "open"


@every_gateway
async def test_the_policy_lets_in_one_gateways_script_only(visit: Any, four: World, gateway: str) -> None:
    buyer = await visit(gateway, DESK)
    answer = await buyer.page.request.get(buyer.payment["checkout_url"], headers={"Accept": "text/html"})
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    accounts = four.shop.simulator.gateways
    scripts = {name: origin_of(account["script_url"]) for name, account in accounts.items() if "script_url" in account}
    for name, origin in scripts.items():
        assert (origin in policy["script-src"]) == (name == gateway)
    assert "unsafe-inline" not in policy["script-src"]
    assert "https:" not in policy["script-src"].split()
    assert policy["base-uri"] == "'none'"
