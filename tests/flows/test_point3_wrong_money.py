"""Money that is not this order's never pays it, whoever sends the hint."""

from typing import Any

import pytest

from app.gateways.point3.manifest import Point3Settings
from app.settings import Settings
from tests.support import Shop


async def test_another_orders_signature_pays_nothing(shop: Shop) -> None:
    payment = await shop.create()
    proof = await shop.buyer_pays(payment, "other_orders_signature")
    answer = await shop.complete(payment, **proof)
    assert answer.status_code == 409
    assert answer.json()["code"] == "result_mismatch"
    assert answer.json()["mismatch"] == "order_id"
    assert (await shop.get(payment))["status"] == "open"
    assert sum(row["captures"] for row in await shop.sim("GET", "/_sim/journal")) == 0


async def test_the_buyer_can_still_pay_after_a_foreign_signature(shop: Shop) -> None:
    payment = await shop.create()
    await shop.complete(payment, **await shop.buyer_pays(payment, "other_orders_signature"))
    answer = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert answer.json()["status"] == "paid"


async def test_a_signature_of_our_own_other_payment_pays_neither(shop: Shop) -> None:
    cheap, dear = await shop.create(amount=1000), await shop.create(amount=90_000)
    proof = await shop.buyer_pays(cheap)
    assert (await shop.complete(dear, **proof)).status_code == 409
    assert (await shop.get(dear))["status"] == "open"
    assert (await shop.complete(cheap, **proof)).json()["status"] == "paid"
    assert (await shop.complete(dear, **proof)).status_code == 409
    assert (await shop.journal(cheap))["captures"] == 1


async def test_a_wrong_amount_is_rejected_before_any_money_moves(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "amount_differs"))
    assert answer.status_code == 409
    assert answer.json()["mismatch"] == "amount_mismatch"
    stored = await shop.get(payment)
    assert (stored["status"], stored["captured_amount"]) == ("open", 0)
    assert stored["attempts"][0]["status"] == "rejected"
    assert (await shop.journal(payment))["confirms"] == 0


async def test_a_duplicate_order_id_does_not_hide_the_right_payment(shop: Shop) -> None:
    payment = await shop.create()
    await shop.buyer_pays(payment, "duplicate_order_id")
    answer = await shop.sync(payment)  # without the signature: found by our reference among several
    assert answer.json()["status"] == "paid"
    rows = [row for row in await shop.sim("GET", "/_sim/journal") if row["captures"]]
    assert [row["amount"] for row in rows] == [24000]


async def test_an_unknown_signature_stays_undecided_and_confirms_nothing(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, signature="never/heard+of==")
    assert answer.status_code == 202
    assert answer.headers["retry-after"] == "2"
    assert (await shop.get(payment))["status"] == "open"


@pytest.mark.parametrize("scenario", ["unknown_status"])
async def test_an_unrecognized_status_is_never_success_and_calls_a_person(shop: Shop, scenario: str) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, scenario))
    assert answer.status_code == 202
    stored = await shop.get(payment)
    assert stored["status"] == "processing"
    assert stored["needs_attention"]
    assert (await shop.journal(payment))["confirms"] == 0


async def test_a_sparse_look_up_is_enough(shop: Shop) -> None:
    payment = await shop.create()
    answer = await shop.complete(payment, **await shop.buyer_pays(payment, "sparse"))
    assert answer.json()["status"] == "paid"


async def nothing_shows_before_confirm(shop: Shop) -> None:
    await shop.scenario("no_lookup_before_confirm", call="lookup", times=20)


async def _touched(shop: Shop) -> list[dict[str, Any]]:
    """What was confirmed or canceled at the gateway."""
    return [row for row in await shop.sim("GET", "/_sim/journal") if row["confirms"] or row["cancels"]]


class TestLookUpAfterConfirm:
    """`ONETILL_POINT3__LOOK_UP=after`: the look-up may show nothing before confirm; then money is compared afterwards."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        account = settings.account(Point3Settings)
        assert account is not None
        after = account.model_copy(update={"look_up": "after"})
        return settings.model_copy(update={"point3": after})

    async def test_a_payment_that_no_look_up_shows_before_confirm_is_paid(self, shop: Shop) -> None:
        payment = await shop.create()
        answer = await shop.complete(payment, **await shop.buyer_pays(payment, "no_lookup_before_confirm"))
        assert answer.json()["status"] == "paid"
        assert (await shop.journal(payment))["confirms"] == 1

    async def test_a_wrong_amount_that_shows_is_not_confirmed(self, shop: Shop) -> None:
        payment = await shop.create()
        answer = await shop.complete(payment, **await shop.buyer_pays(payment, "amount_differs"))
        assert (answer.status_code, answer.json()["mismatch"]) == (409, "amount_mismatch")
        journal = await shop.journal(payment)
        assert (journal["confirms"], journal["captures"]) == (0, 0)
        assert (await shop.get(payment))["status"] == "open"

    async def test_a_wrong_amount_that_shows_after_confirm_is_given_back(self, shop: Shop) -> None:
        payment = await shop.create()
        proof = await shop.buyer_pays(payment, "amount_differs")
        await nothing_shows_before_confirm(shop)
        answer = await shop.complete(payment, **proof)
        assert answer.status_code == 409
        assert answer.json()["mismatch"] == "amount_mismatch"
        stored = await shop.get(payment)
        assert (stored["status"], stored["captured_amount"]) == ("open", 0)
        assert stored["attempts"][0]["status"] == "rejected"
        assert (await shop.journal(payment))["status"] == "CANCEL_REQUESTED"
        reasons = [event["reason"] for event in await shop.events(payment)]
        assert reasons[-3:] == ["amount_mismatch", "refund_asked", "refund_accepted"]
        await shop.sim("POST", "/_sim/advance", {"seconds": 600})
        await shop.sync(payment)
        assert (await shop.events(payment))[-1]["reason"] == "given_back"
        journal = await shop.journal(payment)
        assert (journal["captures"], journal["cancels"], journal["refunded"]) == (1, 1, journal["amount"])

    async def test_another_orders_signature_is_neither_confirmed_nor_refunded(self, shop: Shop) -> None:
        payment = await shop.create()
        answer = await shop.complete(payment, **await shop.buyer_pays(payment, "other_orders_signature"))
        assert (answer.status_code, answer.json()["mismatch"]) == (409, "order_id")
        assert await _touched(shop) == []
        assert (await shop.complete(payment, **await shop.buyer_pays(payment))).json()["status"] == "paid"

    async def test_another_orders_money_that_was_confirmed_unseen_is_a_persons(self, shop: Shop) -> None:
        """Nothing showed before the confirm. It is not this order's money, so none of it is kept or refunded (law 13)."""
        payment = await shop.create()
        proof = await shop.buyer_pays(payment, "other_orders_signature")
        await nothing_shows_before_confirm(shop)
        answer = await shop.complete(payment, **proof)
        assert (answer.status_code, answer.json()["mismatch"]) == (409, "order_mismatch")
        assert "person" in answer.json()["action"]
        stored = await shop.get(payment)
        assert (stored["status"], stored["attention_code"]) == ("review", "foreign_order")
        assert (stored["captured_amount"], stored["refunded_amount"]) == (0, 0)
        await shop.sync(payment)
        (taken,) = await _touched(shop)
        assert (taken["captures"], taken["cancels"], taken["refunded"]) == (1, 0, 0)

    async def test_a_no_to_the_confirm_of_another_orders_signature_took_nothing(self, shop: Shop) -> None:
        payment = await shop.create()
        proof = await shop.buyer_pays(payment, "other_orders_signature")
        await nothing_shows_before_confirm(shop)
        await shop.scenario("declined", call="confirm")
        await shop.complete(payment, **proof)
        stored = await shop.get(payment)
        assert (stored["status"], stored["needs_attention"]) == ("open", False)
        assert stored["attempts"][0]["status"] == "failed"
        assert all(row["cancels"] == row["captures"] == 0 for row in await shop.sim("GET", "/_sim/journal"))
        await shop.sync(payment)
        assert not (await shop.get(payment))["needs_attention"]

    async def test_a_lost_confirm_is_found_by_look_up_and_not_repeated(self, shop: Shop) -> None:
        payment = await shop.create()
        proof = await shop.buyer_pays(payment, "no_lookup_before_confirm")
        await shop.scenario("accept_then_hang", call="confirm")
        assert (await shop.complete(payment, **proof)).status_code == 202
        assert (await shop.sync(payment)).json()["status"] == "paid"
        assert (await shop.journal(payment))["confirms"] == 1
