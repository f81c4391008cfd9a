"""Money that must not be kept goes back through the same service: seen, counted, held where the settings say so."""

from uuid import UUID

import pytest

from app.cli.refunds import say_what_waits
from app.domain import ids
from app.domain.errors import PaymentNotRefundable
from app.services import Services, build_services
from app.settings import Settings
from tests.api.checks import problem
from tests.flows.gateways.orders import Kind
from tests.flows.refunds.till import BATCH_S, POINT3, UNIFI, V1, V2, Json, Till
from tests.support import MovableClock

at_once = pytest.mark.parametrize("kind", [V1, V2], ids=lambda kind: kind.name)


async def wrongly_paid(till: Till, kind: Kind) -> Json:
    """A payment for which another amount came."""
    payment = await till.shop.create(**kind.order)
    answer = await till.shop.complete(payment, **await till.shop.buyer_pays(payment, "amount_differs"))
    assert problem(answer, "result_mismatch")["mismatch"] == "amount_mismatch"
    return payment


async def the_refund(till: Till, payment: Json) -> Json:
    (refund,) = await till.refunds(payment)
    assert refund["cause"] == "rejected"
    return refund


def uuid_of(thing: Json, prefix: ids.Prefix) -> UUID:
    return ids.read(prefix, thing["id"])


class TestByItself:
    @at_once
    async def test_it_is_a_refund_of_all_that_came(self, till: Till, kind: Kind) -> None:
        payment = await wrongly_paid(till, kind)
        refund, truth = await the_refund(till, payment), await till.shop.journal(payment)
        assert (refund["status"], refund["reason"]) == ("succeeded", "amount_mismatch")
        assert refund["amount"] == truth["amount"] == truth["refunded"] != payment["amount"]
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["captured_amount"], stored["refunded_amount"]) == ("open", 0, 0)
        assert not stored["needs_attention"]
        assert await till.asked(payment) == 1

    @at_once
    async def test_the_order_can_still_be_paid_and_refunded(self, till: Till, kind: Kind) -> None:
        payment = await wrongly_paid(till, kind)
        again = (await till.shop.client.post(f"/payments/{payment['id']}/attempts", json={})).json()
        assert (await till.shop.complete(again, **await till.shop.buyer_pays(again))).json()["status"] == "paid"
        await till.gave(again, 700)
        stored = await till.shop.get(payment)
        assert (stored["captured_amount"], stored["refunded_amount"]) == (payment["amount"], 700)
        assert [each["cause"] for each in await till.refunds(payment)] == ["rejected", "api"]
        await till.has_given(again, 700, cancels=1)

    async def test_point3_gives_it_back_with_the_batch(self, till: Till) -> None:
        """The answer to our confirm is lost, the shop cancels, and then the money shows."""
        payment = await till.shop.create(**POINT3.order)
        proof = await till.shop.buyer_pays(payment, "accept_then_hang")
        assert (await till.shop.complete(payment, **proof)).status_code == 202
        canceled = (await till.shop.client.post(f"/payments/{payment['id']}/cancel")).json()
        assert canceled["status"] == "canceled"
        await till.wait(6)
        assert (await the_refund(till, payment))["status"] == "pending"
        await till.wait(BATCH_S + 1)
        refund, truth = await the_refund(till, payment), await till.shop.journal(payment)
        assert (refund["status"], refund["reason"]) == ("succeeded", "payment_closed")
        assert (truth["captures"], truth["cancels"], truth["refunded"]) == (1, 1, payment["amount"])
        assert (await till.shop.get(payment))["status"] == "canceled"

    @pytest.mark.parametrize("how", ["accept_then_hang", "lost_request"])
    @pytest.mark.parametrize(
        ("kind", "pg"), [(V1, "other"), (V2, "paymentwall")], ids=["portone_v1-other", "portone_v2"]
    )
    async def test_a_lost_answer_is_looked_for(self, till: Till, kind: Kind, how: str) -> None:
        payment = await till.shop.create(**kind.order)
        browser = await till.shop.buyer_pays(payment, "amount_differs")
        await till.shop.scenario(how, kind.name, call="cancel")
        await till.shop.complete(payment, **browser)
        assert (await the_refund(till, payment))["status"] == "unknown"
        await till.wait_until_decided(payment)
        refund, truth = await the_refund(till, payment), await till.shop.journal(payment)
        assert (refund["status"], truth["refunded"], truth["cancels"]) == ("succeeded", truth["amount"], 1)

    @pytest.mark.parametrize(
        ("kind", "scenario"), [(V1, "declined"), (V2, "cancel_failed")], ids=["portone_v1", "portone_v2"]
    )
    async def test_a_refusal_calls_a_person_and_is_asked_again(self, till: Till, kind: Kind, scenario: str) -> None:
        payment = await till.shop.create(**kind.order)
        browser = await till.shop.buyer_pays(payment, "amount_differs")
        await till.shop.scenario(scenario, kind.name, call="cancel")
        await till.shop.complete(payment, **browser)
        refund = await the_refund(till, payment)
        assert (refund["status"], refund["failure"]["code"]) == ("created", "refund_declined")
        stored = await till.shop.get(payment)
        assert "refused" in stored["attention_reason"]
        await till.wait(6)
        await till.wait(4 * 3600)  # under the same key PortOne V2 repeats its no for three hours
        refund, truth = await the_refund(till, payment), await till.shop.journal(payment)
        assert (refund["status"], truth["refunded"], truth["cancels"]) == ("succeeded", truth["amount"], 1)
        assert not (await till.shop.get(payment))["needs_attention"]

    @at_once
    async def test_somebody_in_the_console_gives_it_back_first(self, till: Till, kind: Kind) -> None:
        payment = await till.shop.create(**kind.order)
        browser = await till.shop.buyer_pays(payment, "amount_differs")
        await till.shop.scenario("too_many_requests", kind.name, call="cancel")
        await till.shop.complete(payment, **browser)
        await till.past_us(payment, 100)
        await till.wait_until_decided(payment)
        await till.wait(61)
        await till.wait_until_decided(payment)
        truth = await till.shop.journal(payment)
        assert (truth["refunded"], truth["cancels"]) == (truth["amount"], 2)
        assert not (await till.shop.get(payment))["needs_attention"]


@pytest.mark.parametrize("rejected_money", ["hold"])
class TestHeld:
    @at_once
    async def test_it_waits_until_a_person_releases_it(self, till: Till, kind: Kind, parts: Services) -> None:
        payment = await wrongly_paid(till, kind)
        await till.wait(3601)
        await till.wait(86_400)
        assert (await the_refund(till, payment))["status"] == "created"
        assert await till.asked(payment) == 0
        assert "give-back" in (await till.shop.get(payment))["attention_reason"]
        await parts.refunds.release(uuid_of(payment, ids.Prefix.PAYMENT))
        refund, truth = await the_refund(till, payment), await till.shop.journal(payment)
        assert (refund["status"], truth["refunded"], truth["cancels"]) == ("succeeded", truth["amount"], 1)
        assert not (await till.shop.get(payment))["needs_attention"]
        with pytest.raises(PaymentNotRefundable):
            await parts.refunds.release(uuid_of(payment, ids.Prefix.PAYMENT))

    async def test_a_person_is_told_when_nobody_can_be_asked(
        self, till: Till, settings: Settings, clock: MovableClock, capsys: pytest.CaptureFixture[str]
    ) -> None:
        payment = await wrongly_paid(till, V2)
        lacking = build_services(settings.model_copy(update={"portone_v2": None}), clock)
        await lacking.database.open()
        try:
            released = await lacking.refunds.release(uuid_of(payment, ids.Prefix.PAYMENT))
            say_what_waits(released.refunds)
        finally:
            await lacking.close()
        assert "do not give it back by hand" in capsys.readouterr().err
        assert (await the_refund(till, payment))["status"] == "created"
        await till.wait(3601)
        assert (await the_refund(till, payment))["status"] == "succeeded", "it was released, and is due"

    async def test_what_the_shop_gives_back_is_not_held(self, till: Till) -> None:
        payment = await till.sold(V2)
        await till.gave(payment, 700)

    async def test_given_back_in_the_console_it_needs_no_release(self, till: Till) -> None:
        payment = await wrongly_paid(till, V2)
        await till.past_us(payment)
        await till.wait(3601)
        assert (await the_refund(till, payment))["status"] == "succeeded"
        assert not (await till.shop.get(payment))["needs_attention"]
        assert await till.asked(payment) == 0


class TestNoWayBack:
    """Unifi Pay gives nothing back by itself: the payment is for a person until the money is back."""

    async def test_a_person_who_gave_it_back_says_so(self, till: Till, parts: Services) -> None:
        payment = await wrongly_paid(till, UNIFI)
        refund, stored = await the_refund(till, payment), await till.shop.get(payment)
        assert (refund["status"], stored["status"], stored["needs_attention"]) == ("created", "review", True)
        await till.wait(3601)
        await till.wait(30 * 86_400)
        assert (await the_refund(till, payment))["status"] == "created"
        await parts.refunds.mark(uuid_of(refund, ids.Prefix.REFUND), is_done=True, note="bank transfer of 3 May")
        refund, stored = await the_refund(till, payment), await till.shop.get(payment)
        assert (refund["status"], stored["status"], stored["needs_attention"]) == ("succeeded", "canceled", False)
        last = (await till.shop.events(payment))[-1]
        assert (last["cause"], last["from"], last["to"]) == ("operator", "review", "canceled")
        assert last["evidence"]["note"] == "bank transfer of 3 May"

    async def test_the_gateways_console_ends_the_review_by_itself(self, till: Till) -> None:
        payment = await wrongly_paid(till, UNIFI)
        await till.past_us(payment)
        await till.wait(3601)
        refund, stored = await the_refund(till, payment), await till.shop.get(payment)
        assert (refund["status"], stored["status"], stored["needs_attention"]) == ("succeeded", "canceled", False)
        truth = await till.shop.journal(payment)
        assert (truth["refunded"], truth["cancels"]) == (truth["amount"], 1)

    async def test_a_paid_order_that_is_given_back_in_the_console_is_found(self, till: Till) -> None:
        payment = await till.sold(UNIFI)
        await till.past_us(payment)
        await till.wait(3601)
        (refund,) = await till.refunds(payment)
        assert (refund["cause"], refund["status"], refund["amount"]) == ("gateway", "succeeded", payment["amount"])
        await till.has_given(payment, payment["amount"], cancels=1)

    async def test_money_that_was_given_back_by_hand_is_recorded_by_a_person(self, till: Till, parts: Services) -> None:
        payment = await till.sold(UNIFI)
        payment_id = uuid_of(payment, ids.Prefix.PAYMENT)
        await parts.refunds.record(payment_id, 234, note="cash at the counter")
        stored = await till.shop.get(payment)
        assert (stored["status"], stored["refunded_amount"], stored["refundable_amount"]) == (
            "partially_refunded",
            234,
            payment["amount"] - 234,
        )
        await parts.refunds.record(payment_id, None, note="the rest")
        assert (await till.shop.get(payment))["status"] == "refunded"
        assert [each["cause"] for each in await till.refunds(payment)] == ["operator", "operator"]
        with pytest.raises(PaymentNotRefundable):
            await parts.refunds.record(payment_id, 1, note="once more")
