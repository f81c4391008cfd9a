"""Answers that differ from what a refund expects: another order, another amount, a failure later, a no beside silence."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.db.database import Database
from app.domain import ids
from app.jobs.worker import Worker
from app.services import Services, build_services
from app.settings import Settings
from simulator.server import Simulator
from tests.contract.faulty_server import Arrived, Behaviour, answers
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.conftest import PATIENCE_S
from tests.flows.refunds.test_resolve import resolve
from tests.flows.refunds.till import POINT3, V1, V2, Json, Till
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import every_account, settings_for

every_gateway = pytest.mark.parametrize("kind", [POINT3, V1, V2], ids=lambda kind: kind.name)
REFERENCE = {"point3": "orderIdFromClient", "portone_v1": "merchant_uid", "portone_v2": "id"}


@pytest.fixture
def patience_s() -> float:
    return PATIENCE_S


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator, port: int, pg: str, patience_s: float) -> AsyncIterator[Fronts]:
    accounts = every_account(simulator, patience_s)
    accounts["portone_v1"] |= {"pg": pg}
    settings = settings_for(urls, simulator, public_url=f"http://127.0.0.1:{port}", **accounts)
    async with fronts_of(settings, "point3", "portone_v1", "portone_v2") as fronts:
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


@pytest.fixture
def odd(shop: Shop, parts: Services, database: Database, clock: MovableClock) -> Till:
    """Without the audit of other tests: here the gateways say what is not so."""
    return Till(shop, parts, database, clock)


@every_gateway
@pytest.mark.parametrize("how", ["another", "untold"])
async def test_money_of_another_order_is_not_asked_back(odd: Till, fronts: Fronts, kind: Kind, how: str) -> None:
    """Law 13: the look-up before a refund must show our own reference."""
    payment = await odd.sold(kind)
    name = REFERENCE[kind.name]

    def change(shown: Json) -> None:
        if name in shown:
            shown.pop(name)
            shown |= {name: "another"} if how == "another" else {}

    fronts.change = change
    refund = (await odd.refund(payment)).json()
    assert await odd.asked(payment) == 0
    wanted = "foreign_order" if how == "another" else "incomplete_look_up"
    assert (await odd.shop.get(payment))["attention_code"] == wanted
    fronts.change = None
    await odd.wait(4000)
    assert (await odd.read(refund))["status"] in {"pending", "succeeded"}, "it goes on once the answer is right"


async def test_rejected_money_whose_refund_fails_later_calls_a_person_who_sends_it_again(
    odd: Till, fronts: Fronts
) -> None:
    payment = await odd.shop.create(**V2.order)
    await odd.shop.scenario("async_cancel", "portone_v2", call="cancel")
    await odd.shop.complete(payment, **await odd.shop.buyer_pays(payment, "amount_differs"))

    def failed(shown: Json) -> None:
        for each in shown.get("cancellations") or []:
            each["status"] = "FAILED"
        shown["status"] = "PAID"
        shown["amount"]["cancelled"] = 0

    fronts.change = failed
    await odd.wait(61)
    stored = await odd.shop.get(payment)
    assert stored["attention_code"] == "refund_refused"
    assert [each["status"] for each in await odd.refunds(payment)] == ["failed", "created"]
    for _ in range(5):
        await odd.wait(3700)
    assert await odd.asked(payment) == 1, "a person says whether to ask once more"
    answer = await resolve(odd, payment, "refund")
    assert answer.status_code == 200, answer.text
    assert await odd.asked(payment) == 2


async def test_resolve_does_not_ask_again_beside_a_refund_that_nothing_explains(odd: Till) -> None:
    """10,000 were asked for and 9,200 went back: 19,200 did after a person pressed the button."""
    payment = await odd.sold(V2)
    for scenario in ("adjusted_cancel", "accept_then_hang"):
        await odd.shop.scenario(scenario, "portone_v2", call="cancel")
    await odd.refund(payment, 10_000)
    await odd.wait(6)
    assert (await odd.shop.get(payment))["attention_code"] == "unexplained_refund"
    await odd.wait(4 * 3600)
    answer = await resolve(odd, payment, "refund")
    assert (answer.status_code, answer.json()["obstacle"]) == (409, "refund_unexplained")
    await odd.wait(3700)
    assert (await odd.shop.journal(payment))["refunded"] == 9_200


@pytest.mark.parametrize("what", ["another refund", "a window that closes"])
async def test_a_call_that_nothing_says_again_ends_by_a_person(odd: Till, what: str) -> None:
    payment = await odd.shop.create(**POINT3.order | {"customer": V2.order["customer"]})
    answer = await odd.shop.client.post(
        f"/payments/{payment['id']}/attempts", json={"gateway": "portone_v2"}, headers=key()
    )
    payment = answer.json()
    await odd.shop.complete(payment, **await odd.shop.buyer_pays(payment))
    await odd.shop.scenario("adjusted_cancel", "portone_v2", call="cancel")
    await odd.refund(payment, 10_000)
    assert (await odd.shop.get(payment))["attention_code"] == "adjusted_refund"
    if what == "another refund":
        assert (await odd.refund(payment, 500)).status_code == 201
    for pause_s in (61, 301, 3700):
        await odd.wait(pause_s)
    assert (await odd.shop.get(payment))["attention_code"] == "adjusted_refund"
    assert (await resolve(odd, payment, "close")).status_code == 200
    assert (await odd.shop.get(payment))["attention_code"] is None


@pytest.mark.parametrize("pg", ["other"])
async def test_v1s_yes_with_another_amount_is_a_yes(odd: Till, fronts: Fronts) -> None:
    payment = await odd.sold(V1)

    def less(shown: Json) -> None:
        if shown.get("cancel_amount"):
            shown["cancel_amount"] = 9.20
        for each in shown.get("cancel_history") or []:
            each["amount"] = 9.20

    fronts.change = fronts.change_answer = less
    answer = await odd.refund(payment, 1000)
    assert (answer.status_code, answer.json()["amount"], answer.json()["requested_amount"]) == (201, 920, 1000)
    for pause_s in (6, 61, 301, 3700):
        await odd.wait(pause_s)
    stored = await odd.shop.get(payment)
    assert (stored["refunded_amount"], stored["attention_code"]) == (920, "adjusted_refund")
    assert len(await odd.refunds(payment)) == 1


async def test_a_yes_by_the_name_of_an_external_refund_calls_a_person(odd: Till, fronts: Fronts) -> None:
    """A look-up has booked that cancel as somebody else's; whether it was ours all along, a person says."""
    payment = await odd.sold(V2)
    await odd.past_us(payment, 700)
    await odd.shop.sync(payment)
    (external,) = await odd.refunds(payment)

    def under_that_name(shown: Json) -> None:
        if "totalAmount" in shown:
            shown["id"] = external["gateway_ref"]

    fronts.change_answer = under_that_name
    answer = await odd.refund(payment, 700)
    assert (answer.status_code, answer.json()["status"]) == (202, "unknown"), answer.text
    assert answer.json()["gateway_ref"] is None
    assert (await odd.shop.get(payment))["attention_code"] == "unexplained_refund"


@pytest.mark.parametrize("patience_s", [60.0])
async def test_a_no_to_an_earlier_request_says_nothing_of_a_later_one(
    odd: Till, fronts: Fronts, settings: Settings
) -> None:
    """It is so late that another process has asked again meanwhile, and nobody knows yet what became of that."""
    payment = await odd.sold(V2)
    asked, goes_on = [asyncio.Event(), asyncio.Event()], asyncio.Event()

    async def late_no(writer: asyncio.StreamWriter) -> None:
        await goes_on.wait()
        await answers(400, {"type": "INVALID_REQUEST", "message": "no"})(writer)

    def instead(request: Arrived) -> tuple[int, Any] | Behaviour | None:
        if request.method == "GET" or "/cancel" not in request.target or asked[1].is_set():
            return None
        is_first = not asked[0].is_set()
        asked[0 if is_first else 1].set()
        return late_no if is_first else (500, {})

    fronts.instead = instead
    first = asyncio.create_task(odd.refund(payment, 500))
    await asyncio.wait_for(asked[0].wait(), 30)
    other = build_services(settings, odd.clock)
    await other.database.open()
    odd.clock.advance(3700)
    await Worker(other).sweep()
    await other.close()
    assert asked[1].is_set()
    goes_on.set()
    refund = (await first).json()
    assert refund["status"] == "unknown"
    await odd.wait_until_decided(payment)
    assert await odd.status(refund) == "succeeded"
    await odd.has_given(payment, 500, cancels=1)


async def test_a_second_no_beside_silence_ends_nothing(odd: Till, fronts: Fronts) -> None:
    """Paymentwall refuses because the first is under way, and the look-up that would say so fails."""
    payment = await odd.sold(V1)
    for scenario in ("async_cancel", "accept_then_hang"):
        await odd.shop.scenario(scenario, "portone_v1", call="cancel")
    ours = (await odd.refund(payment)).json()
    for pause_s in (6, 16, 61, 301, 901):
        odd.clock.advance(pause_s)
        await odd.sweep()
    has_asked: list[bool] = []

    def silent(request: Arrived) -> tuple[int, Any] | None:
        if request.method == "POST" and request.target.endswith("/payments/cancel"):
            has_asked.append(True)
        return (500, {"code": -1, "message": "", "response": None}) if has_asked and request.method == "GET" else None

    fronts.instead = silent
    odd.clock.advance(3700)
    await odd.sweep()
    assert has_asked
    assert await odd.status(ours) == "unknown"


async def test_a_whole_refund_that_turns_out_smaller_is_stored(odd: Till, fronts: Fronts) -> None:
    """Given back in two parts, the second of which the gateway adjusts without saying so in its yes."""
    payment = await odd.sold(V2)
    assert (await odd.refund(payment, 10_000)).status_code == 201
    assert (await odd.refund(payment)).status_code == 201
    assert (await odd.shop.get(payment))["status"] == "refunded"

    def less(shown: Json) -> None:
        for each in shown.get("cancellations") or []:
            if each["totalAmount"] == 14_000:
                each["totalAmount"] = 12_880
        if shown.get("amount", {}).get("cancelled") == 24_000:
            shown["status"] = "PARTIAL_CANCELLED"
            shown["amount"] |= {"cancelled": 22_880, "paid": 1_120}

    fronts.change = less
    assert (await odd.shop.sync(payment)).status_code == 200
    stored = await odd.shop.get(payment)
    assert (stored["status"], stored["refunded_amount"]) == ("partially_refunded", 22_880)
    assert stored["attention_code"] == "adjusted_refund"


@every_gateway
async def test_a_refund_that_is_gone_from_the_gateway_calls_a_person(odd: Till, fronts: Fronts, kind: Kind) -> None:
    """It said yes, and a later look-up says that nothing went back."""
    payment = await odd.sold(kind)
    await odd.refund(payment)
    for pause_s in (301, 901, 3700):
        await odd.wait(pause_s)
    assert (await odd.shop.get(payment))["status"] == "refunded"

    def nothing(shown: Json) -> None:
        if "merchant_uid" in shown:
            shown |= {"status": "paid", "cancel_amount": 0, "cancel_history": [], "cancelled_at": 0}
        elif "orderIdFromClient" in shown:
            shown["status"] = "CONFIRMED"
        elif "transactionId" in shown:
            shown |= {"status": "PAID", "cancellations": []}
            shown["amount"]["cancelled"] = 0

    fronts.change = nothing
    await odd.shop.sync(payment)
    assert (await odd.shop.get(payment))["attention_code"] == "refunds_too_low"


async def test_a_refund_that_a_person_made_by_hand_need_not_be_shown(odd: Till, fronts: Fronts) -> None:
    """The gateway accepted it, and lost it."""
    payment = await odd.sold(V2)
    await odd.shop.scenario("async_cancel", "portone_v2", call="cancel")
    ours = (await odd.refund(payment, 700)).json()
    assert ours["status"] == "pending"
    fronts.change = lambda shown: shown.pop("cancellations", None)
    await odd.parts.refunds.mark(ids.read(ids.Prefix.REFUND, ours["id"]), is_done=True, note="by bank")
    assert (await odd.shop.sync(payment)).json()["refunded_amount"] == 700
    assert (await odd.shop.get(payment))["attention_code"] is None


WRONG_SUMS: dict[str, Json] = {
    "canceled, and nothing back": {"status": "CANCELLED"},
    "a part back, and less came than was ordered": {"status": "PARTIAL_CANCELLED", "paid": 1000, "cancelled": 500},
    "paid, and not how much": {"paid": None},
    "a part back, and not how much came": {"status": "PARTIAL_CANCELLED", "paid": None, "cancelled": 500},
}


@pytest.mark.parametrize("wrong", WRONG_SUMS.values(), ids=WRONG_SUMS.keys())
@pytest.mark.parametrize("is_kept", [False, True], ids=["first", "later"])
async def test_sums_that_do_not_make_up_the_whole_move_no_money(
    odd: Till, fronts: Fronts, wrong: Json, is_kept: bool
) -> None:
    """At the first look it is not paid, later it is not refunded; a person is called, and the buyer does not pay again."""

    def change(shown: Json) -> None:
        if "amount" in shown:
            shown["status"] = wrong.get("status", shown["status"])
            shown["amount"] |= {name: value for name, value in wrong.items() if name != "status"}

    if is_kept:
        payment = await odd.sold(V2)
        fronts.change = change
        await odd.shop.sync(payment)
    else:
        payment = await odd.shop.create(**V2.order)
        fronts.change = change
        await odd.shop.complete(payment, **await odd.shop.buyer_pays(payment))
    stored = await odd.shop.get(payment)
    assert stored["status"] == ("paid" if is_kept else "processing")
    assert (stored["attention_code"], stored["refunded_amount"]) == ("contradictory_look_up", 0)
