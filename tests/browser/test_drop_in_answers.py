"""What the shop's page is told, by where the payment stands when it is opened: each time, and never two things that differ."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import expect

from app.domain.states import PaymentStatus
from app.jobs.worker import Worker
from app.paths import ROOT, STATIC
from app.services import build_services
from tests.browser.conftest import NewCustomer
from tests.browser.driver import FOUR, expect_soon
from tests.browser.storefront import Customer
from tests.support import MovableClock, key

Told = tuple[str, str] | None


async def stays_open(buyer: Customer) -> None:
    pass


async def waits_for_an_answer(buyer: Customer) -> None:
    shop = buyer.embedding.world.shop
    proof = await shop.buyer_pays(buyer.payment, "accept_then_hang")
    assert (await shop.complete(buyer.payment, **proof)).status_code == 202
    await shop.scenario("error_500", call="lookup", times=-1)


async def waits_for_a_deposit(buyer: Customer) -> None:
    shop = buyer.embedding.world.shop
    await shop.complete(buyer.payment, **await shop.buyer_pays(buyer.payment, "virtual_account"))


async def is_paid(buyer: Customer) -> None:
    shop = buyer.embedding.world.shop
    await shop.complete(buyer.payment, **await shop.buyer_pays(buyer.payment))


async def goes_back_in_part(buyer: Customer, amount: int | None = 100) -> None:
    await is_paid(buyer)
    body = {"reason": "not wanted"} | ({"amount": amount} if amount else {})
    client = buyer.embedding.world.shop.client
    answer = await client.post(f"/payments/{buyer.payment['id']}/refunds", headers=key(), json=body)
    assert answer.is_success, answer.text


async def goes_back(buyer: Customer) -> None:
    await goes_back_in_part(buyer, None)


async def is_canceled(buyer: Customer) -> None:
    await buyer.embedding.world.shop.client.post(f"/payments/{buyer.payment['id']}/cancel")


async def runs_out(buyer: Customer) -> None:
    clock = MovableClock()
    services = build_services(buyer.embedding.world.shop.settings, clock)
    await services.database.open()
    for _ in range(3):
        clock.advance(1800)
        await Worker(services).sweep()
    await services.close()


async def calls_a_person(buyer: Customer) -> None:
    shop = buyer.embedding.world.shop
    await shop.complete(buyer.payment, **await shop.buyer_pays(buyer.payment, "amount_differs"))
    await shop.sync(buyer.payment)


CASES: dict[PaymentStatus, tuple[str, Callable[[Customer], Awaitable[None]], Told, tuple[str, str]]] = {
    PaymentStatus.OPEN: ("point3", stays_open, None, ("error", "closed")),
    PaymentStatus.PROCESSING: ("point3", waits_for_an_answer, None, ("error", "closed")),
    PaymentStatus.AWAITING_DEPOSIT: (
        "portone_v2",
        waits_for_a_deposit,
        ("error", "awaiting_deposit"),
        ("error", "closed"),
    ),
    PaymentStatus.PAID: ("point3", is_paid, ("success", ""), ("success", "")),
    PaymentStatus.PARTIALLY_REFUNDED: ("portone_v2", goes_back_in_part, ("success", ""), ("success", "")),
    PaymentStatus.REFUNDED: ("portone_v2", goes_back, ("error", "refunded"), ("error", "refunded")),
    PaymentStatus.CANCELED: ("point3", is_canceled, ("error", "canceled"), ("error", "canceled")),
    PaymentStatus.EXPIRED: ("point3", runs_out, ("error", "expired"), ("error", "expired")),
    PaymentStatus.REVIEW: ("unifi_pay", calls_a_person, ("error", "review"), ("error", "review")),
}
"""Gateway, how it comes there, what is told when it is opened, and what the overlay ends with when it is closed then. A success
names what was paid."""
UNDER_WAY = {PaymentStatus.OPEN, PaymentStatus.PROCESSING, PaymentStatus.AWAITING_DEPOSIT}
EVERY = pytest.mark.parametrize("status", CASES)


def as_told(result: dict[str, Any]) -> tuple[str, str, str]:
    """With the gateway's own name of what was paid left out, once it is seen that there is one."""
    assert result["status"] == "error" or result["msg"]
    return (result["status"], "" if result["status"] == "success" else result["msg"], result["payment_status"])


async def comes(customer: NewCustomer, status: PaymentStatus) -> Customer:
    gateway, comes_there, _, _ = CASES[status]
    method = {"method": "VIRTUAL_ACCOUNT"} if status is PaymentStatus.AWAITING_DEPOSIT else {}
    buyer = await customer(gateway, **method)
    buyer.witness.expect("409 (Conflict)")
    await comes_there(buyer)
    await buyer.embedding.world.comes_to(buyer.payment, status)
    return buyer


async def hears(buyer: Customer, status: PaymentStatus) -> None:
    """At once what there is to say, and nothing else."""
    told = CASES[status][2]
    if told is None:
        await buyer.sees("confirming" if status is PaymentStatus.PROCESSING else "paying")
    else:
        await expect_soon(buyer.page, "window.results.length > 0")
    heard = await buyer.page.evaluate("window.results")
    assert [as_told(each) for each in heard] == ([] if told is None else [(*told, status)])


def test_every_status_is_tried_and_described() -> None:
    assert CASES.keys() == set(PaymentStatus)
    for name in ("docs/drop-in.md", "docs/drop-in.ko.md"):
        table = [
            line
            for line in (ROOT / name).read_text("utf-8").splitlines()
            if line.startswith(("| `success`", "| `error`"))
        ]
        for status, (_, _, told, ended) in CASES.items():
            for word, msg in filter(None, (told, ended)):
                rows = [row for row in table if row.startswith(f"| `{word}`") and f"`{status}`" in row.split("|")[3]]
                assert any(not msg or f"`{msg}`" in row or msg == status for row in rows), (name, status, word, msg)
    types = (STATIC / "onetill.d.ts").read_text("utf-8")
    assert all(f'"{status}"' in types for status in CASES)


@EVERY
async def test_over_the_page(customer: NewCustomer, embedding: Any, status: PaymentStatus) -> None:
    buyer = await comes(customer, status)
    await buyer.presses_buy("overlay")
    await hears(buyer, status)
    if status is PaymentStatus.OPEN:
        await buyer.presses("point3", "#leave")
        await buyer.sees("closed")
    if status is not PaymentStatus.PAID:
        await buyer.checkout.locator("#close-frame").click()
    ended = await buyer.ended()
    assert as_told(ended) == (*CASES[status][3], status)
    assert (await buyer.page.evaluate("window.results"))[-1] == ended
    await embedding.world.shop.scenario("error_500", call="lookup", times=0)


@EVERY
async def test_inside_the_page(customer: NewCustomer, embedding: Any, status: PaymentStatus) -> None:
    buyer = await comes(customer, status)
    await buyer.presses_buy("inline")
    await hears(buyer, status)
    if status not in UNDER_WAY:
        assert as_told(await buyer.ended()) == (*CASES[status][3], status)
    await embedding.world.shop.scenario("error_500", call="lookup", times=0)
    if status is PaymentStatus.PROCESSING:
        await embedding.world.shop.sync(buyer.payment)
        assert as_told(await buyer.ended()) == ("success", "", "paid")
    elif status in UNDER_WAY:
        assert await buyer.page.evaluate("window.ended") is None, "he may go on"


@EVERY
async def test_in_place_of_the_page(customer: NewCustomer, embedding: Any, status: PaymentStatus) -> None:
    """There is no page left to tell: the checkout shows it, and leads back."""
    buyer = await comes(customer, status)
    await buyer.presses_buy("redirect")
    if status is PaymentStatus.PAID:
        await buyer.page.wait_for_url(f"{buyer.embedding.shop}/paid")
    else:
        state = {PaymentStatus.OPEN: "paying", PaymentStatus.PROCESSING: "confirming"}.get(status, status)
        await expect(buyer.page.locator("#checkout")).to_have_attribute("data-state", state)
    await embedding.world.shop.scenario("error_500", call="lookup", times=0)


SOME = {("point3", "overlay"), ("point3", "inline"), ("unifi_pay", "overlay")}
GATEWAYS = [
    pytest.param(gateway, mode, marks=() if (gateway, mode) in SOME else pytest.mark.long)
    for gateway in FOUR
    for mode in ("overlay", "inline")
]


@pytest.mark.parametrize(("gateway", "mode"), GATEWAYS)
async def test_a_paid_payment_says_so_each_time(customer: NewCustomer, gateway: str, mode: str) -> None:
    """Opened again in the same page, and after F5; an app around all of it hears it once."""
    buyer = await customer(gateway)
    app: list[str] = []
    await buyer.context.expose_binding("tellApp", lambda _, text: app.append(text))
    await buyer.context.add_init_script("window.ReactNativeWebView = { postMessage: (text) => tellApp(text) };")
    await buyer.page.reload()
    await buyer.presses_buy(mode)
    await buyer.presses(gateway, "#pay")
    results = [await buyer.ended()]
    await buyer.page.evaluate("document.getElementById('here').replaceChildren()")
    await buyer.page.locator("#buy").click()
    results.append(await buyer.ended())
    await buyer.page.reload()
    await buyer.presses_buy(mode)
    results.append(await buyer.ended())
    for result in results:
        assert (result["status"], result["payment_status"], result["payment_id"]) == (
            "success",
            "paid",
            buyer.payment["id"],
        )
    assert len({result["msg"] for result in results}) == 1
    assert [status for status, _, _ in await buyer.results()] == ["success"]
    in_frames = 1 if gateway != "unifi_pay" else 2  # the window beside the page tells the app around that, too
    assert len([text for text in app if '"payment_status":"paid"' in text]) <= in_frames
