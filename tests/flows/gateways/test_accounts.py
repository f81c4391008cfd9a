"""An attempt belongs to the gateway account that opened it: another one's "I know nothing of it" decides nothing."""

from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.domain import ids
from app.domain.attention import Attention
from app.domain.errors import ResolutionRefused
from app.gateways.registry import MANIFESTS
from app.resolution.decisions import Action
from app.settings import Settings
from tests.flows.gateways.orders import BY_NAME, FOUR, Kind
from tests.flows.gateways.test_silence import HOURS, sweep, with_settings
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import Urls

every_gateway = pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
IDENTITY = [(manifest.name, setting) for manifest in MANIFESTS for setting in manifest.identity]
OTHER = {"client_business_num": "9876543210", "user_code": "imp99999999"}
"""Other values where not any text will do."""


def another_account(settings: Settings, gateway: str, setting: str) -> dict[str, Any]:
    """The settings with one of those changed that say which account it is."""
    account = getattr(settings, gateway)
    value = getattr(account, setting)
    kind = type(value) if not isinstance(value, str) else str
    return {gateway: account.model_copy(update={setting: kind(OTHER.get(setting, "of-another-account"))})}


@pytest.mark.parametrize(("gateway", "setting"), IDENTITY)
async def test_an_attempt_of_another_account_calls_a_person_and_is_never_absent(
    shop: Shop, settings: Settings, database: Database, clock: MovableClock, gateway: str, setting: str
) -> None:
    payment = await shop.create(**BY_NAME[gateway].order)
    calls = len(await shop.sim("GET", f"/_sim/calls?gateway={gateway}"))
    async with with_settings(settings, clock, **another_account(settings, gateway, setting)) as services:
        await sweep(services, clock, *HOURS, 86_400)
        stored = await shop.get(payment)
        assert (stored["attention_code"], stored["attempts"][0]["status"]) == (Attention.ACCOUNT_CHANGED, "pending")
        assert stored["status"] == "open", "nobody knows whether it was paid"
        assert len(await shop.sim("GET", f"/_sim/calls?gateway={gateway}")) == calls, "the other account is not asked"
        again = await services.payments.get((await database.row("SELECT id FROM payments"))["id"], None)  # type: ignore[index]
        assert again.attempts[0].unanswered_since is not None
    async with with_settings(settings, clock) as services:
        await sweep(services, clock, 86_400)
    stored = await shop.get(payment)
    assert (stored["status"], stored["needs_attention"]) == ("expired", False), "its own account says so"


@every_gateway
async def test_secrets_that_are_rotated_make_no_other_account(shop: Shop, settings: Settings, kind: Kind) -> None:
    manifest = next(each for each in MANIFESTS if each.name == kind.name)
    account = getattr(settings, kind.name)
    first = manifest.account_of(account)
    for name in manifest.fields():
        if name not in manifest.identity:
            changed = account.model_copy(update={name: "another"})
            assert manifest.account_of(changed) == first, name
    secrets = [each.get_secret_value() for each in vars(account).values() if hasattr(each, "get_secret_value")]
    assert secrets
    assert not any(secret in first for secret in secrets)


async def test_a_refund_is_never_asked_of_another_account(shop: Shop, settings: Settings, clock: MovableClock) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    await shop.scenario("error_500", "portone_v2", call="cancel")
    answer = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "returned"}, headers=key())
    assert answer.status_code == 202, answer.text
    calls = len(await shop.sim("GET", "/_sim/calls?gateway=portone_v2"))
    async with with_settings(settings, clock, **another_account(settings, "portone_v2", "store_id")) as services:
        await sweep(services, clock, *HOURS)
    assert len(await shop.sim("GET", "/_sim/calls?gateway=portone_v2")) == calls
    assert (await shop.get(payment))["attention_code"] == Attention.ACCOUNT_CHANGED
    async with with_settings(settings, clock) as services:
        await sweep(services, clock, 86_400)
    assert (await shop.get(payment))["status"] == "refunded"


async def test_another_account_calls_a_person_at_the_first_look(
    shop: Shop, settings: Settings, clock: MovableClock
) -> None:
    """It is no silence that may pass: nobody will ever be asked, until the settings name the account again."""
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    async with with_settings(settings, clock, **another_account(settings, "portone_v2", "store_id")) as services:
        await sweep(services, clock, 61)
    assert (await shop.get(payment))["attention_code"] == Attention.ACCOUNT_CHANGED


async def test_an_attempt_that_an_older_release_opened_is_looked_up_as_before(
    shop: Shop, settings: Settings, urls: Urls, clock: MovableClock
) -> None:
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    owner = await asyncpg.connect(urls.owner)
    await owner.execute("UPDATE attempts SET account = NULL")
    await owner.close()
    await shop.buyer_pays(payment, "lost_webhook")
    async with with_settings(settings, clock) as services:
        await sweep(services, clock, 61)
    assert (await shop.get(payment))["status"] == "paid"


@pytest.mark.parametrize("how", ["silent", "removed", "another account"])
async def test_a_person_ends_what_nobody_can_ask_about(
    shop: Shop, settings: Settings, clock: MovableClock, how: str
) -> None:
    """On the person's word: another account is not asked, so it can neither show money nor say that there is none."""
    payment = await shop.create(**BY_NAME["portone_v2"].order)
    await shop.buyer_pays(payment, "lost_webhook")
    await shop.scenario("error_500", "portone_v2", call="lookup", times=-1)
    changes: dict[str, Any] = {
        "silent": {},
        "removed": {"portone_v2": None},
        "another account": another_account(settings, "portone_v2", "store_id"),
    }[how]
    async with with_settings(settings, clock, **changes) as services:
        await sweep(services, clock, *HOURS)
        stored = await shop.get(payment)
        assert stored["attention_code"] in {"gateway_silent", "gateway_missing", "account_changed"}
        payment_id = ids.payment_of_reference(payment["attempts"][0]["reference"])
        assert payment_id is not None
        with pytest.raises(ResolutionRefused):
            await services.resolutions.resolve(payment_id, None, Action.ACCEPT, "the buyer says so")
        await services.resolutions.resolve(payment_id, None, Action.CLOSE, "seen in the console: nothing came")
    if how == "another account":
        lookups = await shop.sim("GET", "/_sim/calls?gateway=portone_v2")
        assert not [call for call in lookups if call["call"] == "lookup"], "the wrong account is not asked"
    stored = await shop.get(payment)
    assert (stored["status"], stored["attempts"][0]["status"]) == ("canceled", "canceled")
    assert not stored["needs_attention"]
    again = {"gateway": "point3", "order_id": payment["order_id"]}
    assert (await shop.client.post("/payments", json=order(**again), headers=key())).status_code == 201
