"""The shared sender of webhooks: one webhook, and its repeats by the clock."""

import asyncio
import gc
from datetime import datetime, timedelta

import pytest

from simulator.clock import SimClock
from simulator.webhooks import WebhookSender
from tests.simulator.unifi_pay_driver import Receiver
from tests.simulator.webhooks.sending import RETRIES_S, Make, statuses, until_idle


async def test_it_is_posted_once_with_its_body_and_the_headers_of_the_try(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    clock.advance(3600)
    before = clock.now()
    sender.send(webhook("hello"))
    (heard,) = await receiver.hears(1)
    assert (heard.path, heard.body, heard.headers["X-Length"]) == ("/callback", b"hello", "5")
    assert before <= datetime.fromisoformat(heard.headers["X-At"]) <= clock.now()
    await until_idle(sender)
    (row,) = sender.rows()
    assert {name: row[name] for name in ("id", "reference", "url", "body")} == {
        "id": "hello", "reference": "order-hello", "url": receiver.url, "body": "hello",
    }  # fmt: skip
    assert row["tries"] == [{"at": heard.headers["X-At"], "status": 200}]


async def test_a_redirect_is_not_followed_and_counts_as_broken(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda before: 302 if before == 0 else 200
    sender.send(webhook())
    await receiver.hears(1)
    clock.advance(3)
    await receiver.hears(2)
    await until_idle(sender)
    assert statuses(sender) == [302, 200]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/x", "http://[::1", "no address", "ftp://127.0.0.1/x", "http://a..b/"]
)
async def test_an_address_that_does_not_answer_is_a_try_without_a_status(
    sender: WebhookSender, webhook: Make, clock: SimClock, url: str
) -> None:
    sender.send(webhook(url=url))
    clock.advance(10_000)
    await until_idle(sender)
    assert statuses(sender) == [None] * 4


async def test_what_is_broken_can_be_narrowed(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda _: 404
    sender.send(webhook(is_broken_by=lambda status: status >= 500))
    await receiver.hears(1)
    await until_idle(sender)
    assert statuses(sender) == [404]


async def test_a_mistake_in_making_headers_is_not_taken_for_a_dead_receiver(
    sender: WebhookSender, webhook: Make
) -> None:
    problems: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(str(context.get("exception"))))

    def broken(at: datetime, body: bytes) -> dict[str, str]:
        raise ValueError("no secret")

    try:
        sender.send(webhook(headers=broken))
        await until_idle(sender)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert problems == ["no secret"]
    assert statuses(sender) == []


# -- repeats


async def test_repeats_follow_the_clock_one_wait_after_the_other_and_then_end(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda _: 503
    sender.send(webhook())
    await receiver.hears(1)
    for tries, wait_s in enumerate(RETRIES_S, 2):
        clock.advance(wait_s - 1)
        await receiver.hears(tries - 1)
        clock.advance(1)
        await receiver.hears(tries)
    clock.advance(1_000_000)
    await until_idle(sender)
    assert statuses(sender) == [503] * 4
    times = [datetime.fromisoformat(heard.headers["X-At"]) for heard in receiver.heard]
    for wait_s, earlier, later in zip(RETRIES_S, times, times[1:], strict=False):
        assert timedelta(0) <= later - earlier - timedelta(seconds=wait_s) < timedelta(seconds=2)


async def test_repeats_end_with_the_first_success(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda before: 500 if before < 2 else 204
    sender.send(webhook())
    clock.advance(1_000_000)
    await receiver.hears(3)
    await until_idle(sender)
    assert statuses(sender) == [500, 500, 204]


async def test_skipped_time_holds_all_the_repeats_that_would_have_been_in_it(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda _: 500
    sender.send(webhook())
    await receiver.hears(1)
    clock.advance(3 + 30 + 1)
    await receiver.hears(3)


async def test_time_skipped_during_a_try_counts_as_passed_after_it(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda _: 500
    receiver.answering.clear()
    sender.send(webhook())
    await receiver.hears(1)
    clock.advance(3)
    receiver.answering.set()
    await receiver.hears(2)


async def test_a_slow_answer_puts_the_repeat_off_by_as_much(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda _: 500
    receiver.answering.clear()
    sender.send(webhook())
    await receiver.hears(1)
    await asyncio.sleep(0.5)
    failed_s = clock.elapsed_s()
    receiver.answering.set()
    while len(receiver.heard) < 2:
        await asyncio.sleep(0.05)
        clock.advance(0.1)
    assert clock.elapsed_s() - failed_s >= 3


async def test_the_time_scale_shortens_the_waits(receiver: Receiver, webhook: Make) -> None:
    sender = WebhookSender(SimClock(time_scale=100_000), RETRIES_S)
    receiver.status = lambda _: 500
    sender.send(webhook(), "delay")
    await receiver.hears(4)
    await until_idle(sender)


async def test_without_waits_there_are_no_repeats(receiver: Receiver, webhook: Make) -> None:
    clock = SimClock()
    sender = WebhookSender(clock)
    receiver.status = lambda _: 500
    sender.send(webhook())
    clock.advance(1_000_000)
    await receiver.hears(1)
    await until_idle(sender)


async def test_no_answer_is_waited_for_and_others_are_not_kept_back_by_it(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    receiver.answering.clear()
    sender.send(webhook("a"))
    await receiver.hears(1)
    sender.send(webhook("b"))
    await receiver.hears(2)
    assert (statuses(sender, 0), statuses(sender, 1)) == ([], [])
    receiver.answering.set()
    await until_idle(sender)
    assert (statuses(sender, 0), statuses(sender, 1)) == ([200], [200])
