"""Accounts that wait for a deposit: the buyer is told which, and each comes to an end."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.db.database import Database
from app.domain.attention import Attention
from app.domain.clock import rfc3339
from app.domain.schedule import DEPOSIT_GRACE
from app.services import Services, build_services
from simulator.server import Simulator
from tests.flows.gateways.orders import BY_NAME
from tests.flows.gateways.test_silence import HOURS, sweep
from tests.simulator.portone_v2_driver import V2Driver
from tests.support import MovableClock, Shop, key, order
from tests.support.front import fronts_of

Json = dict[str, Any]
ACCOUNT_S = 3 * 86_400
"""How long an account of the simulator takes deposits."""
GRACE_S = DEPOSIT_GRACE.total_seconds()

with_accounts = pytest.mark.parametrize("gateway", ["portone_v1", "portone_v2"])


async def waits(shop: Shop, gateway: str, **changes: Any) -> Json:
    """A payment that waits for a deposit."""
    method = {"method": "VIRTUAL_ACCOUNT"} if gateway == "portone_v2" else {}
    payment = await shop.create(**BY_NAME[gateway].order, **method, **changes)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "virtual_account"))
    assert answer.json()["status"] == "awaiting_deposit", answer.text
    return dict(answer.json())


async def past(shop: Shop, parts: Services, clock: MovableClock, seconds: float) -> None:
    """Time passes here and at the gateways."""
    await shop.sim("POST", "/_sim/advance", {"seconds": seconds})
    await sweep(parts, clock, seconds, 6)


@with_accounts
async def test_api_and_checkout_say_where_to_pay_and_until_when(shop: Shop, gateway: str) -> None:
    payment = await waits(shop, gateway)
    deposit = payment["attempts"][0]["deposit"]
    assert set(deposit) == {"bank", "number", "holder", "expires_at"}
    assert all(deposit.values())
    ends_at = datetime.fromisoformat(deposit["expires_at"])
    assert abs(ends_at - datetime.now(ends_at.tzinfo) - timedelta(seconds=ACCOUNT_S)) < timedelta(minutes=1)
    page = await shop.client.get(f"/checkout/{payment['client_token']}")
    assert deposit["number"] in page.text
    assert deposit["number"] not in str(await shop.events(payment))


@with_accounts
async def test_an_account_ends_with_its_time_and_a_grace_and_frees_its_order(
    shop: Shop, parts: Services, clock: MovableClock, gateway: str
) -> None:
    payment = await waits(shop, gateway)
    await past(shop, parts, clock, ACCOUNT_S - 60)
    assert (await shop.get(payment))["status"] == "awaiting_deposit"
    await past(shop, parts, clock, 120)
    assert (await shop.get(payment))["status"] == "awaiting_deposit", "a transfer of the last minute may still show"
    await past(shop, parts, clock, GRACE_S)
    stored = await shop.get(payment)
    ended = "canceled" if gateway == "portone_v2" else "expired"  # where it can be closed, it is
    assert (stored["status"], stored["attempts"][0]["status"]) == ("expired", ended)
    assert (stored["attempts"][0]["deposit"], stored["needs_attention"]) == (None, False)
    again = await shop.client.post(
        "/payments", json=order(**BY_NAME[gateway].order, order_id=payment["order_id"]), headers=key()
    )
    assert again.status_code == 201, again.text


async def test_an_account_that_ends_before_its_payment_leaves_it_open(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await waits(shop, "portone_v1", expires_in_s=30 * 86_400)
    await past(shop, parts, clock, ACCOUNT_S + GRACE_S)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attempts"][0]["status"]) == ("open", "expired")


async def test_a_deposit_of_the_last_minute_is_kept(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await waits(shop, "portone_v2")
    await shop.buyer_pays(payment, "lost_webhook")
    await past(shop, parts, clock, ACCOUNT_S + GRACE_S)
    assert (await shop.get(payment))["status"] == "paid"


async def test_an_account_that_cannot_be_closed_ends_at_a_person(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await waits(shop, "portone_v2")
    await shop.scenario("error_500", "portone_v2", call="close", times=-1)
    await past(shop, parts, clock, ACCOUNT_S + GRACE_S)
    await sweep(parts, clock, *HOURS)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("awaiting_deposit", Attention.GATEWAY_SILENT)
    await shop.scenario("error_500", "portone_v2", call="close", times=0)
    await sweep(parts, clock, 86_400, 6)
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("expired", False)


async def test_an_account_that_its_gateway_will_not_close_ends_and_a_person_knows(
    shop: Shop, parts: Services, clock: MovableClock, simulator: Simulator
) -> None:
    """It shows the account as open, and says that it is not to be closed: a transfer may still come."""
    payment = await waits(shop, "portone_v2")
    reference = payment["attempts"][0]["reference"]
    async with fronts_of(shop.settings, "portone_v2") as fronts:
        looking = build_services(fronts.settings, clock)
        await looking.database.open()
        async with V2Driver(simulator) as driver:
            answer = await driver.http.post(f"/payments/{reference}/virtual-account/close")
            assert answer.status_code == 200, answer.text

        def still_open(shown: Json) -> None:
            shown["status"] = "VIRTUAL_ACCOUNT_ISSUED"

        fronts.change = still_open
        await past(shop, looking, clock, ACCOUNT_S + GRACE_S)
        await looking.close()
    stored = await shop.get(payment)
    assert (stored["status"], stored["attempts"][0]["status"]) == ("expired", "expired")
    assert stored["attention_code"] == Attention.DEPOSIT_NOT_CLOSED


@pytest.mark.parametrize("sibling", ["point3", "portone_v2"])
async def test_an_account_is_closed_at_once_when_another_attempt_is_paid(
    shop: Shop, parts: Services, clock: MovableClock, sibling: str
) -> None:
    payment = await waits(shop, "portone_v2", expires_in_s=86_400)
    await sweep(parts, clock, *HOURS)  # its next look is an hour away
    answer = await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": sibling}, headers=key())
    assert answer.status_code == 201, answer.text
    paid = await shop.complete(answer.json(), **await shop.buyer_pays(answer.json()))
    assert paid.json()["status"] == "paid"
    await sweep(parts, clock, 0)
    stored = await shop.get(payment)
    assert [each["status"] for each in stored["attempts"]] == ["canceled", "captured"]
    rows = await shop.sim("GET", "/_sim/journal?gateway=portone_v2")
    assert "CANCELLED" in {row["status"] for row in rows if row["reference"] == payment["attempts"][0]["reference"]}


async def test_a_further_attempt_beside_an_account_is_gone_on_with_by_its_key(shop: Shop, clock: MovableClock) -> None:
    """Its first call is slower than its lease: who takes the key over opens it, and both hear of that."""
    payment = await waits(shop, "portone_v2", expires_in_s=86_400)
    path, mine = f"/payments/{payment['id']}/attempts", key()
    await shop.scenario("slow", "point3", call="token")
    first = asyncio.create_task(shop.client.post(path, json={"gateway": "point3"}, headers=mine))
    while len((await shop.get(payment))["attempts"]) == 1:  # noqa: ASYNC110  nothing of ours signals a commit
        await asyncio.sleep(0.01)
    clock.advance(3700)
    second = await shop.client.post(path, json={"gateway": "point3"}, headers=mine)
    assert not first.done()
    assert second.status_code == 201, second.text
    assert second.json()["next_action"]["type"] == "point3_widget"
    assert [each["status"] for each in second.json()["attempts"]] == ["awaiting_deposit", "pending"]
    late = await first
    assert (late.status_code, late.content) == (201, second.content)


async def test_an_account_of_an_older_attempt_is_due_at_once_when_the_shop_cancels(
    shop: Shop, clock: MovableClock, database: Database
) -> None:
    """Whatever happens to the process after its commit."""
    payment = await waits(shop, "portone_v1")
    await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": "portone_v1"}, headers=key())
    await shop.client.post(f"/payments/{payment['id']}/cancel")
    row = await database.row("SELECT next_check_at FROM attempts ORDER BY number LIMIT 1")
    assert row is not None
    assert row["next_check_at"] <= clock()


async def test_another_end_of_the_account_is_stored(shop: Shop, database: Database) -> None:
    """What an older release stored has none, and a gateway may put it off."""
    payment = await waits(shop, "portone_v2")
    told = payment["attempts"][0]["deposit"]
    for stored in ("NULL", """'{"bank":"SHINHAN","number":"1","holder":null,"expires_at":null}'"""):
        await database.row(f"UPDATE attempts SET deposit = {stored} RETURNING id")  # noqa: S608  the test's own words
        await shop.sync(payment)
        assert (await shop.get(payment))["attempts"][0]["deposit"] == told


async def test_the_end_is_the_gateways_own(shop: Shop, database: Database, clock: MovableClock) -> None:
    await waits(shop, "portone_v2")
    row = await database.row("SELECT deposit::text AS deposit FROM attempts")
    assert row is not None
    assert rfc3339(clock() + timedelta(seconds=ACCOUNT_S))[:13] in row["deposit"]
