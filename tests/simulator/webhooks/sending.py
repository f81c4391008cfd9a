"""What the tests of the shared sender wait for and read."""

import asyncio
import inspect
from collections.abc import Callable

from simulator.webhooks import Webhook, WebhookSender
from tests.simulator.unifi_pay_driver import Receiver

Make = Callable[..., Webhook]
RETRIES_S = (3, 30, 600)
TICK_S = 0.15
"""Real time in which anything that is due has gone out."""


def tasks_of(sender: WebhookSender) -> list[asyncio.Task[object]]:
    """This sender's: another test's, in the same loop, may still be at work."""

    def is_its_own(work: object) -> bool:
        return inspect.iscoroutine(work) and inspect.getcoroutinelocals(work).get("self") is sender

    return [task for task in asyncio.all_tasks() if is_its_own(task.get_coro())]


async def until_idle(sender: WebhookSender, within_s: float = 5) -> None:
    async with asyncio.timeout(within_s):
        while tasks := tasks_of(sender):
            await asyncio.wait(tasks)


def bodies(receiver: Receiver) -> str:
    return "".join(heard.body.decode() for heard in receiver.heard)


def statuses(sender: WebhookSender, row: int = 0) -> list[int | None]:
    return [each["status"] for each in sender.rows()[row]["tries"]]
