"""Who has asked too often: 429 with Retry-After and no row, for every kind of caller; and who never meets a limit."""

import asyncio
import time
from collections import Counter

import pytest

from app.api.security import LANE
from app.api_keys.service import ApiKeyService
from app.db.database import Database
from app.domain import ids
from app.domain.schedule import PACE_S
from app.gateways.portone_v1.manifest import PortOneV1Settings
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import problem, row_counts
from tests.api.house import STRANGER, house, limited
from tests.flows.gateways.orders import BUYER
from tests.flows.webhooks.senders import unifi, unifi_body, v1, v2, v2_body
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import Urls, keys_of
from tests.support.settings import settings_for

PUBLISHED = ("52.78.100.19", "52.78.48.223", "52.78.5.241")


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    """All four gateways behind one proxy, which is the only one that may say where a call came from."""
    return settings_for(urls, simulator, trusted_proxies=1)


async def test_a_key_has_a_budget_which_every_answer_tells(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, database: Database
) -> None:
    async with house(settings, clock, api_key, key_per_s=3) as at:
        shop = at.shop(simulator)
        answers = [await shop.client.post("/payments", json={}, headers=key()) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [422] * 3
        assert [answer.headers["ratelimit-limit"] for answer in answers] == ["3"] * 3
        left = [int(answer.headers["ratelimit-remaining"]) for answer in answers]
        assert left == sorted(left, reverse=True)
        assert all(int(answer.headers["ratelimit-reset"]) >= 0 for answer in answers)
        before = await row_counts(database)
        refused = [await shop.client.post("/payments", json=order(), headers=key()) for _ in range(3)]
        assert any(answer.status_code == 429 for answer in refused)
        for answer in (each for each in refused if each.status_code == 429):
            limited(answer)
        stored = sum(answer.status_code == 201 for answer in refused)
        assert (await row_counts(database))["payments"] == before["payments"] + stored


async def test_a_client_token_has_one_and_does_not_use_up_the_keys(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator
) -> None:
    async with house(settings, clock, api_key, token_per_s=1) as at:
        shop = at.shop(simulator)
        payment, other = await shop.create(gateway="point3"), await shop.create(gateway="point3")
        path = f"/payments/{payment['id']}"
        token = {"Authorization": f"Bearer {payment['client_token']}"}
        answers = [await shop.client.get(path, headers=token) for _ in range(6)]
        assert {answer.status_code for answer in answers} == {200, 429}
        limited(next(answer for answer in answers if answer.status_code == 429))
        assert (await shop.client.get(path)).status_code == 200
        mine = {"Authorization": f"Bearer {other['client_token']}"}
        assert (await shop.client.get(f"/payments/{other['id']}", headers=mine)).status_code == 200


@pytest.mark.parametrize("path", ["/payments/complete", "/payments/{id}/attempts"])
async def test_a_buyers_look_ups_have_one_and_do_not_use_up_the_keys(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, database: Database, path: str
) -> None:
    async with house(settings, clock, api_key, payment_per_min=3) as at:
        shop = at.shop(simulator)
        payment = await shop.create(gateway="portone_v2", customer=BUYER)
        url, body = path.format(id=payment["id"]), {} if "{id}" in path else {"payment_id": payment["id"]}
        token = {"Authorization": f"Bearer {payment['client_token']}"}
        answers = [await shop.client.post(url, json=body, headers=token) for _ in range(6)]
        assert answers[0].status_code in {201, 202}
        limited(answers[-1])
        before = await row_counts(database)
        limited(await shop.client.post(url, json=body, headers=token))
        assert await row_counts(database) == before
        assert (await shop.client.post(url, json=body)).status_code in {201, 202}


@pytest.mark.parametrize(
    "path",
    [
        "/checkout/return/portone-v1?merchant_uid=nobody",
        "/checkout/ct_nobody",
        "/docs",
        "/openapi.json",
        "/problems/not_found",
        "/metrics",
        "/nowhere",
        "/",
    ],
)
async def test_a_source_has_one_on_every_path_that_takes_no_credential(
    settings: Settings, clock: MovableClock, api_key: str, path: str
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        assert (await at.get(path, Authorization="Bearer whatever")).status_code != 429
        limited(await at.get(path, Authorization="Bearer whatever"))
        assert (await at.get(path, "203.0.113.8")).status_code != 429, "another source"
        assert (await at.get("/healthz")).status_code == 200
        assert (await at.get("/static/docs.css")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/payments/a/b/c/d"),
        ("GET", "/refunds"),
        ("DELETE", "/payments"),
        ("GET", "/webhooks/portone-v1"),
        ("POST", "/webhooks/nobody"),
        ("POST", "/webhooks/a/b"),
        ("GET", "/static/nothing"),
        ("DELETE", "/healthz"),
        ("GET", "/nowhere"),
    ],
)
async def test_what_no_route_answers_uses_it_up_whatever_credential_it_brings(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator, method: str, path: str
) -> None:
    async with house(settings, clock, api_key) as made:
        payment = await made.shop(simulator).create(gateway="point3")
    known = [f"Bearer {payment['client_token']}", f"Bearer {api_key}"]
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        await at.get("/payments", Authorization=known[1])  # known from now on

        async def asked(number: int, credential: str) -> None:
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            headers |= {"Authorization": credential} if credential else {}
            assert (await at.call(method, path, headers)).status_code in {401, 404, 405}
            limited(await at.call(method, path, headers))

        credentials = ["", "x", "Bearer sk_test_x", "Bearer ct_x", *known]
        await asyncio.gather(*(asked(number, credential) for number, credential in enumerate(credentials)))


@pytest.mark.parametrize("written", ["203.0.113.7:{}", "[2001:db8::1]:{}", "no address {}"])
async def test_a_source_has_one_however_its_address_is_written(
    settings: Settings, clock: MovableClock, api_key: str, written: str
) -> None:
    """A port behind it makes no other source, and what is no address has one budget in all."""
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        statuses = [(await at.get("/docs", written.format(5000 + number))).status_code for number in range(3)]
    assert statuses == [200, 429, 429]


async def test_guessing_keys_uses_up_a_budget_of_its_own(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        guesses = [await at.get("/payments", Authorization=f"Bearer sk_test_{number:043d}") for number in range(3)]
        assert [answer.status_code for answer in guesses] == [401, 429, 429]
        shop = at.shop(simulator)
        assert (await shop.client.get("/payments", headers={"X-Forwarded-For": "203.0.113.9"})).status_code == 200


@pytest.mark.parametrize("room_to_wait", [1000, 0])
async def test_guesses_over_it_wait_and_are_looked_up_few_at_a_time_or_not_at_all(
    settings: Settings, clock: MovableClock, api_key: str, monkeypatch: pytest.MonkeyPatch, room_to_wait: int
) -> None:
    monkeypatch.setattr("app.api.admission.MOST_PACED", room_to_wait)
    asked, at_once = 0, [0]

    async def find(keys: ApiKeyService, key: str) -> None:
        nonlocal asked
        asked += 1
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0.05)
        at_once.append(at_once[-1] - 1)

    monkeypatch.setattr(ApiKeyService, "find", find)
    async with house(settings, clock, api_key, source_per_s=1) as at:
        guesses = [at.get("/payments", Authorization=f"Bearer sk_test_{number:043d}") for number in range(30)]
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
    assert statuses == {401: 3, 429: 27}
    assert asked == (30 if room_to_wait else 3)
    assert max(at_once) == LANE < 3, "shops need the other connections"


async def test_a_good_key_is_found_among_the_guesses_of_its_own_address(
    settings: Settings, clock: MovableClock, api_key: str
) -> None:
    """By a process that has not seen it yet, where nobody has configured the proxy that all come through."""
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        guesses = [{"Authorization": f"Bearer sk_test_{number:043d}"} for number in range(3)]
        assert [(await at.get("/payments", **each)).status_code for each in guesses] == [401, 429, 429]
        good = {"Authorization": f"Bearer {api_key}"}
        assert [(await at.get("/payments", **good)).status_code for _ in range(3)] == [200] * 3
        began = time.monotonic()
        limited(await at.get("/payments", **guesses[0]))
        assert time.monotonic() - began >= PACE_S / 2, "he waits for it"
        limited(await at.get("/payments", Authorization="Bearer ct_made-up"))


async def test_good_keys_use_up_nothing_of_it(
    settings: Settings, clock: MovableClock, api_key: str, database: Database
) -> None:
    keys = keys_of(database)
    made = [
        (await keys.create(mode="test", scopes=["*"], store="main", name=f"till {number}"))[1] for number in range(5)
    ]
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        answers = [await at.get("/payments", Authorization=f"Bearer {each}") for each in made]
    assert [answer.status_code for answer in answers] == [200] * 5


async def test_a_shop_that_shares_its_address_with_strangers_is_served(
    settings: Settings, clock: MovableClock, api_key: str, simulator: Simulator
) -> None:
    """As all do whose proxy nobody has configured."""
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        assert [(await at.get("/docs")).status_code for _ in range(2)] == [200, 429]
        shop = at.shop(simulator)
        for _ in range(3):
            assert (await shop.client.get("/payments", headers={"X-Forwarded-For": STRANGER})).status_code == 200


async def test_unsigned_webhooks_over_a_budget_leave_no_row_and_get_no_2xx(
    settings: Settings, clock: MovableClock, api_key: str, database: Database
) -> None:
    async with house(settings, clock, api_key, source_per_s=1) as at:
        answers = [await at.post(v1(f"nobody{number}", f"imp_{number}")) for number in range(6)]
        assert [answer.status_code for answer in answers][:4] == [200, 200, 200, 429]
        limited(answers[3])
        kept = sum(answer.status_code == 200 for answer in answers)
        assert (await row_counts(database))["webhook_inbox"] == kept


async def test_hints_from_everywhere_about_everybody_have_one_budget(
    settings: Settings, clock: MovableClock, api_key: str, database: Database
) -> None:
    async with house(settings, clock, api_key, hints_per_s=5) as at:
        posts = [at.post(v1(f"nobody{number}", f"imp_{number}"), f"203.0.113.{number}") for number in range(30)]
        answers = await asyncio.gather(*posts)
        kept = sum(answer.status_code == 200 for answer in answers)
        assert 10 <= kept <= 20, "a second's worth, twice, and what came back meanwhile"
        limited(next(answer for answer in answers if answer.status_code != 200))
        assert (await row_counts(database))["webhook_inbox"] == kept


async def test_forged_signatures_use_up_a_budget_and_true_ones_do_not(
    settings: Settings, clock: MovableClock, api_key: str
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1) as at:
        body = v2_body(ids.reference(ids.uuid7(), 1))
        forged = v2(settings, body, secret="whsec_" + "Zm9yZ2VkLXNlY3JldC1mb3JnZWQtc2VjcmV0")
        assert [(await at.post(forged)).status_code for _ in range(3)] == [401, 429, 429]
        for number in range(3):
            assert (await at.post(v2(settings, body, webhook_id=f"wh-{number}"))).status_code == 200


@pytest.mark.parametrize("source", PUBLISHED)
async def test_portones_published_addresses_have_no_source_budget(
    settings: Settings, clock: MovableClock, api_key: str, source: str
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1, payment_per_min=1, hints_per_s=0.1) as at:
        reference = ids.reference(ids.uuid7(), 1)
        for number in range(5):
            assert (await at.post(v1(reference, f"imp_{number}"), source)).status_code == 200


async def test_hints_about_one_payment_have_one_budget_from_everywhere(
    settings: Settings, clock: MovableClock, api_key: str, database: Database
) -> None:
    async with house(settings, clock, api_key) as at:
        reference = ids.reference(ids.uuid7(), 1)
        answers = await asyncio.gather(*(at.post(v1(reference, f"imp_{n}"), f"203.0.113.{n}") for n in range(40)))
        kept = sum(answer.status_code == 200 for answer in answers)
        assert 10 <= kept <= 12
        limited(next(answer for answer in answers if answer.status_code != 200))
        assert (await row_counts(database))["webhook_inbox"] == kept


async def test_an_allow_list_closes_v1_to_all_others(settings: Settings, clock: MovableClock, api_key: str) -> None:
    account = settings.account(PortOneV1Settings)
    assert account is not None
    closed = account.model_copy(update={"webhook_sources": list(PUBLISHED)})
    settings = settings.model_copy(update={"portone_v1": closed})
    async with house(settings, clock, api_key) as at:
        post = v1("nobody1", "imp_1")
        problem(await at.post(post), "webhook_refused")
        problem(await at.post(post, f"{PUBLISHED[0]}, {STRANGER}"), "webhook_refused")
        assert [(await at.post(post, f"{STRANGER}, {source}")).status_code for source in PUBLISHED] == [200] * 3
        written = [f"::ffff:{PUBLISHED[0]}", f"{PUBLISHED[0]}:443", f"[::ffff:{PUBLISHED[0]}]:443"]
        assert [(await at.post(post, source)).status_code for source in written] == [200] * 3
        signed = v2(settings, v2_body(ids.reference(ids.uuid7(), 1)))
        assert (await at.post(signed)).status_code == 200, "the list is V1's"


async def test_no_shop_meets_the_limits_as_they_are(shop: Shop) -> None:
    """Two hundred calls as fast as they go, and a buyer's page that asks again and again."""
    payment = await shop.create(gateway="point3")
    for _ in range(200):
        assert (await shop.client.get(f"/payments/{payment['id']}")).status_code == 200
    token = {"Authorization": f"Bearer {payment['client_token']}"}
    for _ in range(20):
        assert (await shop.client.get(f"/payments/{payment['id']}", headers=token)).status_code == 200


async def test_a_webhook_of_another_signed_gateway_is_not_counted(
    settings: Settings, clock: MovableClock, api_key: str
) -> None:
    async with house(settings, clock, api_key, source_per_s=0.1, hints_per_s=0.1) as at:
        for number in range(3):
            body = unifi_body(ids.reference(ids.uuid7(), 1), f"tx-{number}")
            assert (await at.post(unifi(settings, body))).status_code == 200
