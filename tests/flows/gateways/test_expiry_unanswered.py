"""An attempt has ended, its payment's time is over, and nobody can ask about it: the payment expires all the same.

Its order comes free, and late money is found once somebody can ask again.
"""

from typing import Any

import httpx
import pytest

from app.domain import ids
from app.domain.attention import Attention
from app.resolution.decisions import Action
from app.services import Services
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME, FOUR, Kind
from tests.flows.gateways.test_accounts import IDENTITY, another_account
from tests.flows.gateways.test_silence import HOURS, sweep, with_settings
from tests.flows.webhooks.senders import v2, v2_body
from tests.flows.webhooks.test_inbox import post
from tests.support import MovableClock, Shop, app_of, key, lifespan, order

TIME_OVER_S = 1801.0
SILENCES = ("silent", "removed", "another account")

every_gateway = pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
every_silence = pytest.mark.parametrize("how", SILENCES)


async def declined(shop: Shop, kind: Kind) -> dict[str, Any]:
    """An open payment whose only attempt has ended."""
    payment = await shop.create(**kind.order)
    await shop.complete(payment, **await shop.buyer_pays(payment, "declined"))
    stored = await shop.get(payment)
    assert (stored["status"], stored["attempts"][0]["status"]) == ("open", "failed")
    return payment


async def changes(shop: Shop, settings: Settings, kind: Kind, how: str) -> dict[str, Any]:
    """Make the gateway one that nobody can ask: the settings that this takes."""
    if how == "removed":
        return {kind.name: None}
    if how == "another account":
        return another_account(settings, *next(each for each in IDENTITY if each[0] == kind.name))
    await shop.scenario("error_500", kind.name, call="lookup", times=-1)
    return {}


@every_silence
@every_gateway
async def test_the_payment_expires_and_its_order_comes_free(
    shop: Shop, settings: Settings, clock: MovableClock, kind: Kind, how: str
) -> None:
    payment = await declined(shop, kind)
    async with with_settings(settings, clock, **await changes(shop, settings, kind, how)) as services:
        await sweep(services, clock, TIME_OVER_S)
        assert (await shop.get(payment))["status"] == "open", "a gateway may be away for some minutes"
        await sweep(services, clock, *HOURS)
        stored = await shop.get(payment)
        assert (stored["status"], stored["attention_code"]) == ("expired", None)
        assert (await shop.events(payment))[-1]["reason"] == "expired"
        (attempt,) = (await services.payments.get(ids.read(ids.Prefix.PAYMENT, payment["id"]), None)).attempts
        assert attempt.unanswered_since is not None
        assert attempt.next_check_at is not None, "it is asked about until there is an answer"
    other = next(each for each in FOUR if each.name != kind.name)
    again = await shop.client.post("/payments", json=order(**other.order, order_id=payment["order_id"]), headers=key())
    assert again.status_code == 201, again.text


@every_silence
async def test_it_does_not_while_another_attempt_may_bring_money(
    shop: Shop, settings: Settings, clock: MovableClock, how: str
) -> None:
    """The second is undecided at a gateway that does not answer either, and may be paid."""
    kind = BY_NAME["portone_v2"]
    payment = await declined(shop, kind)
    body = {"gateway": "point3"}
    answer = await shop.client.post(f"/payments/{payment['id']}/attempts", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    async with with_settings(settings, clock, **await changes(shop, settings, kind, how)) as services:
        await shop.scenario("error_500", "point3", call="lookup", times=-1)
        await sweep(services, clock, TIME_OVER_S, *HOURS)
        assert (await shop.get(payment))["status"] == "open"
        assert (await shop.get(payment))["attention_code"] == Attention.GATEWAY_SILENT
        await shop.scenario("error_500", "point3", call="lookup", times=0)
        await sweep(services, clock, 3700, 3700)
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("expired", None)


@every_silence
async def test_money_that_came_late_is_found_once_somebody_can_ask(
    shop: Shop, settings: Settings, parts: Services, clock: MovableClock, how: str
) -> None:
    kind = BY_NAME["portone_v2"]
    payment = await declined(shop, kind)
    async with with_settings(settings, clock, **await changes(shop, settings, kind, how)) as services:
        await shop.buyer_pays(payment, "lost_webhook")
        await sweep(services, clock, TIME_OVER_S, *HOURS, *[86_400.0] * 20)
    assert (await shop.get(payment))["status"] == "expired"
    await shop.scenario("error_500", kind.name, call="lookup", times=0)
    await sweep(parts, clock, 86_400.0)
    assert (await shop.get(payment))["status"] == "paid"


async def test_while_a_person_is_called_the_person_decides(shop: Shop, settings: Settings, clock: MovableClock) -> None:
    """The gateway has signed that something happened, and then left: it may be money."""
    payment = await declined(shop, BY_NAME["portone_v2"])
    await post(shop, v2(shop.settings, v2_body(payment["attempts"][0]["reference"]), at=clock()))
    async with with_settings(settings, clock, portone_v2=None) as services:
        await sweep(services, clock, *HOURS)
        stored = await shop.get(payment)
        assert (stored["status"], stored["attention_code"]) == ("open", Attention.GATEWAY_MISSING)
        payment_id = ids.read(ids.Prefix.PAYMENT, payment["id"])
        await services.resolutions.resolve(payment_id, None, Action.CLOSE, "seen in its console: nothing came")
    stored = await shop.get(payment)
    assert (stored["status"], stored["attention_code"]) == ("canceled", None)


async def test_the_next_payment_of_the_order_need_not_wait_for_the_sweep(
    shop: Shop, settings: Settings, clock: MovableClock, api_key: str
) -> None:
    payment = await declined(shop, BY_NAME["portone_v2"])
    async with with_settings(settings, clock, portone_v2=None) as services:
        await sweep(services, clock, TIME_OVER_S)
    clock.advance(3700)
    async with lifespan(app := app_of(settings.model_copy(update={"portone_v2": None}), clock)):
        transport = httpx.ASGITransport(app=app)
        headers = {"Authorization": f"Bearer {api_key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver", headers=headers) as client:
            body = order(gateway="point3", order_id=payment["order_id"])
            answer = await client.post("/payments", json=body, headers=key())
    assert answer.status_code == 201, answer.text
    assert (await shop.get(payment))["status"] == "expired"
