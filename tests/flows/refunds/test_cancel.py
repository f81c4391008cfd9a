"""Cancel closes an unpaid payment and what stands open for it at the gateway; money that comes all the same goes back."""

import pytest

from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, V1, V2, Json, Till

one_step = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)


async def cancel(till: Till, payment: Json) -> Json:
    answer = await till.shop.client.post(f"/payments/{payment['id']}/cancel")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def account_of(till: Till, payment: Json) -> Json:
    """What became of the account that was issued for the payment's attempt."""
    attempt = payment["attempts"][-1]
    rows = await till.journal(attempt["gateway"], attempt["reference"])
    (row,) = [row for row in rows if row["gateway_ref"] == attempt["gateway_ref"]]
    return row


class TestVirtualAccount:
    @pytest.fixture
    async def payment(self, till: Till) -> Json:
        """It waits for a deposit."""
        payment = await till.shop.create(method="VIRTUAL_ACCOUNT", **V2.order)
        answer = await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "virtual_account"))
        assert answer.json()["status"] == "awaiting_deposit"
        return dict(answer.json())

    async def test_the_account_is_closed_so_that_no_deposit_can_come(self, till: Till, payment: Json) -> None:
        canceled = await cancel(till, payment)
        assert (canceled["status"], canceled["attempts"][0]["status"]) == ("canceled", "canceled")
        for seconds in (61, 3601, 86_400):
            await till.wait(seconds)
        account = await account_of(till, payment)
        assert (account["status"], account["captures"]) == ("CANCELLED", 0)
        assert await cancel(till, payment) == await till.shop.get(payment)
        assert await till.refunds(payment) == []
        assert not (await till.shop.get(payment))["needs_attention"]

    async def test_another_account_that_the_buyer_gets_afterwards_is_closed_as_well(
        self, till: Till, payment: Json
    ) -> None:
        """The window was left open, and PortOne lets several transactions happen under one paymentId."""
        await cancel(till, payment)
        again = await till.shop.buyer_pays(payment, "virtual_account")
        assert again["txId"] != payment["attempts"][0]["gateway_ref"], "the closed one takes no deposit any more"
        await till.wait(3601)
        rows = await till.journal("portone_v2", payment["attempts"][0]["reference"])
        assert [(row["status"], row["captures"]) for row in rows] == [("CANCELLED", 0)] * 2

    async def test_a_buyer_who_then_pays_by_card_gets_it_back_by_itself(self, till: Till, payment: Json) -> None:
        await cancel(till, payment)
        await till.shop.buyer_pays(payment, "lost_webhook")
        await till.wait(3601)
        (refund,) = await till.refunds(payment)
        assert (refund["cause"], refund["status"], refund["amount"]) == ("rejected", "succeeded", payment["amount"])
        assert not (await till.shop.get(payment))["needs_attention"]

    @pytest.mark.parametrize("how", ["accept_then_hang", "lost_request", "error_500"])
    async def test_a_lost_answer_to_the_closing_is_found_by_the_sweep(
        self, till: Till, payment: Json, how: str
    ) -> None:
        await till.shop.scenario(how, "portone_v2", call="close")
        canceled = await cancel(till, payment)
        assert canceled["status"] == "canceled"
        await till.wait(61)
        stored = await till.shop.get(payment)
        assert (stored["attempts"][0]["status"], stored["needs_attention"]) == ("canceled", False)
        assert (await account_of(till, payment))["status"] == "CANCELLED"

    async def test_a_deposit_that_came_before_goes_back_by_hand(self, till: Till, payment: Json) -> None:
        """Nobody has named the buyer's account, so a person is called; the money is neither kept nor forgotten."""
        await till.shop.buyer_pays(payment, "lost_webhook")
        canceled = await cancel(till, payment)
        assert canceled["status"] == "canceled"
        (refund,) = await till.refunds(payment)
        assert (refund["cause"], refund["status"], refund["amount"]) == ("rejected", "created", payment["amount"])
        stored = await till.shop.get(payment)
        assert (stored["captured_amount"], stored["needs_attention"]) == (0, True)
        assert "by hand" in stored["attention_reason"]
        await till.past_us(payment)
        await till.wait(3601)
        assert await till.status(refund) == "succeeded"
        assert not (await till.shop.get(payment))["needs_attention"]


class TestPoint3:
    async def test_what_the_buyer_finished_and_we_did_not_confirm_is_voided(self, till: Till) -> None:
        payment = await till.shop.create(**POINT3.order)
        proof = await till.shop.buyer_pays(payment)
        await till.shop.scenario("error_500", "point3", call="lookup", times=1)
        assert (await till.shop.complete(payment, **proof)).status_code == 202, "the signature is not ours to keep yet"
        canceled = await cancel(till, payment)
        assert canceled["status"] == "canceled"
        await till.wait(BATCH_S + 1)
        stored, truth = await till.shop.get(payment), await till.shop.journal(payment)
        assert (stored["status"], stored["attempts"][0]["status"]) == ("canceled", "canceled")
        assert (truth["status"], truth["captures"], truth["confirms"]) == ("CANCELLED", 0, 0)
        assert await till.refunds(payment) == [], "no money moved, so none goes back"
        assert not stored["needs_attention"]
        assert await till.asked(payment) == 1

    async def test_it_is_voided_at_once_where_the_look_up_shows_it(self, till: Till) -> None:
        payment = await till.shop.create(**POINT3.order)
        await till.shop.buyer_pays(payment)
        canceled = await cancel(till, payment)
        assert (canceled["status"], canceled["captured_amount"]) == ("canceled", 0)
        assert (await till.shop.journal(payment))["status"] == "CANCEL_REQUESTED"
        await till.wait(BATCH_S + 1)
        await till.wait(61)
        stored = await till.shop.get(payment)
        assert stored["attempts"][0]["status"] == "canceled"
        assert (await till.shop.journal(payment))["captures"] == 0
        problem(await till.refund(payment), "payment_not_refundable")

    @pytest.mark.parametrize("how", ["accept_then_hang", "lost_request", "error_500"])
    async def test_a_lost_answer_to_the_void_changes_nothing_of_that(self, till: Till, how: str) -> None:
        """Only our confirm would move money, and none is sent any more, whatever became of the void."""
        payment = await till.shop.create(**POINT3.order)
        proof = await till.shop.buyer_pays(payment)
        await till.shop.scenario(how, "point3", call="cancel")
        assert (await cancel(till, payment))["status"] == "canceled"
        await till.shop.complete(payment, **proof)
        for seconds in (61, BATCH_S, 901):
            await till.wait(seconds)
        stored, truth = await till.shop.get(payment), await till.shop.journal(payment)
        assert (stored["attempts"][0]["status"], stored["needs_attention"]) == ("canceled", False)
        assert (truth["captures"], truth["confirms"]) == (0, 0)

    async def test_a_browser_that_comes_back_after_the_cancel_captures_nothing(self, till: Till) -> None:
        payment = await till.shop.create(**POINT3.order)
        await cancel(till, payment)
        answer = await till.shop.complete(payment, **await till.shop.buyer_pays(payment))
        assert answer.json().get("status") != "paid"
        await till.wait(BATCH_S + 61)
        truth = await till.shop.journal(payment)
        assert (truth["captures"], (await till.shop.get(payment))["status"]) == (0, "canceled")


class TestMoneyAfterwards:
    @one_step
    async def test_it_goes_back_by_itself(self, till: Till, kind: Kind) -> None:
        payment = await till.shop.create(**kind.order)
        assert (await cancel(till, payment))["status"] == "canceled"
        await till.shop.buyer_pays(payment, "lost_webhook")
        await till.wait(3601)
        (refund,) = await till.refunds(payment)
        assert (refund["cause"], refund["reason"], refund["status"]) == ("rejected", "payment_closed", "succeeded")
        stored, truth = await till.shop.get(payment), await till.shop.journal(payment)
        assert (stored["status"], stored["captured_amount"], stored["refunded_amount"]) == ("canceled", 0, 0)
        assert (truth["captures"], truth["refunded"], truth["cancels"]) == (1, payment["amount"], 1)

    @one_step
    async def test_a_paid_payment_is_refunded_and_not_canceled(self, till: Till, kind: Kind) -> None:
        payment = await till.sold(kind)
        problem(await till.shop.client.post(f"/payments/{payment['id']}/cancel"), "payment_not_open")
        await till.gave(payment)
        problem(await till.shop.client.post(f"/payments/{payment['id']}/cancel"), "payment_not_open")
        await till.has_given(payment, payment["amount"], cancels=1)
