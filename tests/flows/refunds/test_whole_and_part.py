"""Money goes back whole or in parts, as far as each gateway does that, and what cannot go back is refused beforehand."""

from typing import Any

import pytest

from app.db.database import Database
from tests.api.checks import problem, row_counts, wrong_fields
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import ACCOUNT, BATCH_S, DOLLARS, POINT3, UNIFI, V1, V2, Till
from tests.support import Shop

at_once = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)


class TestAtOnce:
    @at_once
    async def test_the_whole_goes_back(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        refund = await till.gave(payment)
        assert refund | {"amount": payment["amount"], "currency": payment["currency"], "cause": "api"} == refund
        assert refund == await till.read(refund)
        assert await till.refunds(payment) == [refund]
        assert refund["gateway_ref"], "the gateway's own name of it is kept"
        await till.has_given(payment, payment["amount"], cancels=1)
        problem(await till.refund(payment), "already_refunded")
        problem(await till.refund(payment, 1), "already_refunded")
        assert await till.asked(payment) == 1

    @pytest.mark.parametrize(
        ("kind", "changes", "amounts"),
        [(V1, {}, (1, 99, 1049, 1)), (V2, {}, (1, 12_345, 999)), (V2, DOLLARS, (50, 1, 1698))],
        ids=["portone_v1-USD", "portone_v2-KRW", "portone_v2-USD"],
    )
    async def test_parts_go_back_until_the_last_unit(
        self, till: Till, kind: Kind, changes: dict[str, Any], amounts: tuple[int, ...]
    ) -> None:
        payment = await till.sold(kind, **changes)
        for number, amount in enumerate(amounts, 1):
            left = payment["amount"] - sum(amounts[:number])
            refund = await till.gave(payment, amount, expected_refundable=left + amount)
            assert refund["amount"] == amount
            await till.has_given(payment, sum(amounts[:number]), cancels=number)
        rest = await till.gave(payment)
        assert rest["amount"] == payment["amount"] - sum(amounts)
        await till.has_given(payment, payment["amount"], cancels=len(amounts) + 1)
        refs = [each["gateway_ref"] for each in await till.refunds(payment)]
        assert len(set(refs)) == len(refs), "each refund has a name of its own at the gateway"

    async def test_two_equal_parts_are_two_refunds(self, till: Till) -> None:
        for kind in (V1, V2):
            payment = await till.sold(kind)
            first, second = await till.gave(payment, 500), await till.gave(payment, 500)
            assert first["id"] != second["id"]
            assert first["gateway_ref"] != second["gateway_ref"]
            await till.has_given(payment, 1000, cancels=2)


class TestPoint3:
    async def test_the_whole_is_pending_until_its_batch_and_asked_for_once(self, till: Till) -> None:
        payment = await till.sold(POINT3)
        answer = await till.refund(payment)
        assert (answer.status_code, answer.json()["status"], answer.headers["retry-after"]) == (202, "pending", "2")
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["refunded_amount"], stored["refundable_amount"]) == ("paid", 0, 0)
        for _ in range(3):
            await till.wait(30)
            await till.shop.sync(payment)
        assert await till.status(answer.json()) == "pending"
        problem(await till.refund(payment), "already_refunded")
        await till.wait(BATCH_S)
        assert await till.status(answer.json()) == "succeeded"
        await till.has_given(payment, payment["amount"], cancels=1)
        assert await till.asked(payment) == 1

    async def test_it_is_not_looked_at_before_the_batch_can_have_run(self, till: Till) -> None:
        payment = await till.sold(POINT3)
        await till.refund(payment)
        before = len(await till.shop.sim("GET", "/_sim/calls?gateway=point3"))
        await till.wait(BATCH_S - 30)
        assert len(await till.shop.sim("GET", "/_sim/calls?gateway=point3")) == before

    async def test_a_part_is_refused_and_nothing_is_stored(self, till: Till, database: Database) -> None:
        payment = await till.sold(POINT3)
        before = await row_counts(database)
        refused = problem(await till.refund(payment, payment["amount"] - 1), "partial_refund_not_supported")
        assert refused["payment_id"] == payment["id"]
        after = await row_counts(database)
        assert (after["refunds"], after["payment_events"]) == (0, before["payment_events"])
        assert await till.asked(payment) == 0

    async def test_its_whole_amount_may_be_named(self, till: Till) -> None:
        payment = await till.sold(POINT3)
        assert (await till.refund(payment, payment["amount"])).json()["status"] == "pending"


async def test_where_the_gateway_has_no_way_it_is_said_before_anything_is_stored(
    till: Till, database: Database
) -> None:
    payment = await till.sold(UNIFI)
    for amount in (None, 1, payment["amount"]):
        refused = problem(await till.refund(payment, amount), "refund_not_supported")
        assert refused["gateway"] == "unifi_pay"
    assert (await row_counts(database))["refunds"] == 0
    await till.has_given(payment, 0, cancels=0)


class TestNothingToGiveBack:
    @pytest.mark.parametrize("kind", [POINT3, V1, V2, UNIFI], ids=lambda kind: kind.name)
    async def test_of_a_payment_that_took_no_money(self, till: Till, shop: Shop, kind: Kind) -> None:
        unpaid, canceled, expired = [await shop.create(expires_in_s=60, **kind.order) for _ in range(3)]
        await shop.client.post(f"/payments/{canceled['id']}/cancel")
        for payment, status in ((unpaid, "open"), (canceled, "canceled")):
            assert problem(await till.refund(payment), "payment_not_refundable")["payment_status"] == status
        await till.wait(3700)
        assert problem(await till.refund(expired, 1), "payment_not_refundable")["payment_status"] == "expired"
        assert await till.refunds(expired) == []

    @at_once
    async def test_more_than_is_left(self, till: Till, kind: Kind, database: Database) -> None:
        payment = await till.sold(kind)
        whole = payment["amount"]
        refused = problem(await till.refund(payment, whole + 1), "refund_exceeds_balance")
        assert (refused["amount"], refused["refundable"]) == (whole + 1, whole)
        await till.gave(payment, 700)
        refused = problem(await till.refund(payment, whole - 699), "refund_exceeds_balance")
        assert refused["refundable"] == whole - 700
        assert (await row_counts(database))["refunds"] == 1
        await till.has_given(payment, 700, cancels=1)

    @at_once
    async def test_on_a_wrong_belief_of_what_is_left(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        await till.gave(payment, 700)
        left = payment["amount"] - 700
        for believed in (0, left - 1, left + 1, payment["amount"]):
            refused = problem(await till.refund(payment, 100, expected_refundable=believed), "refundable_mismatch")
            assert refused["refundable"] == left
        await till.gave(payment, 100, expected_refundable=left)
        await till.has_given(payment, 800, cancels=2)


class TestADeposit:
    async def test_it_goes_back_only_to_an_account_that_the_shop_names(self, till: Till, database: Database) -> None:
        payment = await till.sold_by_deposit()
        assert wrong_fields(await till.refund(payment)) == ["refund_account"]
        nowhere = ACCOUNT | {"bank": "BANK_OF_NOWHERE"}
        assert wrong_fields(await till.refund(payment, refund_account=nowhere)) == ["refund_account.bank"]
        assert (await row_counts(database))["refunds"] == 0
        assert await till.asked(payment) == 0
        await till.gave(payment, 4000, refund_account=ACCOUNT)
        await till.gave(payment, refund_account=ACCOUNT)
        await till.has_given(payment, payment["amount"], cancels=2)

    async def test_the_account_is_kept_as_long_as_it_is_needed(self, till: Till, database: Database) -> None:
        async def kept() -> list[bool]:
            rows = await database.rows("SELECT account IS NOT NULL AS kept FROM refunds ORDER BY number")
            return [row["kept"] for row in rows]

        payment = await till.sold_by_deposit()
        await till.shop.scenario("async_cancel", "portone_v2")
        assert (await till.refund(payment, 1000, refund_account=ACCOUNT)).json()["status"] == "pending"
        assert (await till.refund(payment, 2000, refund_account=ACCOUNT)).json()["status"] == "created"
        assert await kept() == [True, True]
        await till.wait(BATCH_S + 60)
        assert await kept() == [False, False]
        told = str([await till.refunds(payment), await till.shop.events(payment)])
        assert ACCOUNT["number"] not in told
        assert ACCOUNT["holder"] not in told
        await till.has_given(payment, 3000, cancels=2)

    @pytest.mark.parametrize("kind", [POINT3, V1], ids=lambda kind: kind.name)
    async def test_where_money_goes_back_the_way_it_came_an_account_is_refused(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        assert wrong_fields(await till.refund(payment, refund_account=ACCOUNT)) == ["refund_account"]
        await till.has_given(payment, 0, cancels=0)
