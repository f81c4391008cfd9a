"""`onetill webhooks listen`: what happens reaches a shop on the developer's machine, signed, and again until it is taken."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from onetill_client import Onetill

from app.notifications.signing import new_secret
from app.paths import ROOT
from simulator.server import Simulator
from tests.clients.test_python import buyer_pays, create
from tests.support.receiver import Received, Receiver, receiving

PATIENCE_S = 90.0


@asynccontextmanager
async def listening(url: str, key: str, *options: str) -> AsyncIterator[Process]:
    """The command, as a developer starts it."""
    command = ["-m", "app.cli", "webhooks", "listen", "--api", url, "--key", key, *options]
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line(process: Process) -> str:
    assert process.stdout
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode()


async def pays(url: str, key: str, simulator: Simulator, number: str) -> str:
    def pay() -> str:
        with Onetill(url, key) as shop:
            payment_id = create(shop, number=number)
            return shop.complete_payment(**{"payment_id": payment_id, **buyer_pays(shop, simulator, payment_id)})["id"]

    return await asyncio.to_thread(pay)


async def in_the_feed(url: str, key: str, payment_id: str) -> None:
    def wait() -> None:
        with Onetill(url, key) as shop:
            while not shop.list_events(payment_id=payment_id)["data"]:
                pass

    await asyncio.wait_for(asyncio.to_thread(wait), PATIENCE_S)


async def test_what_happens_from_now_on_comes_signed_and_again_until_it_is_taken(
    url: str, key: str, simulator: Simulator
) -> None:
    before = await pays(url, key, simulator, "1")
    await in_the_feed(url, key, before)
    secret = new_secret()
    async with receiving() as shop, listening(url, key, "--forward-to", shop.url, "--secret", secret) as process:
        assert secret not in await line(process), "whoever gave it knows it"
        shop.answer = lambda received: 500 if len(shop.got) == 1 else 204
        payment_id = await pays(url, key, simulator, "2")
        assert ": 500, " in (first := await line(process))
        assert first.rstrip().endswith("again in 1 s")
        assert ": 204, " in await line(process)
        assert [each.event["payment_id"] for each in shop.got] == [payment_id] * 2
        first_try, second_try = shop.got
        assert first_try.body == second_try.body
        assert first_try.headers["webhook-id"] == second_try.headers["webhook-id"] == first_try.event["id"]
        assert first_try.is_signed_with(secret)
        assert not first_try.is_signed_with(new_secret())


async def test_it_begins_where_it_is_told_and_sends_what_a_webhook_would(
    url: str, key: str, simulator: Simulator, receiver: Receiver
) -> None:
    def endpoint() -> None:
        with Onetill(url, key) as client:
            client.create_notification_endpoint(url=receiver.url)

    both = asyncio.Event()

    def takes(_: Received) -> int:
        if len(receiver.got) == 2:
            both.set()
        return 204

    receiver.answer = takes
    await asyncio.to_thread(endpoint)
    first, second = [await pays(url, key, simulator, number) for number in "12"]
    async with receiving() as shop, listening(url, key, "--forward-to", shop.url, "--after", "0") as process:
        secret = (await line(process)).split()[-1]
        assert "Events after 0" in await line(process)
        for _ in range(2):
            assert "payment.paid" in await line(process)
        assert [each.event["payment_id"] for each in shop.taken] == [first, second]
        assert all(each.is_signed_with(secret) for each in shop.taken)
        await asyncio.wait_for(both.wait(), PATIENCE_S)
        assert {each.body for each in shop.taken} == {each.body for each in receiver.got}


@pytest.mark.parametrize(
    ("options", "says"),
    [(["--key", "sk_test_wrong"], "unauthorized: "), (["--secret", "whsec_none!"], "whsec_ and base64")],
)
async def test_what_cannot_work_is_said_at_once(url: str, key: str, options: list[str], says: str) -> None:
    async with listening(url, key, "--forward-to", "http://127.0.0.1:9/", *options) as process:
        _, said = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == 2
        assert says in " ".join(said.decode().split())
        assert "Traceback" not in said.decode()
