"""The token: what buys it, how long it lives, how it is shown."""

from collections.abc import AsyncIterator

import pytest

from simulator.server import Simulator

from .portone_v1_driver import V1Driver, a_driver


@pytest.fixture
async def v1(running: Simulator) -> AsyncIterator[V1Driver]:
    async with a_driver(running) as driver:
        yield driver


async def test_the_keys_buy_a_token_for_thirty_minutes_as_json_and_as_a_form(v1: V1Driver) -> None:
    as_json = await v1.result(v1.http.post("/users/getToken", json=v1.keys))
    as_form = await v1.result(v1.http.post("/users/getToken", data=v1.keys))
    assert set(as_json) == {"access_token", "expired_at", "now"}
    assert 1_795 <= as_json["expired_at"] - as_json["now"] <= 1_800
    assert as_form["access_token"] == as_json["access_token"]


async def test_json_is_read_under_any_content_type(v1: V1Driver) -> None:
    text = '{"imp_key":"sim_imp_key","imp_secret":"sim_imp_secret"}'
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json;charset=UTF-8"):
        headers = {"Content-Type": content_type}
        await v1.result(v1.http.post("/users/getToken", content=text, headers=headers))


@pytest.mark.parametrize(
    "keys", [{}, {"imp_key": "sim_imp_key"}, {"imp_key": "sim_imp_key", "imp_secret": "x"}, {"imp_key": 1}]
)
async def test_wrong_keys_are_401_in_the_envelope(v1: V1Driver, keys: dict[str, object]) -> None:
    assert await v1.refusal(v1.http.post("/users/getToken", json=keys)) == (401, -1)


async def test_a_body_that_is_neither_json_nor_a_form_is_401_too(v1: V1Driver) -> None:
    assert await v1.refusal(v1.http.post("/users/getToken", content="hello")) == (401, -1)


async def test_asked_again_it_is_the_same_token_with_the_same_end(v1: V1Driver) -> None:
    first = await v1.log_in()
    await v1.advance(600)
    again = await v1.log_in()
    assert (again["access_token"], again["expired_at"]) == (first["access_token"], first["expired_at"])
    assert again["now"] - first["now"] >= 600


async def test_in_its_last_minute_it_lives_five_minutes_longer(v1: V1Driver) -> None:
    first = await v1.log_in()
    await v1.advance(29 * 60 + 20)
    again = await v1.log_in()
    assert (again["access_token"], again["expired_at"]) == (first["access_token"], first["expired_at"] + 300)
    await v1.advance(120)
    assert (await v1.prepare()).status_code == 200


async def test_an_expired_token_is_401_and_the_next_one_is_new(v1: V1Driver) -> None:
    first = await v1.log_in()
    await v1.advance(30 * 60)
    assert await v1.refusal(v1.prepare()) == (401, -1)
    assert (await v1.log_in())["access_token"] != first["access_token"]
    assert (await v1.prepare()).status_code == 200


async def test_the_token_is_taken_bare_and_as_bearer(v1: V1Driver) -> None:
    token = (await v1.log_in())["access_token"]
    for header in (token, f"Bearer {token}", f"bearer {token}"):
        answer = await v1.http.get("/payments/status/all", headers={"Authorization": header})
        assert answer.status_code == 200, header


@pytest.mark.parametrize("header", ["", "nothing", "Bearer nothing", "Basic {token}", "{token}x", "Bearer"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/payments/prepare"),
        ("PUT", "/payments/prepare"),
        ("GET", "/payments/prepare/order1"),
        ("POST", "/payments/cancel"),
        ("GET", "/payments"),
        ("GET", "/payments/find/order1"),
        ("GET", "/payments/find/order1/paid"),
        ("GET", "/payments/findAll/order1"),
        ("GET", "/payments/status/all"),
        ("GET", "/payments/imp_1"),
        ("GET", "/payments/imp_1/balance"),
    ],
)
async def test_without_a_right_token_every_call_is_401(v1: V1Driver, method: str, path: str, header: str) -> None:
    token = v1.http.headers["Authorization"]
    headers = {"Authorization": header.format(token=token)}
    assert await v1.refusal(v1.http.request(method, path, headers=headers)) == (401, -1)


async def test_token_expired_answers_401_to_a_fresh_token_which_is_dead_then(v1: V1Driver) -> None:
    first = await v1.log_in()
    await v1.plan("token_expired", call="cancel")
    assert (await v1.prepare()).status_code == 200  # another kind of call
    assert await v1.refusal(v1.cancel("imp_1")) == (401, -1)
    assert await v1.refusal(v1.cancel("imp_1")) == (401, -1)
    assert (await v1.log_in())["access_token"] != first["access_token"]
    assert await v1.refusal(v1.cancel("imp_1")) == (200, 1)
    assert [call["scenario"] for call in await v1.calls("cancel")] == ["token_expired", None, None]


async def test_token_expired_can_wait_for_one_payment(v1: V1Driver) -> None:
    await v1.plan("token_expired", reference="order2")
    assert (await v1.prepare("order1")).status_code == 200
    assert await v1.refusal(v1.prepare("order2")) == (401, -1)
    await v1.log_in()
    assert (await v1.prepare("order2")).status_code == 200


async def test_a_reset_forgets_the_token(v1: V1Driver) -> None:
    await v1.admin.post("/_sim/reset")
    assert await v1.refusal(v1.prepare()) == (401, -1)
