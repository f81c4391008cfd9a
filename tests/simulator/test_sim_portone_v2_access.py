from collections.abc import AsyncIterator

import httpx
import pytest

from simulator.portone_v2.access import PortOneV2Account
from simulator.server import Simulator, SimulatorSettings

from .driver import Driver
from .portone_v2_driver import V2Driver


@pytest.fixture
async def v2(sim: Driver) -> AsyncIterator[V2Driver]:
    async with V2Driver(sim.simulator) as driver:
        yield driver


async def with_header(v2: V2Driver, authorization: str | None) -> httpx.Response:
    v2.http.headers.pop("Authorization")
    return await v2.http.get("/payments", headers={"Authorization": authorization} if authorization else {})


async def log_in(v2: V2Driver) -> dict[str, str]:
    answer = await v2.http.post("/login/api-secret", json={"apiSecret": v2.account["api_secret"]})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    "authorization",
    [None, "PortOne", "PortOne wrong", "PortOne  sim_portone_v2_api_secret", "Basic sim_portone_v2_api_secret",
     "Bearer sim_portone_v2_api_secret", "sim_portone_v2_api_secret", "PortOne \xe9"],
)  # fmt: skip
async def test_any_other_authorization_is_401(v2: V2Driver, authorization: str | None) -> None:
    v2.http.headers.pop("Authorization")
    headers = {b"Authorization": authorization.encode("latin-1")} if authorization else {}
    answer = await v2.http.get("/payments", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (401, "UNAUTHORIZED")


async def test_the_secret_buys_an_access_token_for_half_an_hour(v2: V2Driver) -> None:
    token = (await log_in(v2))["accessToken"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await v2.http.get("/payments", headers=bearer)).status_code == 200
    await v2.advance(30 * 60 - 5)
    assert (await v2.http.get("/payments", headers=bearer)).status_code == 200
    await v2.advance(5)
    assert (await v2.http.get("/payments", headers=bearer)).status_code == 401


async def test_a_refresh_gives_new_tokens_and_kills_the_old_refresh_token(v2: V2Driver) -> None:
    first = await log_in(v2)
    answer = await v2.http.post("/token/refresh", json={"refreshToken": first["refreshToken"]})
    second = answer.json()
    assert (await with_header(v2, f"Bearer {second['accessToken']}")).status_code == 200
    again = await v2.http.post("/token/refresh", json={"refreshToken": first["refreshToken"]})
    assert (again.status_code, again.json()["type"]) == (401, "UNAUTHORIZED")


async def test_a_login_kills_the_refresh_token_of_the_one_before_but_not_its_access_token(v2: V2Driver) -> None:
    first = await log_in(v2)
    await log_in(v2)
    assert (await v2.http.post("/token/refresh", json={"refreshToken": first["refreshToken"]})).status_code == 401
    assert (await with_header(v2, f"Bearer {first['accessToken']}")).status_code == 200


async def test_a_refresh_token_lives_a_day(v2: V2Driver) -> None:
    first = await log_in(v2)
    await v2.advance(24 * 3600)
    assert (await v2.http.post("/token/refresh", json={"refreshToken": first["refreshToken"]})).status_code == 401


@pytest.mark.parametrize("path", ["/login/api-secret", "/token/refresh"])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"apiSecret": 1, "refreshToken": null}'])
async def test_a_wrong_body_is_400(v2: V2Driver, path: str, body: bytes) -> None:
    answer = await v2.http.post(path, content=body)
    assert (answer.status_code, answer.json()["type"]) == (400, "INVALID_REQUEST")


async def test_wrong_credentials_are_401(v2: V2Driver) -> None:
    assert (await v2.http.post("/login/api-secret", json={"apiSecret": "wrong"})).status_code == 401
    assert (await v2.http.post("/token/refresh", json={"refreshToken": "wrong"})).status_code == 401


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/payments/x/cancel", 405)])
async def test_unknown_paths_and_methods_are_json(v2: V2Driver, method: str, path: str, status: int) -> None:
    answer = await v2.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["message"]


async def test_the_connection_names_everything_that_a_merchant_needs(v2: V2Driver) -> None:
    keys = {"base_url", "api_secret", "store_id", "channel_key", "webhook_secret", "script_url"}
    assert set(v2.account) == keys
    assert v2.account["script_url"] == f"{v2.account['base_url']}/v2/browser-sdk.js"


async def test_reset_forgets_payments_tokens_and_keys(v2: V2Driver) -> None:
    token = (await log_in(v2))["accessToken"]
    await v2.paid()
    await v2.plan("error_500", times=-1)
    assert (await v2.admin.post("/_sim/reset")).status_code == 200
    assert (await v2.look()).status_code == 404
    assert await v2.journal() == []
    assert (await with_header(v2, f"Bearer {token}")).status_code == 401


async def test_a_paymentwall_channel_asks_who_the_customer_is() -> None:
    simulator = Simulator(SimulatorSettings(accounts={"portone_v2": PortOneV2Account(pg_provider="PAYMENTWALL")}))
    await simulator.start()
    async with V2Driver(simulator) as v2:
        answer = await v2.open(customer={"customerId": "c1"})
        assert (answer.status_code, answer.json()["code"]) == (400, "BadRequest")
        assert (await v2.open(customer={"customerId": "c1", "email": "a@b.example"})).status_code == 200
        assert (await v2.shown())["customer"]["email"] == "a@b.example"
    await simulator.stop()


async def test_the_simulator_stops_quietly_while_something_is_still_to_come() -> None:
    simulator = Simulator()
    await simulator.start()
    async with V2Driver(simulator) as v2:
        await v2.send_webhooks_to("http://127.0.0.1:9/nobody-listens")
        await v2.paid(scenario="late_approval")
        await v2.paid("order2", "pay_pending")
        await v2.paid("order3", "reordered_webhooks")
    await simulator.stop()
    await simulator.stop()
