"""PortOne V1 where every cancel of a payment bears one name: the PG's, of the payment. It tells none from another."""

from collections.abc import AsyncIterator

import pytest

from app.settings import Settings
from simulator.server import Simulator
from tests.flows.refunds.conftest import PATIENCE_S
from tests.flows.refunds.till import V1, Json, Till
from tests.support.databases import Urls
from tests.support.front import Fronts, fronts_of
from tests.support.settings import every_account, settings_for


def one_name(shown: Json) -> None:
    """The cancels of a payment as such a PG's are shown."""
    for each in shown.get("cancel_history") or []:
        each.pop("cancellation_id")
        each["pg_tid"] = "T1"


@pytest.fixture
def pg() -> str:
    return "other"


@pytest.fixture
async def fronts(urls: Urls, simulator: Simulator, port: int, pg: str) -> AsyncIterator[Fronts]:
    accounts = every_account(simulator, PATIENCE_S)
    accounts["portone_v1"] |= {"pg": pg}
    settings = settings_for(urls, simulator, public_url=f"http://127.0.0.1:{port}", **accounts)
    async with fronts_of(settings, "portone_v1") as fronts:
        fronts.change = fronts.change_answer = one_name
        yield fronts


@pytest.fixture
def settings(fronts: Fronts) -> Settings:
    return fronts.settings


async def is_calm(till: Till, payment: Json) -> bool:
    """A day goes by, and nobody is called."""
    for pause_s in (6, 61, 3700, 86_400):
        await till.wait(pause_s)
    return (await till.shop.get(payment))["attention_code"] is None


@pytest.mark.parametrize("second", [500, 300])
async def test_a_second_refunds_yes_is_a_yes(till: Till, second: int) -> None:
    payment = await till.sold(V1)
    await till.gave(payment, 500)
    await till.gave(payment, second)
    await till.gave(payment)
    await till.has_given(payment, payment["amount"], cancels=3)
    assert await is_calm(till, payment)


async def test_a_cancel_of_the_consoles_is_not_taken_for_one_whose_answer_was_lost(till: Till) -> None:
    payment = await till.sold(V1)
    await till.gave(payment, 500)
    await till.shop.scenario("lost_request", "portone_v1", call="cancel")
    refund = (await till.refund(payment, 300)).json()
    await till.past_us(payment, 400)
    await till.wait(61)
    stored = await till.shop.get(payment)
    assert (await till.status(refund), stored["refunded_amount"]) == ("unknown", 500)
    assert stored["attention_code"] == "unexplained_refund", "a person says whose it is"
    assert await till.asked(payment) == 2
