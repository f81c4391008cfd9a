"""A gateway that cannot be asked, for whatever reason: an undecided attempt ends at a person, and is looked at daily (law 4)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.attention import Attention
from app.domain.states import ATTEMPT_UNDECIDED
from app.gateways.portone_v2.manifest import PortOneV2Settings
from app.gateways.values import LookupHint
from app.jobs.worker import Worker
from app.services import Services, build_services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME
from tests.support import MovableClock, Shop, app_of, key, lifespan, order

ORDER = BY_NAME["portone_v2"].order
Json = dict[str, Any]

HOURS = (6, 20, 70, 310, 910, 3700, 3700)
"""Seconds between sweeps, over two hours in all: a person has been called by then."""


@asynccontextmanager
async def with_settings(settings: Settings, clock: MovableClock, **changes: Any) -> AsyncIterator[Services]:
    """The product's services, started again with other settings."""
    services = build_services(settings.model_copy(update=changes), clock)
    await services.database.open()
    yield services
    await services.close()


async def sweep(services: Services, clock: MovableClock, *pauses_s: float) -> None:
    """Let time pass and the worker look."""
    for pause_s in pauses_s:
        clock.advance(pause_s)
        await Worker(services).sweep()


async def pending(shop: Shop) -> Json:
    return await shop.create(expires_in_s=86_400, **ORDER)


async def awaiting_deposit(shop: Shop) -> Json:
    payment = await shop.create(method="VIRTUAL_ACCOUNT", **ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment, "virtual_account"))
    return await shop.get(payment)


async def created(shop: Shop) -> Json:
    """Our process died before it kept the answer to its opening; the test's database says so."""
    return await pending(shop)


async def unknown(shop: Shop) -> Json:
    """Its opening was never answered."""
    await shop.scenario("lost_request", "portone_v2", call="prepare")
    answer = await shop.client.post("/payments", json=order(**ORDER), headers=key())
    return await shop.get({"id": answer.json()["payment_id"]})


UNDECIDED = {"created": created, "pending": pending, "awaiting_deposit": awaiting_deposit, "unknown": unknown}


def wrong_secret(settings: Settings) -> Json:
    account = settings.account(PortOneV2Settings)
    assert account
    return {"portone_v2": account.model_copy(update={"api_secret": type(account.api_secret)("of-yesterday")})}


def removed(_: Settings) -> Json:
    return {"portone_v2": None}


def unchanged(_: Settings) -> Json:
    return {}


assert set(UNDECIDED) == ATTEMPT_UNDECIDED

REASONS = {
    "no answer": (unchanged, Attention.GATEWAY_SILENT),
    "credentials refused": (wrong_secret, Attention.GATEWAY_SILENT),
    "gateway removed": (removed, Attention.GATEWAY_MISSING),
}


@pytest.mark.parametrize("status", UNDECIDED)
@pytest.mark.parametrize("reason", REASONS)
async def test_silence_calls_a_person_whatever_the_status_and_the_reason(
    shop: Shop, settings: Settings, database: Database, clock: MovableClock, status: str, reason: str
) -> None:
    payment = await UNDECIDED[status](shop)
    if status == "created":
        await database.row("UPDATE attempts SET status = 'created', next_action = NULL RETURNING id")
        payment = await shop.get(payment)
    assert payment["attempts"][0]["status"] == status
    changed, cause = REASONS[reason]
    if not changed(settings):
        await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    async with with_settings(settings, clock, **changed(settings)) as services:
        await sweep(services, clock, 61)
        assert not (await shop.get(payment))["needs_attention"], "a minute is no silence"
        await sweep(services, clock, *HOURS)
        stored = await shop.get(payment)
        assert (stored["attention_code"], stored["attempts"][0]["status"]) == (cause, status)
        before = len(await shop.events(payment))
        await sweep(services, clock, *[3700] * 24, *[86_400] * 3)
        stored = await shop.get(payment)
        assert stored["needs_attention"]
        assert len(await shop.events(payment)) == before, "a person is called once"
        row = await database.row("SELECT next_check_at FROM attempts")
        assert row is not None
        assert row["next_check_at"] <= clock() + timedelta(days=1), "it is still looked at"


async def test_an_answer_ends_the_call(shop: Shop, parts: Services, clock: MovableClock) -> None:
    payment = await pending(shop)
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    await sweep(parts, clock, *HOURS)
    assert (await shop.get(payment))["attention_code"] == Attention.GATEWAY_SILENT
    await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
    await sweep(parts, clock, 3700)
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("open", False)
    await shop.buyer_pays(payment, "lost_webhook")
    await sweep(parts, clock, 3700)
    assert (await shop.get(payment))["status"] == "paid"


async def test_an_answer_about_one_attempt_ends_no_call_about_anothers_silence(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    payment = await pending(shop)
    further = {"gateway": "portone_v1"}
    answer = await shop.client.post(f"/payments/{payment['id']}/attempts", json=further, headers=key())
    assert answer.status_code == 201, answer.text
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    await sweep(parts, clock, *HOURS)
    stored = await parts.payments.get(ids.read(ids.Prefix.PAYMENT, payment["id"]), None)
    for silent in (True, False):
        if not silent:
            await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
            await parts.payments.verify(stored.id, trigger="sweep", attempt_id=stored.attempts[0].id)
        answered = await parts.payments.verify(stored.id, trigger="sweep", attempt_id=stored.attempts[1].id)
        assert answered.is_answered
        assert answered.payment.attention is (Attention.GATEWAY_SILENT if silent else None)


async def test_silence_is_counted_in_time_and_not_in_looks(shop: Shop, parts: Services, clock: MovableClock) -> None:
    """A shop that asks all the time calls nobody in a minute; one look an hour later does."""
    payment = await pending(shop)
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    for _ in range(12):
        clock.advance(3)
        await shop.sync(payment)
        await Worker(parts).sweep()
    assert not (await shop.get(payment))["needs_attention"]
    await sweep(parts, clock, 3700)
    assert (await shop.get(payment))["attention_code"] == Attention.GATEWAY_SILENT


async def test_money_at_a_gateway_that_was_away_for_weeks_is_found_and_kept(
    shop: Shop, settings: Settings, parts: Services, clock: MovableClock
) -> None:
    payment = await pending(shop)
    await shop.buyer_pays(payment, "lost_webhook")
    async with with_settings(settings, clock, portone_v2=None) as services:
        await sweep(services, clock, *HOURS, *[3700] * 24, *[86_400] * 39)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("open", Attention.GATEWAY_MISSING)
    await sweep(parts, clock, 86_400)
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("paid", False)


@pytest.mark.parametrize("reason", REASONS)
async def test_an_undecided_refund_ends_at_a_person_too(
    shop: Shop, settings: Settings, parts: Services, clock: MovableClock, reason: str
) -> None:
    payment = await shop.create(**ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await shop.scenario("async_cancel", "portone_v2")
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "returned"}, headers=key())
    assert answer.json()["status"] == "pending", answer.text
    changed, cause = REASONS[reason]
    if not changed(settings):
        await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    async with with_settings(settings, clock, **changed(settings)) as services:
        await sweep(services, clock, *HOURS)
        expected = Attention.REFUND_UNANSWERED if cause is Attention.GATEWAY_SILENT else cause
        assert (await shop.get(payment))["attention_code"] == expected
    await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
    await shop.sim("POST", "/_sim/advance", {"seconds": 301})
    await sweep(parts, clock, 86_400)
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("refunded", False)


async def test_the_order_of_a_payment_that_nobody_can_ask_about_is_taken_and_not_broken(
    shop: Shop, settings: Settings, clock: MovableClock, api_key: str
) -> None:
    payment = await pending(shop)
    clock.advance(90_000)
    async with lifespan(app := app_of(settings.model_copy(update={"portone_v2": None}), clock)):
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {api_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
            body = order(gateway="point3", order_id=payment["order_id"])
            answer = await client.post("/payments", json=body, headers=key())
    assert (answer.status_code, answer.json()["payment_id"]) == (409, payment["id"]), answer.text


async def test_a_webhook_that_nobody_could_look_into_is_not_forgotten_with_its_parking(
    shop: Shop, parts: Services, clock: MovableClock
) -> None:
    """Its gateway was away for two days. The attempt is looked at again for a week, not in ninety days."""
    payment = await shop.create(**ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await sweep(parts, clock, *[86_400] * 8)
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    await shop.sim("POST", "/_sim/refund", {"gateway": "portone_v2", "reference": payment["attempts"][0]["reference"]})
    payment_id = ids.payment_of_reference(payment["attempts"][0]["reference"])
    assert payment_id is not None
    stored = await parts.payments.get(payment_id, None)
    hint = LookupHint(reference=stored.attempts[0].reference)
    result = await parts.payments.verify(stored.id, trigger="webhook", webhook=("portone_v2", hint))
    assert not result.is_answered
    await sweep(parts, clock, *[86_400] * 2)
    await shop.scenario("error_500", "portone_v2", call="lookup", times=0)
    await sweep(parts, clock, 86_400, 6)
    assert (await shop.get(payment))["status"] == "refunded"


async def test_money_of_an_ended_attempt_is_found_however_long_its_gateway_was_away(
    shop: Shop, settings: Settings, parts: Services, clock: MovableClock
) -> None:
    """The last of its own looks fell into that time."""
    payment = await shop.create(**ORDER)
    await sweep(parts, clock, 1801)
    assert (await shop.get(payment))["status"] == "expired"
    await shop.buyer_pays(payment, "lost_webhook")
    async with with_settings(settings, clock, portone_v2=None) as services:
        await sweep(services, clock, *HOURS, *[3700] * 24, *[86_400] * 20)
    await sweep(parts, clock, 86_400)
    assert (await shop.get(payment))["status"] == "paid"


async def test_what_was_kept_long_ago_calls_nobody_when_its_gateway_leaves(
    shop: Shop, settings: Settings, database: Database, clock: MovableClock
) -> None:
    """Thousands of paid payments may be at it. They are asked about for a week, and then by their own schedule."""
    payment = await shop.create(**ORDER)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    async with with_settings(settings, clock, portone_v2=None) as services:
        await sweep(services, clock, *HOURS, *[3700] * 30, *[86_400] * 9)
        assert not (await shop.get(payment))["needs_attention"]
        row = await database.row("SELECT next_check_at FROM attempts")
        assert row is not None
        assert row["next_check_at"] > clock() + timedelta(days=10)
        await sweep(services, clock, *[86_400 * 10] * 19)
        row = await database.row("SELECT next_check_at FROM attempts")
        assert row is not None
        assert row["next_check_at"] is None
