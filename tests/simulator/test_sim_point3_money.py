import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator.server import Simulator, SimulatorSettings

from .driver import Driver


async def test_confirm_takes_the_money_once(sim: Driver) -> None:
    signature = await sim.paid()
    answer = await sim.confirm(signature)
    assert (answer.status_code, answer.json()["statusCode"]) == (200, 200)
    assert await sim.truth() == {
        "gateway": "point3",
        "reference": "order1",
        "gateway_ref": signature,
        "amount": 12_000,
        "currency": "KRW",
        "status": "CONFIRMED",
        "refunded": 0,
        "captures": 1,
        "cancels": 0,
        "confirms": 1,
    }
    assert (await sim.look(signature)).json()["result"]["confirmedAt"] is not None


async def test_a_second_confirm_takes_the_money_again_and_shows_it(sim: Driver) -> None:
    signature = await sim.paid()
    answers = await asyncio.gather(*(sim.confirm(signature) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    truth = await sim.truth()
    assert (truth["captures"], truth["confirms"]) == (5, 5)


async def test_confirm_of_an_unknown_signature_is_404(sim: Driver) -> None:
    assert (await sim.confirm("nobody's")).status_code == 404


@pytest.mark.parametrize("body", [{}, {"signature": None}, {"signature": 1}, {"signature": ["x"]}, []])
async def test_confirm_without_a_signature_is_400(sim: Driver, body: Any) -> None:
    assert (await sim.http.post("/purchase/confirm", json=body)).status_code == 400


async def test_a_cancel_is_accepted_now_and_done_in_the_next_batch(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    answer = await sim.cancel(signature)
    assert (answer.status_code, answer.json()["message"]) == (200, "success")
    truth = await sim.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCEL_REQUESTED", 0, 0)
    assert (await sim.look(signature)).json()["result"]["cancelledAt"] is None
    await sim.advance(300)
    truth = await sim.truth()
    assert (truth["status"], truth["refunded"], truth["cancels"]) == ("CANCELLED", 12_000, 1)
    shown = (await sim.look(signature)).json()["result"]
    assert shown["status"] == "CANCELLED"
    assert shown["cancelledAt"] is not None


async def test_the_batch_runs_at_multiples_of_five_minutes_not_five_minutes_later(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    await sim.advance(290)
    await sim.cancel(signature)
    await sim.advance(5)
    assert (await sim.truth())["status"] == "CANCEL_REQUESTED"
    await sim.advance(5)
    assert (await sim.truth())["status"] == "CANCELLED"


async def test_a_cancel_of_an_unconfirmed_payment_gives_nothing_back(sim: Driver) -> None:
    signature = await sim.paid()
    answer = await sim.cancel(signature)
    assert (answer.status_code, answer.json()["result"]["status"]) == (200, "CANCEL_REQUESTED")
    answer = await sim.confirm(signature)
    assert (answer.status_code, "CANCEL_REQUESTED" in answer.json()["message"]) == (400, True)
    await sim.advance(300)
    truth = await sim.truth()
    assert (truth["status"], truth["refunded"], truth["captures"]) == ("CANCELLED", 0, 0)
    answer = await sim.confirm(signature)
    assert (answer.status_code, "CANCELLED" in answer.json()["message"]) == (400, True)
    assert (await sim.truth())["captures"] == 0
    assert (await sim.look(signature)).json()["result"]["confirmedAt"] is None


async def test_a_cancel_of_an_unconfirmed_payment_leaves_the_settlement_alone(sim: Driver) -> None:
    await sim.cancel(await sim.paid())
    await sim.advance(1_800)
    assert await figure(sim) == 0


async def test_a_cancel_before_the_widget_is_finished_is_400_and_says_why(sim: Driver) -> None:
    token = await sim.token()
    for status in ("TOKEN_ISSUED", "ABANDONED"):
        answer = await sim.cancel(token)
        assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
        assert "signature" in answer.json()["message"]
        assert status in answer.json()["message"]
        await sim.pay(scenario="abandoned")
    truth = await sim.truth()
    assert (truth["status"], truth["cancels"]) == ("ABANDONED", 0)
    signature = str((await sim.pay())["signature"])
    assert (await sim.confirm(signature)).status_code == 200


async def test_a_repeated_cancel_is_400_before_and_after_the_batch(sim: Driver) -> None:
    signature = await sim.paid()
    await sim.confirm(signature)
    await sim.cancel(signature)
    assert (await sim.cancel(signature)).status_code == 400
    await sim.advance(300)
    assert (await sim.cancel(signature)).status_code == 400
    assert (await sim.truth())["cancels"] == 1


async def test_a_cancel_of_an_unknown_or_failed_payment_is_refused(sim: Driver) -> None:
    assert (await sim.cancel("nobody's")).status_code == 404
    signature = await sim.paid(scenario="declined")
    await sim.confirm(signature)
    assert (await sim.cancel(signature)).status_code == 400


async def figure(sim: Driver) -> int:
    answer = await sim.http.get("/api/settlement")
    assert answer.status_code == 200
    result = answer.json()["result"]
    assert set(result) == {"amount", "updatedAt"}
    return int(result["amount"])


async def test_the_settlement_figure_is_renewed_every_thirty_minutes_only(sim: Driver) -> None:
    await sim.confirm(await sim.paid("a", total=10_000))
    cancelled = await sim.paid("b", total=5_000)
    await sim.confirm(cancelled)
    assert await figure(sim) == 0
    await sim.advance(1_800)
    assert await figure(sim) == 15_000
    await sim.cancel(cancelled)
    await sim.advance(300)
    assert (await sim.truth("b"))["refunded"] == 5_000
    assert await figure(sim) == 15_000
    await sim.advance(1_500)
    assert await figure(sim) == 10_000


async def test_refresh_gives_a_new_secret_and_kills_the_old_one_at_once(sim: Driver) -> None:
    old = sim.simulator.gateways["point3"]["secret"]
    answer = await sim.http.post("/api/token/refresh")
    secret = answer.json()["result"]["secret"]
    assert secret != old
    assert sim.simulator.gateways["point3"]["secret"] == secret
    assert (await sim.http.get("/api/settlement")).status_code == 401
    assert (await sim.http.post("/api/token/refresh")).status_code == 401
    sim.use_secret(secret)
    assert (await sim.http.get("/api/settlement")).status_code == 200


async def test_of_ten_concurrent_refreshes_with_one_secret_one_succeeds(sim: Driver) -> None:
    answers = await asyncio.gather(*(sim.http.post("/api/token/refresh") for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 9


@pytest.fixture
async def fast() -> AsyncIterator[Driver]:
    """A simulator whose five minutes last 0.1 s, and whose thirty minutes 0.6 s."""
    simulator = Simulator(SimulatorSettings(time_scale=3_000))
    await simulator.start()
    async with Driver(simulator) as driver:
        yield driver
    await simulator.stop()


async def test_the_time_scale_shortens_the_batch(fast: Driver) -> None:
    signature = await fast.paid()
    await fast.confirm(signature)
    await fast.cancel(signature)
    await asyncio.sleep(0.12)
    assert (await fast.truth())["status"] == "CANCELLED"


async def test_the_time_scale_does_not_scale_what_the_tester_skips(fast: Driver) -> None:
    await fast.confirm(await fast.paid())
    await fast.advance(0.6)
    assert await figure(fast) == 12_000
