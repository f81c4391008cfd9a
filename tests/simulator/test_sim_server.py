import asyncio
import logging
import signal
import socket
import time

import httpx
import pytest

from app.ports import free_ports
from simulator.point3.twin import Point3Account
from simulator.portone_v1.access import PortOneV1Account
from simulator.portone_v2.access import PortOneV2Account
from simulator.server import Simulator, SimulatorSettings
from simulator.unifi_pay.access import UnifiPayAccount
from tests.simulator.driver import IMPATIENT

from .driver import Driver


async def test_each_gateway_answers_at_the_root_of_its_own_port() -> None:
    simulator = Simulator()
    assert simulator.gateways == {}
    await simulator.start()
    point3 = simulator.gateways["point3"]
    assert set(point3) == {"base_url", "secret"}
    assert len({simulator.url, point3["base_url"]}) == 2
    async with Driver(simulator) as driver:
        await driver.confirm(await driver.paid())
    await simulator.stop()
    async with httpx.AsyncClient() as client:
        for url in (simulator.url, point3["base_url"]):
            with pytest.raises(httpx.ConnectError):
                await client.get(url)


async def test_it_listens_where_it_is_told_to() -> None:
    port = free_ports(5)
    simulator = Simulator(SimulatorSettings(host="0.0.0.0", port=port, accounts={"point3": Point3Account("mine")}))  # noqa: S104
    await simulator.start()
    assert simulator.gateways["point3"] == {"base_url": f"http://127.0.0.1:{port + 1}", "secret": "mine"}
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{simulator.url}/healthz")).status_code == 200
    await simulator.stop()


async def test_a_port_in_use_is_an_error_that_names_it_and_leaves_nothing_open() -> None:
    own = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", own + 1))
        taken.listen()
        simulator = Simulator(SimulatorSettings(port=own))
        with pytest.raises(OSError, match=f"127.0.0.1:{own + 1}"):
            await simulator.start()
        await simulator.stop()


async def test_stop_is_quick_and_quiet_while_requests_hang(caplog: pytest.LogCaptureFixture) -> None:
    simulator = Simulator(SimulatorSettings(slow_s=60))
    with caplog.at_level(logging.WARNING):  # a product of an earlier test may have set another
        await simulator.start()
    async with Driver(simulator) as driver:
        hanging = await driver.paid("a", "accept_then_hang"), await driver.paid("b", "slow")
        calls = [asyncio.create_task(driver.confirm(signature)) for signature in hanging]
        await driver.until_captured(2)
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            await simulator.stop()
        assert time.monotonic() - began < 1.5
        assert [answer.status_code for answer in await asyncio.gather(*calls)] == [504, 200]
    assert caplog.records == []


async def test_a_client_that_hangs_up_ends_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    simulator = Simulator()
    with caplog.at_level(logging.WARNING):
        await simulator.start()
        async with Driver(simulator) as driver:
            signature = await driver.paid(scenario="accept_then_hang")
            with pytest.raises(httpx.ReadTimeout):
                await driver.confirm(signature, timeout=IMPATIENT)
        held = [task for task in asyncio.all_tasks() if "run_asgi" in repr(task)]
        await asyncio.wait_for(asyncio.gather(*held), 1)
        await simulator.stop()
    assert caplog.records == []


async def test_the_processs_signals_stay_with_the_process() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    simulator = Simulator()
    await simulator.start()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    await simulator.stop()


async def test_a_seed_makes_runs_alike() -> None:
    tokens = []
    for seed in (7, 7, 8):
        simulator = Simulator(SimulatorSettings(seed=seed))
        await simulator.start()
        async with Driver(simulator) as driver:
            tokens.append(await driver.token())
        await simulator.stop()
    assert tokens[0] == tokens[1] != tokens[2]


async def test_nothing_that_must_be_kept_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        simulator = Simulator()
        await simulator.start()
        async with Driver(simulator) as driver:
            token = await driver.token()
            signature = (await driver.pay())["signature"]
            await driver.confirm(signature)
        await simulator.stop()
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("app", "uvicorn"))]
    for secret in (token, signature, simulator.gateways["point3"]["secret"]):
        assert not any(secret in line for line in ours)


@pytest.mark.parametrize("time_scale", [0, -1, float("nan")])
def test_a_time_scale_that_makes_no_sense_is_refused(time_scale: float) -> None:
    with pytest.raises(ValueError, match="time_scale"):
        Simulator(SimulatorSettings(time_scale=time_scale))


def test_it_knows_the_accounts_that_the_products_variables_tell() -> None:
    variables = {
        "ONETILL_TIME_SCALE": "50",
        "ONETILL_POINT3__SECRET": "mine",
        "onetill_portone_v1__imp_key": "key",
        "ONETILL_PORTONE_V1__IMP_SECRET": "",
        "ONETILL_PORTONE_V2__WEBHOOK_SECRETS": "whsec_bmV3, b2xkIQ,",
        "ONETILL_UNIFI_PAY__SIGN_WITH": "app_id",
        "ONETILL_UNIFI_PAY__BASE_URL": "https://elsewhere.example",
    }
    settings = SimulatorSettings().with_variables(variables).with_webhooks_to("http://shop")
    assert settings.time_scale == 50
    assert settings.accounts == {
        "point3": Point3Account("mine"),
        "portone_v1": PortOneV1Account(imp_key="key", webhook_url="http://shop/webhooks/portone-v1"),
        "portone_v2": PortOneV2Account(
            webhook_secrets=("whsec_bmV3", "b2xkIQ"), webhook_url="http://shop/webhooks/portone-v2"
        ),
        "unifi_pay": UnifiPayAccount(sign_with="app_id"),
    }


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ONETILL_MODE", "live"),
        ("ONETILL_MODE", " LIVE "),
        ("ONETILL_TIME_SCALE", "fast"),
        ("ONETILL_TIME_SCALE", "0"),
        ("ONETILL_PORTONE_V2__WEBHOOK_SECRETS", "whsec_!"),
        ("ONETILL_UNIFI_PAY__SIGN_WITH", "nothing"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(RuntimeError, match=variable) as refused:
        SimulatorSettings().with_variables({variable: value})
    assert "!" not in str(refused.value), "it may be a secret"
