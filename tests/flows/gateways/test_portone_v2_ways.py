"""PortOne V2's other ways: deposits to an account of the buyer's own, and channels where our server takes the money."""

import pytest

from app.db.database import Database
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.jobs.worker import Worker
from app.services import Services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop

ORDER = BY_NAME["portone_v2"].order


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    approval = getattr(request, "param", "automatic")
    account = settings.account(PortOneV2Settings)
    assert account
    return settings.model_copy(update={"portone_v2": account.model_copy(update={"approval": approval})})


manual = pytest.mark.parametrize("settings", ["manual"], indirect=True)


async def test_a_deposit_is_waited_for_and_then_paid(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(method="VIRTUAL_ACCOUNT", **ORDER)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "virtual_account"))
    assert (answer.status_code, answer.json()["status"]) == (200, "awaiting_deposit")
    clock.advance(3 * 3600)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "awaiting_deposit", "a deposit takes as long as it takes"
    await shop.buyer_pays(payment, "lost_webhook")
    clock.advance(2 * 3600)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    assert (stored["status"], stored["captured_amount"]) == ("paid", payment["amount"])


async def test_a_deposit_that_is_too_small_is_not_this_payment(shop: Shop) -> None:
    payment = await shop.create(method="VIRTUAL_ACCOUNT", **ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment, "virtual_account"))
    await shop.buyer_pays(payment, "underpaid_deposit")
    await shop.sync(payment)
    stored = await shop.get(payment)
    assert (stored["status"] != "paid", stored["captured_amount"], stored["needs_attention"]) == (True, 0, True)


@manual
async def test_where_the_channel_asks_us_the_money_moves_by_our_confirm(shop: Shop) -> None:
    payment = await shop.create(**ORDER)
    browser = await shop.buyer_pays(payment, "manual_approval")
    assert browser["paymentToken"]
    assert (await shop.journal(payment))["captures"] == 0
    answer = await shop.complete(payment, **browser)
    assert (answer.status_code, answer.json()["status"]) == (200, "paid")
    assert (await shop.journal(payment))["captures"] == 1
    assert browser["paymentToken"] not in str(await shop.events(payment))


@manual
async def test_without_the_browsers_token_nothing_is_taken(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await shop.create(**ORDER)
    browser = await shop.buyer_pays(payment, "manual_approval")
    del browser["paymentToken"]
    assert (await shop.complete(payment, **browser)).status_code == 202
    clock.advance(61)
    await Worker(parts).sweep()
    assert (await shop.get(payment))["status"] == "open"
    assert (await shop.journal(payment))["captures"] == 0


@manual
async def test_a_lost_answer_to_confirm_is_asked_about_and_never_charged_twice(shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create(**ORDER)
    browser = await shop.buyer_pays(payment, "manual_approval")
    await shop.scenario("accept_then_hang", gateway="portone_v2", call="confirm")
    first = await shop.complete(payment, **browser)
    assert (first.status_code, first.json()["status"]) == (202, "processing")
    answer = await shop.complete(payment, **browser)
    assert answer.json()["status"] == "paid"
    assert (await shop.journal(payment))["captures"] == 1


@manual
async def test_a_card_that_is_refused_at_confirm_fails_the_attempt(shop: Shop) -> None:
    payment = await shop.create(**ORDER)
    browser = await shop.buyer_pays(payment, "manual_approval")
    await shop.scenario("declined", gateway="portone_v2", call="confirm")
    answer = await shop.complete(payment, **browser)
    assert answer.json()["attempts"][0]["status"] == "failed"
    assert answer.json()["last_failure"]["code"] == "declined"
    assert (await shop.journal(payment))["captures"] == 0


@manual
async def test_a_forged_transaction_is_not_bound_to_the_payment(shop: Shop, database: Database) -> None:
    """A name from a browser may be another payment's: it is bound once the look-up shows it. The right one is then paid."""
    payment = await shop.create(**ORDER)
    browser = await shop.buyer_pays(payment, "manual_approval")
    await shop.complete(payment, **browser | {"txId": "0190a0a0-0000-7000-8000-000000000001"})
    assert await database.rows("SELECT ref FROM gateway_refs") == []
    assert (await shop.journal(payment))["captures"] == 0
    assert (await shop.complete(payment, **browser)).json()["status"] == "paid"
