"""Operators are told by mail: once for each step of an endpoint and each cause of a payment, whoever looks, and however long the
mail server is away."""

import asyncio
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.domain import ids
from app.domain.attention import Attention
from app.domain.schedule import ALARMS_EVERY_S, ALARMS_GATHERED_S, DOWN_AFTER, FAILING_FOR, MAIL_TRIED_FOR
from app.jobs.worker import Worker
from app.metrics import REGISTRY
from app.services import Services, build_services
from app.settings import AlarmSettings, Settings
from tests.flows.alarms.conftest import TO
from tests.flows.notifications.house import change, endpoint, paid
from tests.support import MovableClock, Shop
from tests.support.mail_server import MailServer
from tests.support.receiver import Receiver

DAY = 86_400
LOOK_S = max(ALARMS_EVERY_S, ALARMS_GATHERED_S)


async def pass_time(parts: Services, clock: MovableClock, seconds: float, step_s: float = LOOK_S) -> None:
    for _ in range(round(seconds / step_s)):
        clock.advance(step_s)
        await Worker(parts).sweep()


async def calls(parts: Services, payment: dict[str, Any], attention: Attention | None) -> None:
    """The payment calls a person for this cause, or nobody any more."""
    payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
    sql = "UPDATE payments SET attention = $2 WHERE id = $1"
    assert await parts.database.changed(sql, payment_id, attention) == 1


def mails(outcome: str) -> float:
    return REGISTRY.get_sample_value("onetill_alarm_mails_total", {"outcome": outcome}) or 0


async def test_each_step_of_an_endpoint_is_mailed_once(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, mail_server: MailServer
) -> None:
    made = await endpoint(shop, receiver.url, description="the warehouse; Bcc: nobody@shop.example")
    receiver.status = 503
    payment, *_ = [await paid(shop) for _ in range(DOWN_AFTER)]
    await pass_time(parts, clock, FAILING_FOR.total_seconds() + DAY / 2, 3600)
    host = urlsplit(receiver.url).netloc
    assert mail_server.subjects == [
        *(f"Onetill: endpoint {host} takes nothing ({percent} % of 11 days)" for percent in (50, 70, 90)),
        f"Onetill: endpoint {host} is paused: it took nothing for 11 days",
    ]
    assert [each.rcpt_tos for each in mail_server.envelopes] == [TO] * 4
    mail = mail_server.mails[-1]
    assert (mail["From"], mail["To"], mail["Auto-Submitted"]) == (
        "onetill@shop.example",
        ", ".join(TO),
        "auto-generated",
    )
    assert mail["Bcc"] is None
    text = mail_server.texts[-1]
    for told in (
        made["id"],
        host,
        "the warehouse; Bcc: nobody@shop.example",
        "503 said 503",
        f"Waiting: {DOWN_AFTER} events",
        "store main",
    ):
        assert told in text
    assert f"    onetill notifications resume {made['id']} --store main\n" in text
    assert payment["id"] not in text
    receiver.status = 204
    await change(shop, made, paused=False)
    await pass_time(parts, clock, DAY, 3600)
    assert (len(receiver.taken), len(mail_server.subjects)) == (DOWN_AFTER, 4)


async def test_one_that_is_gone_is_told_at_once_and_again_when_it_is_gone_again(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, mail_server: MailServer
) -> None:
    made = await endpoint(shop, receiver.url)
    receiver.status = 410
    await paid(shop)
    for times in (1, 2):
        await pass_time(parts, clock, 4 * LOOK_S)
        assert [each.split(": ")[-1] for each in mail_server.subjects] == ["it says that it is gone (410)"] * times
        await change(shop, made, paused=False)


async def test_a_person_who_pauses_needs_no_mail(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, mail_server: MailServer
) -> None:
    await change(shop, await endpoint(shop, receiver.url), paused=True)
    await paid(shop)
    await pass_time(parts, clock, 3 * LOOK_S)
    assert mail_server.tried == 0


async def test_payments_that_call_a_person_go_in_one_mail_and_come_again_only_for_another_cause(
    shop: Shop, parts: Services, clock: MovableClock, mail_server: MailServer
) -> None:
    first, second, third = [await paid(shop) for _ in range(3)]
    await calls(parts, first, Attention.UNDECIDED)
    await Worker(parts).sweep()
    await calls(parts, second, Attention.REFUND_BY_HAND)
    await calls(parts, third, Attention.GATEWAY_SILENT)
    clock.advance(ALARMS_EVERY_S)
    await Worker(parts).sweep()
    await calls(parts, third, None)
    assert mail_server.tried == 0, "gathered"
    await pass_time(parts, clock, 6 * LOOK_S)
    assert mail_server.subjects == ["Onetill: 2 alarms"]
    (text,) = mail_server.texts
    assert (first["id"] in text, second["id"] in text, third["id"] in text) == (True, True, False)
    for told in (f"order {first['order_id']}", Attention.UNDECIDED.sentence, f"onetill payments resolve {first['id']}"):
        assert told in text
    assert "@" not in text, "nothing about a buyer"
    await calls(parts, first, Attention.MONEY_NOT_SHOWN)
    await calls(parts, second, None)
    await pass_time(parts, clock, 3 * LOOK_S)
    await calls(parts, second, Attention.REFUND_BY_HAND)
    await pass_time(parts, clock, 3 * LOOK_S)
    assert mail_server.subjects[1:] == [f"Onetill: payment {each['id']} needs a person" for each in (first, second)]


async def test_several_workers_tell_each_alarm_once(
    shop: Shop, parts: Services, settings: Settings, clock: MovableClock, mail_server: MailServer
) -> None:
    payments = [await paid(shop) for _ in range(6)]
    others = [build_services(settings, clock) for _ in range(3)]
    for each in others:
        await each.database.open()
    workers = [Worker(each) for each in (parts, *others)]
    mail_server.hangs_s = 0.05
    for payment in payments:
        await calls(parts, payment, Attention.UNDECIDED)
        clock.advance(ALARMS_EVERY_S)
        await asyncio.gather(*(each.sweep() for each in workers))
    for _ in range(8):
        clock.advance(LOOK_S)
        await asyncio.gather(*(each.sweep() for each in workers))
    told = "".join(mail_server.texts)
    assert [told.count(f"Payment {payment['id']}") for payment in payments] == [1] * 6
    for each in others:
        await each.close()


async def test_a_mail_server_that_is_away_is_tried_again_and_the_mail_comes(
    shop: Shop, parts: Services, clock: MovableClock, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    payment = await paid(shop)
    await calls(parts, payment, Attention.UNDECIDED)
    mail_server.answer = "451 later"
    before, failed = mails("sent"), mails("failed")
    await pass_time(parts, clock, DAY, 1800)
    assert 20 < mail_server.tried < 40
    assert (mails("sent") - before, mails("failed") - failed) == (0, mail_server.tried)
    said = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
    assert [each["reason"] for each in said if each["event"] == "alarms_not_mailed"] == [
        "DataError (451)"
    ] * mail_server.tried
    gauges = await parts.gauges()
    assert gauges["onetill_alarms_unmailed"][1] == 1
    assert gauges["onetill_oldest_unmailed_alarm_seconds"][1] > DAY / 2
    mail_server.answer = None
    await pass_time(parts, clock, 4 * 3600, 1800)
    assert mail_server.subjects == [f"Onetill: payment {payment['id']} needs a person"]
    assert (await parts.gauges())["onetill_alarms_unmailed"][1] == 0
    assert mails("sent") - before == 1


async def test_one_that_stays_away_is_given_up_and_that_is_seen(
    shop: Shop, parts: Services, clock: MovableClock, mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    await calls(parts, await paid(shop), Attention.UNDECIDED)
    mail_server.answer = "554 never"
    before = mails("given_up")
    await pass_time(parts, clock, MAIL_TRIED_FOR.total_seconds() + DAY, 3600)
    tried = mail_server.tried
    await pass_time(parts, clock, DAY, 3600)
    assert mail_server.tried == tried > 60
    assert mails("given_up") - before == 1
    assert [each for each in caplog.records if isinstance(each.msg, dict) and each.msg["event"] == "alarms_given_up"]
    assert (await parts.gauges())["onetill_alarms_unmailed"][1] == 1


async def test_what_ended_while_the_server_was_away_is_told_to_nobody(
    shop: Shop, parts: Services, clock: MovableClock, mail_server: MailServer
) -> None:
    payment = await paid(shop)
    await calls(parts, payment, Attention.UNDECIDED)
    mail_server.answer = "451 later"
    await pass_time(parts, clock, 4 * LOOK_S)
    assert mail_server.tried
    await calls(parts, payment, None)
    mail_server.answer = None
    await pass_time(parts, clock, DAY, 3600)
    assert mail_server.subjects == []
    assert await parts.database.rows("SELECT * FROM alarms") == []


async def test_a_mail_server_that_hangs_delays_no_notification(
    shop: Shop, parts: Services, receiver: Receiver, clock: MovableClock, mail_server: MailServer
) -> None:
    await endpoint(shop, receiver.url)
    await calls(parts, await paid(shop), Attention.UNDECIDED)
    await Worker(parts).sweep()
    mail_server.hangs_s = 3
    clock.advance(LOOK_S)
    mailing = asyncio.create_task(Worker(parts).sweep())
    while not mail_server.tried:  # noqa: ASYNC110  the server is in another thread
        await asyncio.sleep(0.01)
    began = time.monotonic()
    for number in range(2, 6):
        await paid(shop)
        kinds = {each.name: each for each in parts.due_work}
        await parts.pumps[0].run()
        now, rows = clock(), kinds["notifications"].rows
        (due,) = await rows.claim(await rows.due(now, 10), now, now + timedelta(seconds=16))
        await kinds["notifications"].carry_out(due)
        assert len(receiver.taken) == number
    assert not mailing.done()
    assert time.monotonic() - began < 3
    await mailing
    assert len(mail_server.mails) == 1


async def test_without_addresses_nothing_is_raised(
    shop: Shop, settings: Settings, clock: MovableClock, mail_server: MailServer
) -> None:
    silent = build_services(settings.model_copy(update={"alarms": AlarmSettings()}), clock)
    await silent.database.open()
    await calls(silent, await paid(shop), Attention.UNDECIDED)
    await pass_time(silent, clock, 3 * LOOK_S)
    assert await silent.database.rows("SELECT * FROM alarms") == []
    assert (await silent.gauges())["onetill_alarms_unmailed"][1] == 0
    assert mail_server.tried == 0
    await silent.close()


async def test_in_korean(
    shop: Shop, settings: Settings, receiver: Receiver, clock: MovableClock, mail_server: MailServer
) -> None:
    korean = AlarmSettings(mail_to=TO, language="ko")
    parts = build_services(settings.model_copy(update={"alarms": korean}), clock)
    await parts.database.open()
    payment = await paid(shop)
    await calls(parts, payment, Attention.UNDECIDED)
    await pass_time(parts, clock, 3 * LOOK_S)
    assert mail_server.subjects == [f"Onetill: 결제 {payment['id']}에 담당자 확인이 필요합니다"]
    assert "한 시간이 넘도록 결제사가 결제 결과를 알려 주지 않습니다 (undecided)" in mail_server.texts[0]
    await parts.close()


async def test_a_cause_that_changed_before_its_mail_is_told_once_as_it_is_then(
    shop: Shop, parts: Services, clock: MovableClock, mail_server: MailServer
) -> None:
    payment = await paid(shop)
    await calls(parts, payment, Attention.UNDECIDED)
    await Worker(parts).sweep()
    await calls(parts, payment, Attention.MONEY_NOT_SHOWN)
    await pass_time(parts, clock, 4 * LOOK_S)
    (text,) = mail_server.texts
    assert (Attention.MONEY_NOT_SHOWN.sentence in text, Attention.UNDECIDED.sentence in text) == (True, False)
