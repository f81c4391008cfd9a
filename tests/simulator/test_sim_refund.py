"""`POST /_sim/refund`: money goes back past the shop. What each gateway then shows, tells and refuses."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from simulator.twin import RefusedError, Twin

from .driver import Driver
from .portone_v1_driver import Ear, V1Driver, an_ear
from .portone_v2_driver import Shop, V2Driver
from .unifi_pay_driver import Receiver, UnifiDriver

Json = dict[str, Any]


@pytest.fixture
async def v1(sim: Driver) -> AsyncIterator[V1Driver]:
    async with V1Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def unifi(sim: Driver) -> AsyncIterator[UnifiDriver]:
    async with UnifiDriver(sim.simulator) as driver:
        yield driver


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    async with an_ear() as ear:
        yield ear


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with Shop() as shop:
        yield shop


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def ask(sim: Driver, gateway: str, reference: str = "order1", **fields: object) -> httpx.Response:
    return await sim.admin.post("/_sim/refund", json={"gateway": gateway, "reference": reference, **fields})


async def refund(sim: Driver, gateway: str, reference: str = "order1", **fields: object) -> tuple[int, int]:
    """What went back by this hand, and all that went back."""
    answer = await ask(sim, gateway, reference, **fields)
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert list(content) == ["gateway", "reference", "gateway_ref", "amount", "refunded"]
    assert (content["gateway"], content["reference"]) == (gateway, reference)
    (row,) = [each for each in await journal(sim, gateway) if each["gateway_ref"] == content["gateway_ref"]]
    assert row["refunded"] == content["refunded"]
    return content["amount"], content["refunded"]


async def refused(sim: Driver, gateway: str, reference: str = "order1", **fields: object) -> str:
    """The reason for a 409, after which the truth is what it was."""
    before = await journal(sim, gateway)
    answer = await ask(sim, gateway, reference, **fields)
    assert answer.status_code == 409, answer.text
    assert await journal(sim, gateway) == before
    return str(answer.json()["error"])


async def journal(sim: Driver, gateway: str) -> list[Json]:
    return list((await sim.admin.get("/_sim/journal", params={"gateway": gateway})).json())


# -- what is asked for


@pytest.mark.parametrize("gateway", ["point3", "portone_v1", "portone_v2", "unifi_pay"])
async def test_an_unknown_reference_is_404_and_named(sim: Driver, gateway: str) -> None:
    answer = await ask(sim, gateway, "nobody's")
    assert answer.status_code == 404
    assert "nobody's" in answer.json()["error"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"gateway": "point4"}, "gateway"),
        ({"reference": ""}, "reference"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "100"}, "amount"),
        ({"amount": True}, "amount"),
        ({"kind": "theft"}, "kind"),
        ({"kind": 1}, "kind"),
    ],
)
async def test_a_wrong_field_is_422_and_named(sim: Driver, fields: Json, field: str) -> None:
    body = {"gateway": "portone_v2", "reference": "order1", **fields}
    answer = await sim.admin.post("/_sim/refund", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


async def test_only_portone_v2_knows_chargebacks(sim: Driver, v1: V1Driver, unifi: UnifiDriver) -> None:
    await sim.confirm(await sim.paid())
    await v1.paid()
    await unifi.paid()
    for gateway in ("point3", "portone_v1", "unifi_pay"):
        assert "knows no chargeback" in await refused(sim, gateway, kind="chargeback")


def test_a_twin_without_this_hand_says_so(sim: Driver) -> None:
    with pytest.raises(RefusedError, match="unifi_pay has no external refunds"):
        Twin.refund(sim.simulator.twins["unifi_pay"], "order1", None, "console")


async def test_the_page_tells_of_it(sim: Driver) -> None:
    assert "POST /_sim/refund" in (await sim.admin.get("/")).text


# -- PortOne V1


async def test_v1_parts_and_the_rest_with_a_webhook_for_each(sim: Driver, v1: V1Driver, ear: Ear) -> None:
    await v1.send_webhooks_to(ear.url)
    imp_uid = await v1.paid()
    await ear.heard(1)
    assert await refund(sim, "portone_v1", amount=2_000) == (2_000, 2_000)
    await ear.heard(2)
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["cancel_amount"]) == ("paid", 2_000)
    assert await refund(sim, "portone_v1", amount=3_000, kind="console") == (3_000, 5_000)
    await ear.heard(3)
    assert await refund(sim, "portone_v1") == (7_000, 12_000)
    shown = await v1.shown(imp_uid)
    assert (shown["status"], shown["cancel_amount"]) == ("cancelled", 12_000)
    assert [each["amount"] for each in shown["cancel_history"]] == [2_000, 3_000, 7_000]
    names = {"imp_uid": imp_uid, "merchant_uid": "order1", "status": "cancelled"}
    told = [webhook.fields for webhook in (await ear.only(4))[1:]]
    assert told == [{**names, "cancellation_id": each["cancellation_id"]} for each in shown["cancel_history"]]
    truth = await v1.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("cancelled", 12_000, 3)


async def test_v1_counts_what_went_back_and_what_is_on_its_way(sim: Driver, v1: V1Driver) -> None:
    imp_uid = await v1.paid(scenario="async_cancel")
    await v1.cancel(imp_uid, amount=4_000, checksum=12_000)
    assert await refund(sim, "portone_v1", amount=1_000) == (1_000, 1_000)
    assert "7000 that is left" in await refused(sim, "portone_v1", amount=7_001)
    await v1.result(v1.cancel(imp_uid, amount=2_000, checksum=7_000))
    truth = await v1.truth()
    assert (truth["refunded"], truth["cancels"]) == (3_000, 2)
    await v1.advance(300)
    truth = await v1.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("paid", 7_000, 3)
    assert await refund(sim, "portone_v1") == (5_000, 12_000)
    assert "nothing to refund" in await refused(sim, "portone_v1")


async def test_v1_cents_are_minor_units(sim: Driver, v1: V1Driver) -> None:
    imp_uid = await v1.paid(amount=12.34, currency="USD")
    assert await refund(sim, "portone_v1", amount=30) == (30, 30)
    assert (await v1.shown(imp_uid))["cancel_amount"] == 0.3


async def test_v1_has_nothing_to_give_back_before_it_is_paid(sim: Driver, v1: V1Driver) -> None:
    await v1.prepare("prepared")
    await v1.open("opened")
    await v1.paid("declined", "declined")
    for reference in ("prepared", "opened", "declined"):
        assert "not paid" in await refused(sim, "portone_v1", reference)


# -- PortOne V2


async def test_v2_parts_and_the_rest_with_a_webhook_for_each(sim: Driver, v2: V2Driver, shop: Shop) -> None:
    await v2.send_webhooks_to(shop.url)
    await v2.paid()
    await shop.first(2)
    assert await refund(sim, "portone_v2", amount=2_000) == (2_000, 2_000)
    await shop.first(3)
    assert (await v2.shown())["status"] == "PARTIAL_CANCELLED"
    assert await refund(sim, "portone_v2", amount=3_000, kind="chargeback") == (3_000, 5_000)
    await shop.first(4)
    assert await refund(sim, "portone_v2") == (7_000, 12_000)
    assert (await shop.types(5))[2:] == ["PartialCancelled", "PartialCancelled", "Cancelled"]
    shown = await v2.shown()
    assert (shown["status"], shown["amount"]["cancelled"]) == ("CANCELLED", 12_000)
    assert [(each["trigger"], each["status"]) for each in shown["cancellations"]] == [
        ("CONSOLE", "SUCCEEDED"),
        ("CHARGEBACK", "SUCCEEDED"),
        ("CONSOLE", "SUCCEEDED"),
    ]
    told = [heard.json["data"]["cancellationId"] for heard in shop.heard[2:]]
    assert told == [each["id"] for each in shown["cancellations"]]
    assert sum(each["vatAmount"] for each in shown["cancellations"]) == 1_091
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCELLED", 12_000, 3)


async def test_v2_counts_what_went_back_and_what_is_on_its_way_but_not_what_failed(sim: Driver, v2: V2Driver) -> None:
    await v2.paid()
    await v2.plan("cancel_failed")
    await v2.cancel(amount=1_000)
    await v2.plan("async_cancel")
    await v2.cancel(amount=4_000)
    await v2.cancel(amount=2_000, currentCancellableAmount=8_000)
    assert await refund(sim, "portone_v2", amount=1_000) == (1_000, 3_000)
    truth = await v2.truth()
    assert (truth["refunded"], truth["cancels"]) == (3_000, 2)
    assert "5000 that is left" in await refused(sim, "portone_v2", amount=5_001)
    await v2.advance(300)
    truth = await v2.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("PARTIAL_CANCELLED", 7_000, 3)
    assert await refund(sim, "portone_v2") == (5_000, 12_000)
    assert "nothing to refund" in await refused(sim, "portone_v2", kind="chargeback")


@pytest.mark.parametrize("parts", [(12_000,), (9_000, 3_000), (11_000, 500, 500), (2_000, 10_000)])
async def test_v2_any_part_can_go_back_the_taxed_one_first(sim: Driver, v2: V2Driver, parts: tuple[int, ...]) -> None:
    await v2.paid(taxFreeAmount=2_000)
    for amount in parts:
        await refund(sim, "portone_v2", amount=amount)
    shown = await v2.shown()
    assert (shown["status"], shown["amount"]["cancelledTaxFree"]) == ("CANCELLED", 2_000)
    assert sum(each["vatAmount"] for each in shown["cancellations"]) == 909
    assert (await v2.truth())["cancels"] == len(parts)


async def test_v2_a_deposit_goes_back_without_an_account(sim: Driver, v2: V2Driver) -> None:
    await v2.paid(scenario="virtual_account")
    assert "not paid" in await refused(sim, "portone_v2")
    await v2.pay()
    assert await refund(sim, "portone_v2") == (12_000, 12_000)


async def test_v2_has_nothing_to_give_back_before_it_is_paid(sim: Driver, v2: V2Driver) -> None:
    await v2.register("registered")
    await v2.open("opened")
    for reference in ("registered", "opened"):
        assert "not paid" in await refused(sim, "portone_v2", reference)


async def test_v2_a_console_cancel_while_one_is_on_its_way_is_409(v2: V2Driver) -> None:
    await v2.paid(scenario="async_cancel")
    await v2.cancel()
    assert (await v2.try_to_pay(scenario="console_cancel")).status_code == 409


# -- Point3


@pytest.mark.parametrize("fields", [{}, {"amount": 12_000}])
async def test_point3_shows_the_request_until_its_batch(sim: Driver, fields: Json) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    assert await refund(sim, "point3", **fields) == (12_000, 0)
    assert (await sim.look(signature)).json()["result"]["status"] == "CANCEL_REQUESTED"
    truth = await sim.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCEL_REQUESTED", 0, 0)
    assert "nothing to refund" in await refused(sim, "point3")
    await sim.advance(300)
    truth = await sim.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCELLED", 12_000, 1)
    assert "nothing to refund" in await refused(sim, "point3")


async def test_point3_gives_back_the_whole_only_and_only_what_was_confirmed(sim: Driver) -> None:
    signature = await sim.paid()
    assert "not paid" in await refused(sim, "point3")
    await sim.confirm(signature)
    assert "the whole only" in await refused(sim, "point3", amount=11_999)
    assert "12000 that is left" in await refused(sim, "point3", amount=12_001)


async def test_point3_means_the_payment_of_an_order_that_was_paid(sim: Driver) -> None:
    paid = await sim.paid()
    await sim.confirm(paid)
    await sim.token()
    answer = await ask(sim, "point3")
    assert answer.json()["gateway_ref"] == paid


# -- Unifi Pay


async def test_unifi_is_canceled_at_once_and_told_once(sim: Driver, unifi: UnifiDriver, receiver: Receiver) -> None:
    transaction_id = await unifi.paid(callbackUrl=receiver.url)
    await receiver.hears(1)
    assert await refund(sim, "unifi_pay") == (1_234, 1_234)
    await receiver.hears(2)
    assert receiver.heard[1].json == {
        "transactionId": transaction_id,
        "orderId": "order1",
        "status": "REFUNDED",
        "type": "REFUND",
    }
    shown = await unifi.shown(transaction_id)
    assert (shown["status"], shown["orderAmount"], shown["payAmount"]) == ("CANCELED", "12.34", 12.34)
    truth = await unifi.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"], truth["captures"]) == ("CANCELED", 1_234, 1, 1)
    assert "nothing to refund" in await refused(sim, "unifi_pay")
    assert (await unifi.try_to_pay()).status_code == 409
    await receiver.hears(2)


async def test_unifi_gives_back_the_whole_only_and_only_what_was_confirmed(sim: Driver, unifi: UnifiDriver) -> None:
    await unifi.create()
    assert "not paid" in await refused(sim, "unifi_pay")
    await unifi.pay(scenario="canceled")
    assert "not paid" in await refused(sim, "unifi_pay")
    await unifi.paid()
    assert "the whole only" in await refused(sim, "unifi_pay", amount=1_233)
    assert "1234 that is left" in await refused(sim, "unifi_pay", amount=1_235)
    assert await refund(sim, "unifi_pay", amount=1_234) == (1_234, 1_234)


async def test_unifi_gives_back_what_was_approved_late(sim: Driver, unifi: UnifiDriver) -> None:
    await unifi.paid(scenario="late_approval")
    assert "not paid" in await refused(sim, "unifi_pay")
    await unifi.advance(5)
    assert await refund(sim, "unifi_pay") == (1_234, 1_234)
    await unifi.advance(60)
    assert (await unifi.truth())["status"] == "CANCELED"
