"""The bookshop against every way in which paying may go: it never delivers unpaid, never twice, and refunds once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from onetill_client import Onetill, OnetillProblem
from onetill_client.models import CustomerIn, PaymentView
from onetill_client.pytest_plugin import Sandbox, Scenario
from shop import Bookshop

BUYER: CustomerIn = {"name": "Minji Kim", "email": "minji@mail.example", "phone": "010-5555-7788", "country": "KR"}
PRICES = {"portone_v1": (1750, "USD"), "unifi_pay": (1750, "USD")}
"""These take dollars in the simulator."""


@pytest.fixture
def shop(onetill: Sandbox, tmp_path: Path) -> Iterator[Bookshop]:
    with Onetill(onetill.url, onetill.key) as client:
        shop = Bookshop(client, str(tmp_path / "orders"))
        yield shop
        shop.close()


def order(shop: Bookshop, gateway: str) -> tuple[str, PaymentView]:
    order_id = f"book-{uuid4().hex[:12]}"
    price, currency = PRICES.get(gateway, (24000, "KRW"))
    return order_id, shop.order(order_id, price, currency, customer=BUYER, gateway=gateway)


def browser_tells(onetill: Sandbox, payment: PaymentView, brought: dict[str, str]) -> None:
    """What the checkout page does when the gateway's window has closed, however that ended."""
    assert payment["client_token"]
    with Onetill(onetill.url, payment["client_token"]) as page:
        try:
            page.complete_payment(**{"payment_id": payment["id"], **brought})
        except OnetillProblem as problem:
            if problem.code not in {"result_mismatch", "gateway_refused"}:
                raise


def test_whatever_happens_it_delivers_what_is_paid_and_nothing_else(
    onetill: Sandbox, shop: Bookshop, onetill_scenario: Scenario
) -> None:
    order_id, payment = order(shop, onetill_scenario.gateway)
    browser_tells(onetill, payment, onetill.buyer_pays(payment["id"], onetill_scenario))
    shop.settle(order_id)
    onetill.pass_time(120)  # what is approved late is approved now
    for _ in range(2):
        shop.settle(order_id)
    paid = onetill.client.get_payment(payment["id"])
    is_paid = paid["status"] == "paid"
    assert shop.parcels(order_id) == is_paid, f"{onetill_scenario.about} Onetill says {paid['status']}"
    if is_paid:
        assert onetill.money_kept(payment["id"]) > 0


def test_what_went_well_is_delivered(onetill: Sandbox, shop: Bookshop) -> None:
    order_id, payment = order(shop, "portone_v2")
    assert shop.settle(order_id) == "waiting"
    onetill.buyer_pays(payment["id"])
    assert [shop.settle(order_id), shop.settle(order_id), shop.parcels(order_id)] == ["delivered", "delivered", 1]
    assert onetill.money_kept(payment["id"]) == 24000


def test_it_hears_of_buyers_who_never_came_back(
    onetill: Sandbox, shop: Bookshop, until: Callable[[Callable[[], bool]], None]
) -> None:
    order_id, payment = order(shop, "portone_v2")
    onetill.buyer_pays(payment["id"])  # and closes the browser; the gateway's webhook tells Onetill

    def delivered() -> bool:
        shop.catch_up()
        return shop.state(order_id) == "delivered"

    until(delivered)
    shop.catch_up()
    assert shop.parcels(order_id) == 1


def test_an_order_sent_twice_is_one_payment(shop: Bookshop) -> None:
    order_id, payment = order(shop, "point3")
    again = shop.order(order_id, 24000, "KRW", customer=BUYER, gateway="point3")
    assert again["id"] == payment["id"]


def test_an_order_whose_payment_ended_unpaid_is_paid_by_the_next_and_delivered_once(
    onetill: Sandbox, shop: Bookshop
) -> None:
    order_id, first = order(shop, "portone_v2")
    onetill.client.cancel_payment(first["id"])
    assert shop.settle(order_id) == "unpaid"
    again = [shop.order(order_id, 24000, "KRW", customer=BUYER, gateway="portone_v2") for _ in range(2)]
    assert again[0]["id"] == again[1]["id"] != first["id"]
    assert [again[0]["status"], shop.settle(order_id)] == ["open", "waiting"]
    onetill.buyer_pays(again[0]["id"])
    assert [shop.settle(order_id), shop.settle(order_id), shop.parcels(order_id)] == ["delivered", "delivered", 1]
    assert [onetill.money_kept(each["id"]) for each in (first, again[0])] == [0, 24000]
    assert shop.order(order_id, 24000, "KRW", customer=BUYER)["status"] == "paid", "what is paid is not asked for again"


def test_a_refund_that_was_refused_may_be_asked_for_again(onetill: Sandbox, shop: Bookshop) -> None:
    order_id, payment = order(shop, "portone_v2")
    onetill.buyer_pays(payment["id"])
    assert shop.settle(order_id) == "delivered"
    onetill.plan(payment["id"], "cancel_failed", call="cancel")
    with pytest.raises(OnetillProblem):
        shop.take_back(order_id, "Changed their mind")
    assert shop.take_back(order_id, "Changed their mind") == "succeeded"
    assert onetill.money_kept(payment["id"]) == 0


@pytest.mark.parametrize("scenario", ["accept_then_hang", "lost_request", "error_500", "async_cancel"])
def test_a_refund_whose_answer_is_lost_is_given_once(
    onetill: Sandbox, shop: Bookshop, scenario: str, until: Callable[[Callable[[], bool]], None]
) -> None:
    order_id, payment = order(shop, "portone_v2")
    onetill.buyer_pays(payment["id"])
    assert shop.settle(order_id) == "delivered"
    onetill.plan(payment["id"], scenario, call="cancel")
    shop.take_back(order_id, "Changed their mind")
    shop.take_back(order_id, "Changed their mind")
    onetill.pass_time(600)
    until(lambda: onetill.client.get_payment(payment["id"])["status"] == "refunded")
    assert onetill.money_kept(payment["id"]) == 0
    assert len(onetill.client.list_refunds(payment["id"])["data"]) == 1
