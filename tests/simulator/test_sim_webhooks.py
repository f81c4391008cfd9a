"""The shared sender of webhooks: its modes, its repeats by the clock, and that nothing is left behind."""

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import aiohttp
import pytest

from simulator.clock import SimClock
from simulator.webhooks import DELAY_S, MODES, REORDER_WITHIN_S, Webhook, WebhookSender

from .unifi_pay_driver import Receiver

Make = Callable[..., Webhook]

RETRIES_S = (3, 30, 600)
TICK_S = 0.15
"""Real time in which anything that is due has gone out."""


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


# -- one webhook


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


# -- modes


async def test_lose_sends_nothing_but_shows_that_there_was_a_reason(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    sender.set_mode("lose")
    sender.send(webhook())
    clock.advance(1_000_000)
    await receiver.hears(0)
    assert [row["tries"] for row in sender.rows()] == [[]]
    assert tasks_of(sender) == []


async def test_duplicate_sends_twice_and_shows_one_row_with_both_tries(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    sender.set_mode("duplicate")
    sender.send(webhook())
    await receiver.hears(2)
    await until_idle(sender)
    assert bodies(receiver) == "aa"
    assert len(sender.rows()) == 1
    assert statuses(sender) == [200, 200]


async def test_each_of_two_duplicates_is_repeated_on_its_own(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    receiver.status = lambda before: 500 if before in {0, 1, 2} else 200
    sender.send(webhook(), "duplicate")
    await receiver.hears(2)  # both fail
    clock.advance(3)
    await receiver.hears(4)  # one fails again, one succeeds
    clock.advance(30)
    await receiver.hears(5)
    clock.advance(1_000_000)
    await receiver.hears(5)
    await until_idle(sender)
    assert sorted(statuses(sender), key=str) == [200, 200, 500, 500, 500]


async def test_duplicates_to_a_dead_receiver_have_all_the_tries_of_two(
    sender: WebhookSender, webhook: Make, clock: SimClock
) -> None:
    sender.send(webhook(url="http://127.0.0.1:9/"), "duplicate")
    clock.advance(1_000_000)
    await until_idle(sender)
    assert statuses(sender) == [None] * 8


async def test_delay_waits_by_the_clock(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    sender.set_mode("delay")
    sender.send(webhook())
    clock.advance(DELAY_S - 1)
    await receiver.hears(0)
    clock.advance(1)
    await receiver.hears(1)


async def test_reorder_lets_the_next_one_go_first(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    sender.set_mode("reorder")
    for name in "abc":
        sender.send(webhook(name))
    await receiver.hears(1)
    clock.advance(1)
    await receiver.hears(2)
    assert bodies(receiver) == "ba"
    clock.advance(REORDER_WITHIN_S)
    await receiver.hears(3)
    assert [row["body"] for row in sender.rows()] == ["a", "b", "c"]


async def test_a_webhook_that_no_other_follows_is_not_kept_for_ever(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    sender.send(webhook(), "reorder")
    clock.advance(REORDER_WITHIN_S - 1)
    await receiver.hears(0)
    clock.advance(1)
    await receiver.hears(1)


async def test_another_mode_lets_go_of_what_reorder_held(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    sender.set_mode("reorder")
    sender.send(webhook())
    await receiver.hears(0)
    sender.set_mode("send")
    await receiver.hears(1)


async def test_the_mode_of_one_webhook_goes_before_that_of_all(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    sender.set_mode("lose")
    sender.send(webhook("a"), "send")
    sender.send(webhook("b"))
    sender.set_mode("send")
    sender.send(webhook("c"), "lose")
    sender.send(webhook("d"))
    await receiver.hears(2)
    assert sorted(bodies(receiver)) == ["a", "d"]


async def test_a_later_reason_is_sent_later_in_every_mode(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock
) -> None:
    sender.send(webhook("a"), after_s=60)
    sender.send(webhook("b"), "delay", after_s=60)
    sender.send(webhook("c"), "duplicate", after_s=60)
    sender.send(webhook("d"))
    await receiver.hears(1)
    clock.advance(60)
    await receiver.hears(4)
    clock.advance(DELAY_S)
    await receiver.hears(5)
    assert bodies(receiver)[0] + "".join(sorted(bodies(receiver)[1:4])) + bodies(receiver)[4] == "daccb"


async def test_a_mode_that_nobody_knows_is_refused(sender: WebhookSender, receiver: Receiver, webhook: Make) -> None:
    with pytest.raises(ValueError, match="reorder"):
        sender.set_mode("forge")
    with pytest.raises(ValueError, match="forge"):
        sender.send(webhook(), "forge")
    assert (sender.mode, sender.rows()) == ("send", [])
    assert {"send", "lose", "duplicate", "reorder", "delay"} == set(MODES)


# -- the end


async def test_after_everything_is_sent_no_task_is_left_and_more_can_be_sent(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    for times in range(1, 4):
        sender.send(webhook())
        await receiver.hears(times)
        await until_idle(sender)


async def test_what_comes_while_a_session_closes_is_sent_too(
    sender: WebhookSender, receiver: Receiver, webhook: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    closing = asyncio.Event()
    close = aiohttp.ClientSession.close

    async def close_slowly(session: aiohttp.ClientSession) -> None:
        closing.set()
        await asyncio.sleep(0.1)
        await close(session)

    monkeypatch.setattr(aiohttp.ClientSession, "close", close_slowly)
    sender.send(webhook("a"))
    await asyncio.wait_for(closing.wait(), 2)
    sender.send(webhook("b"))
    await receiver.hears(2)
    await until_idle(sender)


@pytest.mark.parametrize("end", ["reset", "close"])
async def test_reset_and_close_drop_what_is_queued_held_or_under_way(
    sender: WebhookSender, receiver: Receiver, webhook: Make, clock: SimClock, end: str
) -> None:
    receiver.answering.clear()
    receiver.status = lambda _: 500
    sender.set_mode("duplicate")
    sender.send(webhook("a"))
    sender.send(webhook("b"), "delay")
    sender.send(webhook("c"), "reorder")
    sender.send(webhook("d"), after_s=60)
    await receiver.hears(2)
    getattr(sender, end)()
    await until_idle(sender, 0.5)
    receiver.answering.set()
    clock.advance(1_000_000)
    await receiver.hears(2)
    assert (sender.rows(), sender.mode) == ([], "send")


async def test_after_a_reset_it_sends_at_once(sender: WebhookSender, receiver: Receiver, webhook: Make) -> None:
    receiver.answering.clear()
    sender.send(webhook("a"))
    await receiver.hears(1)
    sender.reset()
    receiver.answering.set()
    sender.send(webhook("b"))
    await receiver.hears(2)
    await until_idle(sender)
    assert [(row["body"], [each["status"] for each in row["tries"]]) for row in sender.rows()] == [("b", [200])]


async def test_after_close_nothing_is_sent_but_the_reason_is_shown(
    sender: WebhookSender, receiver: Receiver, webhook: Make
) -> None:
    sender.close()
    for mode in MODES:
        sender.send(webhook(), mode)
    sender.set_mode("send")
    await asyncio.sleep(TICK_S)
    assert receiver.heard == []
    assert [row["tries"] for row in sender.rows()] == [[]] * len(MODES)
    assert tasks_of(sender) == []


async def test_many_go_out_side_by_side(sender: WebhookSender, receiver: Receiver, webhook: Make) -> None:
    for _ in range(300):
        sender.send(webhook())
    await receiver.hears(300)
    await until_idle(sender)
    assert [statuses(sender, row) for row in range(300)] == [[200]] * 300
