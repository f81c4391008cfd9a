from collections.abc import AsyncIterator

import pytest

from simulator.clock import SimClock
from simulator.webhooks import Webhook, WebhookSender
from tests.simulator.unifi_pay_driver import Receiver
from tests.simulator.webhooks.sending import RETRIES_S, Make, until_idle


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def clock() -> SimClock:
    return SimClock()


@pytest.fixture
async def sender(clock: SimClock) -> AsyncIterator[WebhookSender]:
    sender = WebhookSender(clock, RETRIES_S)
    yield sender
    sender.close()
    await until_idle(sender)


@pytest.fixture
def webhook(receiver: Receiver) -> Make:
    def make(name: str = "a", url: str | None = None, **options: object) -> Webhook:
        fields = {"headers": lambda at, body: {"X-At": at.isoformat(), "X-Length": str(len(body))}} | options
        return Webhook(name, f"order-{name}", url or receiver.url, name.encode(), **fields)  # type: ignore[arg-type]

    return make
