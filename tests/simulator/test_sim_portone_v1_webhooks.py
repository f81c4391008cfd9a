"""Webhooks: which events are told, to whom, and in which form."""

from collections.abc import AsyncIterator

import pytest

from simulator.portone_v1.access import PortOneV1Account
from simulator.server import Simulator, SimulatorSettings

from .portone_v1_driver import Ear, V1Driver, a_driver, an_ear


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    async with an_ear() as ear:
        yield ear


@pytest.fixture
async def v1(running: Simulator, ear: Ear) -> AsyncIterator[V1Driver]:
    """A shop that hears webhooks at the console's address."""
    async with a_driver(running) as driver:
        await driver.send_webhooks_to(f"{ear.url}/console")
        yield driver


async def test_an_approval_is_told_as_unsigned_json(v1: V1Driver, ear: Ear) -> None:
    imp_uid = await v1.paid()
    (webhook,) = await ear.only(1)
    assert (webhook.path, webhook.content_type) == ("/console", "application/json")
    assert webhook.fields == {"imp_uid": imp_uid, "merchant_uid": "order1", "status": "paid"}


async def test_a_form_where_the_console_says_so(v1: V1Driver, ear: Ear) -> None:
    imp_uid = await v1.paid("주문1", "form_webhooks")
    (webhook,) = await ear.only(1)
    assert webhook.content_type == "application/x-www-form-urlencoded"
    assert webhook.fields == {"imp_uid": imp_uid, "merchant_uid": "주문1", "status": "paid"}


async def test_the_account_can_have_an_address_and_forms(ear: Ear) -> None:
    account = PortOneV1Account(webhook_url=f"{ear.url}/account", webhook_format="form")
    simulator = Simulator(SimulatorSettings(accounts={"portone_v1": account}))
    await simulator.start()
    async with V1Driver(simulator) as v1:
        await v1.paid()
        (webhook,) = await ear.heard(1)
    await simulator.stop()
    assert (webhook.path, webhook.content_type) == ("/account", "application/x-www-form-urlencoded")


async def test_the_payments_own_address_replaces_the_consoles(v1: V1Driver, ear: Ear) -> None:
    await v1.paid(notice_url=f"{ear.url}/own")
    await v1.paid("order2", notice_url=[f"{ear.url}/one", f"{ear.url}/two"])
    assert sorted(webhook.path for webhook in await ear.only(3)) == ["/one", "/own", "/two"]


async def test_no_failure_and_no_cancel_through_the_api_is_told(v1: V1Driver, ear: Ear) -> None:
    await v1.paid("declined", "declined")
    await v1.paid("abandoned", "abandoned")
    imp_uid = await v1.paid("cancelled", "async_cancel")
    await v1.cancel(imp_uid, amount=1_000)
    await v1.cancel(imp_uid)
    await v1.advance(301)
    assert [webhook.fields["merchant_uid"] for webhook in await ear.only(1)] == ["cancelled"]


async def test_a_virtual_account_is_told_when_issued_and_when_deposited(v1: V1Driver, ear: Ear) -> None:
    await v1.paid(scenario="virtual_account")
    await ear.heard(1)
    await v1.pay()
    assert [webhook.fields["status"] for webhook in await ear.only(2)] == ["ready", "paid"]


async def test_a_cancel_in_the_console_is_told_with_its_id(v1: V1Driver, ear: Ear) -> None:
    imp_uid = await v1.paid()
    await ear.heard(1)
    await v1.pay(scenario="console_cancel")
    webhook = (await ear.only(2))[1]
    (entry,) = (await v1.shown(imp_uid))["cancel_history"]
    names = {"imp_uid": imp_uid, "merchant_uid": "order1"}
    assert webhook.fields == {**names, "status": "cancelled", "cancellation_id": entry["cancellation_id"]}


async def test_a_late_approval_is_told(v1: V1Driver, ear: Ear) -> None:
    await v1.paid(scenario="late_approval")
    await ear.only(0)
    await v1.advance(5)
    assert [webhook.fields["status"] for webhook in await ear.only(1)] == ["paid"]


async def test_a_contradiction_says_paid_and_failed_while_the_look_up_tells_the_truth(v1: V1Driver, ear: Ear) -> None:
    imp_uid = await v1.paid(scenario="contradiction")
    assert sorted(webhook.fields["status"] for webhook in await ear.only(2)) == ["failed", "paid"]
    assert (await v1.shown(imp_uid))["status"] == "paid"
    rows = (await v1.admin.get("/_sim/webhooks", params={"gateway": "portone_v1"})).json()
    assert ['"paid"' in row["body"] for row in rows] == [True, False]


async def test_one_payments_webhooks_can_be_doubled_or_lost(v1: V1Driver, ear: Ear) -> None:
    await v1.paid("twice", "duplicate_webhook")
    await v1.paid("lost", "lost_webhook")
    await v1.paid("once")
    heard = [webhook.fields["merchant_uid"] for webhook in await ear.only(3)]
    assert sorted(heard) == ["once", "twice", "twice"]
    rows = (await v1.admin.get("/_sim/webhooks", params={"gateway": "portone_v1"})).json()
    assert {row["reference"]: len(row["tries"]) for row in rows} == {"twice": 2, "lost": 0, "once": 1}


async def test_one_payments_webhooks_can_come_in_the_wrong_order(v1: V1Driver, ear: Ear) -> None:
    await v1.paid(scenario="reordered_webhooks")
    await ear.only(0)
    await v1.pay(scenario="console_cancel")
    await v1.advance(2)
    assert [webhook.fields["status"] for webhook in await ear.only(2)] == ["cancelled", "paid"]


async def test_a_refused_webhook_is_not_sent_again(v1: V1Driver, ear: Ear) -> None:
    ear.status = 500
    await v1.paid()
    await ear.heard(1)
    await v1.advance(3_600)
    await ear.only(1)


async def test_without_an_address_nothing_is_sent(running: Simulator) -> None:
    async with a_driver(running) as v1:
        await v1.paid()
        rows = (await v1.admin.get("/_sim/webhooks", params={"gateway": "portone_v1"})).json()
        assert rows == []
