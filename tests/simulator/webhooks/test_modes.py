"""The sender's modes, and that nothing is left behind at the end."""

import asyncio

import aiohttp
import pytest

from simulator.clock import SimClock
from simulator.webhooks import DELAY_S, MODES, REORDER_WITHIN_S, WebhookSender
from tests.simulator.unifi_pay_driver import Receiver
from tests.simulator.webhooks.sending import TICK_S, Make, bodies, statuses, tasks_of, until_idle

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
