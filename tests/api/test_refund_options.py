"""The advisor: what it says is what a refund then does, in the reader's language, and no gateway is asked for it."""

from typing import Any

import msgspec
import pytest

from app.api.problems import PROBLEMS
from app.db.database import Database
from app.refunds.schemas import OptionsView
from app.services import Services
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import problem
from tests.flows.refunds.till import ACCOUNT, POINT3, UNIFI, V1, V2, Json, Till
from tests.support import MovableClock, Shop
from tests.support.databases import Urls
from tests.support.settings import settings_for

POSSIBLE = {"possible": True, "code": None, "detail": None}


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


@pytest.fixture
def till(shop: Shop, parts: Services, database: Database, clock: MovableClock) -> Till:
    return Till(shop, parts, database, clock)


async def options(till: Till, payment: Json, language: str = "en") -> dict[str, Any]:
    before = await till.shop.sim("GET", "/_sim/calls")
    answer = await till.shop.client.get(
        f"/payments/{payment['id']}/refund-options", headers={"Accept-Language": language}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-language"] == language
    assert msgspec.json.decode(answer.content, type=OptionsView)["payment_id"] == payment["id"]
    assert await till.shop.sim("GET", "/_sim/calls") == before, "no gateway is asked"
    return dict(answer.json())


def codes(told: Json) -> tuple[str | None, str | None]:
    return told["whole"]["code"], told["part"]["code"]


async def keeps_its_word(till: Till, payment: Json) -> None:
    """What is said to be impossible is refused with the same code and sentence."""
    told = await options(till, payment)
    for option, amount in ((told["whole"], None), (told["part"], 1)):
        if not option["possible"]:
            refused = problem(await till.refund(payment, amount), option["code"])
            assert refused["detail"] == option["detail"]


async def test_at_once_in_parts_or_whole(till: Till) -> None:
    payment = await till.sold(V2)
    told = await options(till, payment)
    assert (told["whole"], told["part"]) == (POSSIBLE, POSSIBLE)
    assert (told["needs_account"], told["done_after_s"], told["notes"]) == (False, 0, [])
    sums = ("captured_amount", "refunded_amount", "pending_amount", "refundable_amount")
    assert [told[name] for name in sums] == [24_000, 0, 0, 24_000]
    await till.gave(payment, 4000)
    assert [(await options(till, payment))[name] for name in sums] == [24_000, 4000, 0, 20_000]
    await till.gave(payment)
    told = await options(till, payment)
    assert codes(told) == ("already_refunded", "already_refunded")
    assert [told[name] for name in sums] == [24_000, 24_000, 0, 0]
    await keeps_its_word(till, payment)


async def test_point3_with_its_batch_and_whole_only(till: Till) -> None:
    payment = await till.sold(POINT3)
    told = await options(till, payment)
    assert codes(told) == (None, "partial_refund_not_supported")
    assert told["done_after_s"] == 300
    await keeps_its_word(till, payment)
    await till.refund(payment)
    told = await options(till, payment)
    assert codes(told) == ("already_refunded", "already_refunded")
    assert (told["pending_amount"], told["refundable_amount"]) == (24_000, 0)


async def test_paymentwall_free_today_and_with_a_fee_from_tomorrow(till: Till) -> None:
    payment = await till.sold(V1)
    told = await options(till, payment)
    assert (codes(told), told["done_after_s"]) == ((None, None), None)
    assert [note["code"] for note in told["notes"]] == ["fee_from_tomorrow"]
    till.clock.advance(86_400)
    english, korean = await options(till, payment), await options(till, payment, "ko")
    assert [note["code"] for note in english["notes"]] == ["fee"]
    assert "fee" in english["notes"][0]["detail"]
    assert "수수료" in korean["notes"][0]["detail"]


async def test_a_deposit_needs_an_account(till: Till) -> None:
    payment = await till.sold_by_deposit()
    assert (await options(till, payment))["needs_account"]
    await till.gave(payment, refund_account=ACCOUNT)


async def test_a_gateway_without_refunds(till: Till) -> None:
    payment = await till.sold(UNIFI)
    told = await options(till, payment)
    assert codes(told) == ("refund_not_supported", "refund_not_supported")
    assert told["refundable_amount"] == payment["amount"]
    await keeps_its_word(till, payment)


async def test_a_payment_that_took_no_money(till: Till) -> None:
    unpaid = await till.shop.create(**V2.order)
    assert codes(await options(till, unpaid)) == ("payment_not_refundable", "payment_not_refundable")
    await keeps_its_word(till, unpaid)
    await till.shop.client.post(f"/payments/{unpaid['id']}/cancel")
    told = await options(till, unpaid)
    assert "canceled" in told["whole"]["detail"]
    await keeps_its_word(till, unpaid)


async def test_a_refund_that_is_under_way_or_lost(till: Till) -> None:
    payment = await till.sold(V2)
    await till.shop.scenario("async_cancel", "portone_v2")
    await till.refund(payment, 4000)
    told = await options(till, payment)
    assert (told["whole"], told["pending_amount"]) == (POSSIBLE, 4000)
    assert [note["code"] for note in told["notes"]] == ["refund_under_way"]
    other = await till.sold(V2)
    await till.shop.scenario("accept_then_hang", "portone_v2", call="cancel")
    await till.refund(other, 4000)
    told = await options(till, other, "ko")
    assert [note["code"] for note in told["notes"]] == ["refund_under_way", "refund_unknown"]
    assert all(note["detail"] for note in told["notes"])


async def test_reasons_are_told_in_korean_to_who_reads_korean(till: Till) -> None:
    payment = await till.sold(POINT3)
    told = await options(till, payment, "ko")
    assert told["part"]["detail"] == PROBLEMS["partial_refund_not_supported"].detail_ko
