"""The gateway says no: the refund has failed, the caller reads why, and its money is free for another try."""

import asyncio
from dataclasses import replace

import pytest

from app.api.problems import PROBLEMS
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, DOLLARS, POINT3, V1, V2, Till
from tests.support import key

every_no = pytest.mark.parametrize(
    ("kind", "scenario", "raw_code"),
    [
        (V1, "declined", "-1"),
        (V1, "partial_cancel_refused", "-1"),
        (V2, "partial_cancel_refused", "PG_PROVIDER"),
        (V2, "cancel_failed", "FAILED"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)


@every_no
async def test_the_refund_has_failed_and_its_money_is_free_again(
    till: Till, kind: Kind, scenario: str, raw_code: str
) -> None:
    payment, intent = await till.sold(kind), key()
    await till.shop.scenario(scenario, kind.name, call="cancel")
    told = problem(await till.refund(payment, 700, headers=intent), "refund_declined")
    assert (told["payment_id"], told["raw_code"], told["retryable"]) == (payment["id"], raw_code, False)
    assert raw_code in told["detail"]
    stored = await till.read({"id": told["refund_id"]})
    assert (stored["status"], stored["amount"], stored["cause"]) == ("failed", 700, "api")
    assert (stored["failure"]["code"], stored["failure"]["raw_code"]) == ("refund_declined", raw_code)
    await till.has_given(payment, 0, cancels=0)
    # The same intent again is the same no, told in Korean to who reads Korean; the gateway is not asked for it again.
    again = problem(await till.refund(payment, 700, headers=intent | {"Accept-Language": "ko"}), "refund_declined")
    assert (again["refund_id"], again["raw_code"]) == (told["refund_id"], raw_code)
    assert again["detail"] == PROBLEMS["refund_declined"].detail_ko.format(raw_code=raw_code)
    assert await till.asked(payment) == 1
    # Another intent is another try.
    assert (await till.gave(payment, 700))["id"] != told["refund_id"]
    await till.has_given(payment, 700, cancels=1)


async def test_a_second_try_at_a_part_may_be_refused_after_a_first_that_was_not(till: Till) -> None:
    payment = await till.sold(V2)
    await till.gave(payment, 700)
    await till.shop.scenario("cancel_failed", "portone_v2")
    refused = problem(await till.refund(payment), "refund_declined")
    assert (await till.read({"id": refused["refund_id"]}))["amount"] == payment["amount"] - 700
    await till.has_given(payment, 700, cancels=1)
    await till.gave(payment)
    await till.has_given(payment, payment["amount"], cancels=2)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(V1, "refund_declined"), (V2, "refundable_mismatch")],
    ids=lambda value: getattr(value, "name", value),
)
@pytest.mark.parametrize("amount", [700, 500])
async def test_somebody_in_the_console_is_quicker_by_the_time_of_one_look_up(
    till: Till, kind: Kind, code: str, amount: int
) -> None:
    """The balance that we name saves us: what the gateway then shows was done by the console, not by us."""
    payment = await till.sold(kind)
    await till.shop.scenario("slow", kind.name, call="lookup")
    before = await till.looks(payment)
    asking = asyncio.create_task(till.refund(payment, 500))
    await till.until_called(payment, "lookup", before)
    await till.past_us(payment, amount)
    told = problem(await asking, code)
    ours, theirs = await till.refunds(payment)
    assert (ours["id"], ours["status"], ours["cause"]) == (told["refund_id"], "failed", "api")
    assert (theirs["status"], theirs["cause"], theirs["amount"]) == ("succeeded", "gateway", amount)
    await till.has_given(payment, amount, cancels=1)
    await till.gave(payment, 500)
    await till.has_given(payment, amount + 500, cancels=2)


async def test_somebody_in_point3s_console_is_quicker_by_the_time_of_one_look_up(till: Till) -> None:
    payment = await till.sold(POINT3)
    await till.shop.scenario("slow", "point3", call="lookup")
    before = await till.looks(payment)
    asking = asyncio.create_task(till.refund(payment))
    await till.until_called(payment, "lookup", before)
    await till.past_us(payment)
    answer = await asking
    assert (answer.status_code, answer.json()["code"]) == (409, "refund_declined"), answer.text
    await till.wait(BATCH_S + 10)
    await till.wait(3601)
    await till.has_given(payment, payment["amount"], cancels=1)


class TestRulesOfThePaymentCompany:
    """What is known beforehand is refused beforehand, and the gateway is not asked."""

    @pytest.mark.parametrize("settled_in", ["KRW"])
    async def test_a_part_goes_back_only_in_the_currency_of_the_settlement(self, till: Till) -> None:
        for kind in (V1, replace(V2, order=V2.order | DOLLARS)):
            payment = await till.sold(kind)
            problem(await till.refund(payment, 100), "refund_currency_mismatch")
            assert (await till.asked(payment), await till.refunds(payment)) == (0, [])
            await till.gave(payment)
            await till.has_given(payment, payment["amount"], cancels=1)
