"""The gateway fails while a payment is being opened: the payment stays, and the same key goes on where it stopped."""

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.db.database import Database
from app.ports import free_ports
from app.settings import Settings
from tests.api.checks import problem, row_counts
from tests.api.running import running, with_point3
from tests.support import MovableClock, Shop, key, order


async def _stored(client: httpx.AsyncClient, failed: dict[str, Any]) -> dict[str, Any]:
    answer = await client.get(f"/payments/{failed['payment_id']}")
    assert answer.status_code == 200
    return dict(answer.json())


async def test_a_gateway_that_answers_500_fails_the_attempt_and_the_key_opens_it_after_all(
    client: httpx.AsyncClient, shop: Shop, database: Database
) -> None:
    await shop.scenario("error_500", call="token")
    headers, body = key(), order()
    failed = problem(await client.post("/payments", json=body, headers=headers), "gateway_unavailable")
    kept = await _stored(client, failed)
    assert (kept["status"], kept["next_action"]) == ("open", None)
    assert [attempt["status"] for attempt in kept["attempts"]] == ["failed"]
    assert kept["last_failure"]["code"] == "gateway_unavailable"
    again = await client.post("/payments", json=body, headers=headers)
    assert again.status_code == 201, again.text
    assert "idempotency-replayed" not in again.headers
    opened = again.json()
    assert opened["id"] == kept["id"]
    assert [attempt["status"] for attempt in opened["attempts"]] == ["pending"]
    assert opened["attempts"][0]["reference"] == kept["attempts"][0]["reference"]
    assert opened["last_failure"] is None
    assert opened["next_action"]["type"] == "point3_widget"
    assert (await client.post("/payments", json=body, headers=headers)).content == again.content
    assert (await row_counts(database))["payments"] == 1


async def test_a_gateway_that_is_not_there_costs_one_attempt_however_often_it_is_tried(
    client: httpx.AsyncClient, settings: Settings, clock: MovableClock, api_key: str, database: Database
) -> None:
    headers, body = key(), order()
    down = with_point3(settings, base_url=f"http://127.0.0.1:{free_ports()}")
    async with running(down, clock, api_key) as offline:
        first = problem(await offline.post("/payments", json=body, headers=headers), "gateway_unavailable")
        rows = await row_counts(database)
        for _ in range(60):
            again = problem(await offline.post("/payments", json=body, headers=headers), "gateway_unavailable")
            assert first["payment_id"] == again["payment_id"]
        assert await row_counts(database) == rows
    assert (rows["attempts"], rows["outbox"]) == (1, 0), "and nothing that the shop is told"
    answer = await client.post("/payments", json=body, headers=headers)
    assert answer.status_code == 201
    assert [attempt["status"] for attempt in answer.json()["attempts"]] == ["pending"]


async def test_a_gateway_that_refuses_our_secret_says_so_and_the_key_goes_on_once_it_is_mended(
    client: httpx.AsyncClient, settings: Settings, clock: MovableClock, api_key: str
) -> None:
    headers, body = key(), order()
    async with running(with_point3(settings, secret=SecretStr("wrong-secret")), clock, api_key) as misconfigured:
        answer = await misconfigured.post("/payments", json=body, headers=headers)
    refused = problem(answer, "gateway_refused")
    assert refused["raw_code"] == "401"
    assert "wrong-secret" not in answer.text
    assert (await _stored(client, refused))["last_failure"] == {
        "code": "gateway_refused",
        "raw_code": "401",
        "message": None,
    }
    mended = await client.post("/payments", json=body, headers=headers)
    assert mended.status_code == 201
    assert [attempt["status"] for attempt in mended.json()["attempts"]] == ["pending"]


@pytest.mark.parametrize("scenario", ["accept_then_hang", "garbage"])
async def test_a_lost_answer_leaves_the_attempt_unknown_and_the_key_goes_on_with_it(
    shop: Shop, settings: Settings, clock: MovableClock, api_key: str, scenario: str
) -> None:
    headers, body = key(), order()
    async with running(with_point3(settings, timeout_s=0.3), clock, api_key) as client:
        await shop.scenario(scenario, call="token")
        lost = problem(await client.post("/payments", json=body, headers=headers), "gateway_timeout")
        kept = await _stored(client, lost)
        assert kept["status"] == "processing"
        assert [attempt["status"] for attempt in kept["attempts"]] == ["unknown"]
        again = await client.post("/payments", json=body, headers=headers)
        assert again.status_code == 201, again.text
        opened = again.json()
    assert opened["status"] == "open"
    assert [(attempt["id"], attempt["status"]) for attempt in opened["attempts"]] == [
        (kept["attempts"][0]["id"], "pending")
    ]
    paid = await shop.complete(opened, **await shop.buyer_pays(opened))
    assert paid.json()["status"] == "paid"


async def test_a_key_that_never_opened_answers_the_same_once_another_call_has(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.scenario("error_500", call="token")
    headers, body = key(), order()
    failed = problem(await client.post("/payments", json=body, headers=headers), "gateway_unavailable")
    opened = await client.post(f"/payments/{failed['payment_id']}/attempts", json={})
    assert opened.status_code == 201
    once = await client.post("/payments", json=body, headers=headers)
    assert (once.status_code, once.json()["id"]) == (201, failed["payment_id"])
    twice = await client.post("/payments", json=body, headers=headers)
    assert (twice.status_code, twice.content) == (201, once.content), twice.text


async def test_a_body_that_differs_is_refused_also_while_the_first_has_no_answer(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    await shop.scenario("error_500", call="token")
    headers, body = key(), order()
    problem(await client.post("/payments", json=body, headers=headers), "gateway_unavailable")
    problem(await client.post("/payments", json=body | {"amount": 1000}, headers=headers), "idempotency_key_reused")


async def test_a_key_whose_gateway_is_switched_off_for_a_while_goes_on_when_it_is_back(
    client: httpx.AsyncClient, shop: Shop, settings: Settings, clock: MovableClock, api_key: str
) -> None:
    body, headers = order(), key()
    await shop.scenario("error_500", call="token")
    stopped = problem(await client.post("/payments", json=body, headers=headers), "gateway_unavailable")
    async with running(settings.model_copy(update={"point3": None}), clock, api_key) as without:
        problem(await without.post("/payments", json=body, headers=headers), "invalid_request")
    again = await client.post("/payments", json=body, headers=headers)
    assert (again.status_code, again.json().get("id")) == (201, stopped["payment_id"]), "the refusal kept no lease"
