"""An order that was refunded whole may be bought again, once at a time; the setting keeps it closed."""

import asyncio

import pytest

from app.settings import Settings
from tests.api.checks import problem
from tests.flows.refunds.till import V2, Till
from tests.support import key, order

AGAIN = V2.order | {"order_id": "bought again"}


async def test_what_went_back_whole_is_bought_again_by_one(till: Till) -> None:
    first = await till.sold(V2, order_id="bought again")
    await till.gave(first)
    answers = await asyncio.gather(
        *(till.shop.client.post("/payments", json=order(**AGAIN), headers=key()) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    (made,) = [answer.json() for answer in answers if answer.status_code == 201]
    paid = await till.shop.complete(made, **await till.shop.buyer_pays(made))
    assert (paid.json()["status"], (await till.shop.get(first))["status"]) == ("paid", "refunded")


async def test_a_part_that_went_back_does_not_free_the_order(till: Till) -> None:
    await till.gave(await till.sold(V2, order_id="bought again"), 700)
    problem(await till.shop.client.post("/payments", json=order(**AGAIN), headers=key()), "order_taken")


class TestKeptClosed:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"reorder_after_refund": False})

    async def test_by_the_setting_it_stays_closed(self, till: Till) -> None:
        await till.gave(await till.sold(V2, order_id="bought again"))
        problem(await till.shop.client.post("/payments", json=order(**AGAIN), headers=key()), "order_taken")
