"""A person decides: keep the money, send it back, close the payment. Each ends status, claim and attention."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from app.gateways.portone_v2.adapter import PortOneV2
from app.gateways.values import GatewayPayment, PaymentQuery
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, SCHEDULE, UNIFI, V1, V2, Json, Till

WEEKS = 45
NOTE = "seen in the gateway's console"


async def resolve(till: Till, payment: Json, action: str, note: str = NOTE) -> httpx.Response:
    return await till.shop.client.post(f"/payments/{payment['id']}/resolve", json={"action": action, "note": note})


async def done(till: Till, payment: Json, action: str) -> Json:
    answer = await resolve(till, payment, action)
    assert answer.status_code == 200, answer.text
    last = (await till.shop.events(payment))[-1]
    assert last["cause"] == "operator"
    return dict(answer.json())


async def under_review(till: Till, scenario: str = "accept_then_hang", **changes: Any) -> Json:
    """The answer to our confirm was lost, and no look-up has been answered since, until a person was called."""
    payment = await till.shop.create(**POINT3.order | changes)
    proof = await till.shop.buyer_pays(payment, scenario)
    assert (await till.shop.complete(payment, **proof)).status_code == 202
    await till.shop.scenario("error_500", call="lookup", times=-1)
    for _ in range(WEEKS):
        await till.wait(86_400)
        if (await till.shop.get(payment))["status"] == "review":
            return payment
    raise AssertionError("nobody was called")


async def answered_again(till: Till) -> None:
    await till.shop.scenario("error_500", call="lookup", times=0)


class TestAccept:
    async def test_what_the_look_up_shows_whole_is_paid(self, till: Till) -> None:
        payment = await under_review(till)
        await answered_again(till)
        paid = await done(till, payment, "accept")
        assert (paid["status"], paid["captured_amount"], paid["attention_code"]) == ("paid", payment["amount"], None)
        evidence = (await till.shop.events(payment))[-1]["evidence"]
        assert (evidence["resolution"], evidence["note"]) == ("accept", NOTE)
        assert problem(await resolve(till, payment, "accept"), "nothing_to_resolve")["payment_status"] == "paid"
        assert (await till.shop.journal(payment))["captures"] == 1

    async def test_nothing_is_kept_on_a_persons_word_alone(self, till: Till) -> None:
        payment = await under_review(till)
        told = problem(await resolve(till, payment, "accept"), "resolution_refused")
        assert told["obstacle"] == "not_shown_whole"
        assert (await till.shop.get(payment))["status"] == "review"

    @pytest.mark.parametrize("rejected_money", ["hold"])
    @pytest.mark.parametrize("kind", [V1, V2, UNIFI], ids=lambda kind: kind.name)
    async def test_another_amount_is_never_accepted(self, till: Till, kind: Kind) -> None:
        payment = await till.shop.create(**kind.order)
        await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "amount_differs"))
        told = problem(await resolve(till, payment, "accept"), "resolution_refused")
        assert told["obstacle"] == "not_shown_whole"
        assert (await till.shop.get(payment))["captured_amount"] == 0


class TestRefund:
    async def test_what_is_shown_goes_back_and_the_order_is_free(self, till: Till) -> None:
        payment = await under_review(till, order_id="wanted again")
        await answered_again(till)
        await done(till, payment, "refund")
        await till.wait(BATCH_S + 1)
        await till.shop.sync(payment)
        truth, stored = await till.shop.journal(payment), await till.shop.get(payment)
        assert (truth["captures"], truth["refunded"], truth["cancels"]) == (1, payment["amount"], 1)
        assert (stored["status"], stored["needs_attention"], stored["captured_amount"]) == ("canceled", False, 0)
        assert (await till.shop.create(order_id="wanted again"))["status"] == "open"

    async def test_where_nothing_is_shown_nothing_is_sent_back(self, till: Till) -> None:
        payment = await under_review(till)
        assert problem(await resolve(till, payment, "refund"), "resolution_refused")["obstacle"] == "no_money_shown"

    @pytest.mark.parametrize("rejected_money", ["hold"])
    async def test_held_money_is_released(self, till: Till) -> None:
        payment = await till.shop.create(**V2.order)
        await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "amount_differs"))
        assert (await till.shop.get(payment))["attention_code"] == "refund_held"
        stored = await done(till, payment, "refund")
        assert not stored["needs_attention"]
        assert (await till.shop.journal(payment))["refunded"] == (await till.shop.journal(payment))["amount"]

    async def test_a_gateway_without_refunds_is_for_hands(self, till: Till) -> None:
        payment = await till.shop.create(**UNIFI.order)
        await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "amount_differs"))
        assert (await till.shop.get(payment))["attention_code"] == "refund_by_hand"
        assert problem(await resolve(till, payment, "refund"), "resolution_refused")["obstacle"] == "no_money_shown"


class TestADepositThatIsTooSmall:
    """The gateway says PAID, and that another sum came than was ordered."""

    async def underpaid(self, till: Till, *, is_seen: bool) -> Json:
        payment = await till.shop.create(method="VIRTUAL_ACCOUNT", **V2.order)
        account = await till.shop.buyer_pays(payment, "virtual_account")
        if is_seen:
            await till.shop.complete(payment, **account)
        await till.shop.buyer_pays(payment, "underpaid_deposit")
        stored = dict((await till.shop.sync(payment)).json())
        assert (stored["status"], stored["attention_code"]) == ("processing", "contradictory_look_up")
        return stored

    @pytest.mark.parametrize("action", ["accept", "close"])
    async def test_is_neither_kept_nor_closed_away(self, till: Till, action: str) -> None:
        payment = await self.underpaid(till, is_seen=True)
        assert (await resolve(till, payment, action)).status_code == 409
        assert (await till.shop.get(payment))["status"] == "processing"

    @pytest.mark.parametrize("is_seen", [True, False])
    async def test_goes_back_to_the_account_that_a_person_names_in_the_console(self, till: Till, is_seen: bool) -> None:
        payment = await self.underpaid(till, is_seen=is_seen)
        await done(till, payment, "refund")
        (back,) = await till.refunds(payment)
        assert (back["amount"], back["status"]) == (payment["amount"] - 100, "created")
        assert (await till.shop.get(payment))["attention_code"] == "refund_needs_account"
        assert await till.asked(payment) == 0
        await till.past_us(payment)
        await till.shop.sync(payment)
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["needs_attention"], stored["captured_amount"]) == ("canceled", False, 0)
        assert await till.status(back) == "succeeded"


class TestClose:
    async def test_what_nobody_answers_for_ends_on_a_persons_word(self, till: Till) -> None:
        payment = await under_review(till, "error_500", order_id="never came")
        stored = await done(till, payment, "close")
        assert (stored["status"], stored["attention_code"]) == ("canceled", None)
        assert [each["status"] for each in stored["attempts"]] == ["canceled"]
        assert (await till.shop.create(order_id="never came"))["status"] == "open"

    async def test_money_that_turns_up_after_that_goes_back(self, till: Till) -> None:
        payment = await under_review(till)
        await done(till, payment, "close")
        await answered_again(till)
        await till.shop.sync(payment)
        await till.wait(BATCH_S + 1)
        await till.shop.sync(payment)
        truth = await till.shop.journal(payment)
        assert (truth["captures"], truth["refunded"]) == (1, payment["amount"])
        assert (await till.shop.get(payment))["status"] == "canceled"

    async def test_shown_money_is_not_closed_away(self, till: Till) -> None:
        payment = await under_review(till)
        await answered_again(till)
        assert problem(await resolve(till, payment, "close"), "resolution_refused")["obstacle"] == "money_shown"

    async def test_what_was_given_back_by_hand_is_done(self, till: Till) -> None:
        payment = await till.shop.create(**UNIFI.order)
        await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "amount_differs"))
        stored = await done(till, payment, "close")
        assert (stored["status"], stored["needs_attention"]) == ("canceled", False)
        assert [each["status"] for each in await till.refunds(payment)] == ["succeeded"]

    async def test_a_doubt_about_a_paid_order_is_put_aside(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.shop.scenario("unknown_status", "portone_v2", call="lookup")
        await till.shop.sync(payment)
        if (await till.shop.get(payment))["attention_code"] is None:
            pytest.fail("the scenario calls nobody")
        stored = await done(till, payment, "close")
        assert (stored["status"], stored["attention_code"]) == ("paid", None)
        assert stored["captured_amount"] == payment["amount"]


class TestWhoMay:
    async def test_what_calls_nobody_cannot_be_resolved(self, till: Till) -> None:
        payment = await till.shop.create(**POINT3.order)
        for action in ("accept", "refund", "close"):
            assert problem(await resolve(till, payment, action), "nothing_to_resolve")["payment_status"] == "open"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"action": "keep", "note": NOTE}, "action"),
            ({"note": NOTE}, "action"),
            ({"action": "close"}, "note"),
            ({"action": "close", "note": ""}, "note"),
            ({"action": "close", "note": "two\nlines"}, "note"),
        ],
    )
    async def test_a_wrong_body_names_its_field(self, till: Till, body: Json, field: str) -> None:
        payment = await till.shop.create(**POINT3.order)
        answer = await till.shop.client.post(f"/payments/{payment['id']}/resolve", json=body)
        assert problem(answer, "invalid_request")["errors"][0]["field"] == field

    async def test_the_console_ends_it_as_well(self, till: Till) -> None:
        """What a person did at the gateway needs no second word here."""
        payment = await under_review(till, order_id="ended there")
        await till.past_us(payment)
        await till.wait(BATCH_S + 1)
        await answered_again(till)
        await till.shop.sync(payment)
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["needs_attention"]) == ("canceled", False)
        assert (await till.shop.create(order_id="ended there"))["status"] == "open"


class TestWhatStandsInTheWay:
    async def test_a_shops_refund_is_not_closed_away(self, till: Till) -> None:
        payment = await till.sold(V1)
        await till.shop.scenario("error_500", "portone_v1", call="cancel", times=-1)
        assert (await till.refund(payment, 700)).status_code == 202
        for pause_s in (*SCHEDULE, 3601):
            await till.wait(pause_s)
        answer = await resolve(till, payment, "close")
        assert problem(answer, "resolution_refused")["obstacle"] == "refund_undecided"
        assert (await till.refunds(payment))[0]["status"] == "unknown"

    async def test_money_of_a_canceled_payment_is_not_accepted(
        self, till: Till, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = PortOneV2.fetch_payment

        async def tells_no_channel(self: PortOneV2, query: PaymentQuery) -> GatewayPayment:
            return replace(await real(self, query), is_live=None)

        payment = await till.shop.create(**V2.order)
        with monkeypatch.context() as patch:
            patch.setattr(PortOneV2, "fetch_payment", tells_no_channel)
            await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "lost_webhook"))
            await till.shop.client.post(f"/payments/{payment['id']}/cancel")
            answer = await resolve(till, payment, "accept")
            assert problem(answer, "resolution_refused")["obstacle"] == "canceled"
            assert (await resolve(till, payment, "refund")).status_code == 200
