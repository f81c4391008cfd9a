"""Who may call: secret keys with a mode, scopes and a store, and client tokens for one payment."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from app.api_keys.service import ApiKeyService
from app.db.database import Database
from app.domain import ids
from app.domain.client_tokens import TOKEN_KEPT, ClientTokens
from tests.api.checks import problem, row_counts
from tests.support import MovableClock, Shop, key, order
from tests.support.databases import keys_of

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
async def nobody(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends no key by itself."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver") as client:
        yield client


@pytest.fixture
def keys(database: Database) -> ApiKeyService:
    return keys_of(database)


def _bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def _unauthorized(answer: httpx.Response) -> None:
    problem(answer, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="onetill"'


NO_GOOD: list[str | None] = [
    None,
    "",
    "Bearer",
    "Bearer ",
    "Basic dTpw",
    "sk_test_abc",
    "Bearer sk_test_unknown",
    "Bearer sk_test_",
    "Bearer sk_live_" + "x" * 43,  # this deployment runs in test mode
    "Bearer nonsense",
    "Bearer ct_",
    "Bearer ct_" + "A" * 54,
    "Bearer ct_" + "!" * 54,
    "Bearer ct_" + "é" * 54,
    "Bearer " + "x" * 5000,
]


async def test_whoever_brings_no_good_key_is_told_what_to_bring(
    nobody: httpx.AsyncClient, subtests: pytest.Subtests
) -> None:
    for header in NO_GOOD:
        with subtests.test(str(header)[:40]):
            headers = {} if header is None else {b"Authorization": header.encode()}
            _unauthorized(await nobody.get("/payments", headers=headers))


async def test_more_than_one_credential_is_refused(nobody: httpx.AsyncClient, api_key: str) -> None:
    good = ("Authorization", f"Bearer {api_key}")
    assert (await nobody.get("/payments", headers=[good])).status_code == 200
    for second in (good, ("authorization", "Bearer ct_x"), ("Authorization", "")):
        for headers in ([good, second], [second, good]):
            _unauthorized(await nobody.get("/payments", headers=headers))


async def test_a_body_of_somebody_unknown_is_not_even_read(nobody: httpx.AsyncClient, database: Database) -> None:
    before = await row_counts(database)
    _unauthorized(await nobody.post("/payments", content=b"x" * 100_000))
    assert await row_counts(database) == before


async def test_the_scheme_is_read_in_any_case(nobody: httpx.AsyncClient, api_key: str) -> None:
    assert (await nobody.get("/payments", headers={"Authorization": f"bEaReR  {api_key} "})).status_code == 200


async def test_a_key_of_the_other_mode_names_the_mode(nobody: httpx.AsyncClient) -> None:
    answer = await nobody.get("/payments", headers=_bearer("sk_live_" + "x" * 43))
    assert "sk_test_" in problem(answer, "unauthorized")["detail"]


async def test_a_revoked_key_works_no_longer_than_the_cache_keeps_it(
    nobody: httpx.AsyncClient, keys: ApiKeyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    created, text = await keys.create(mode="test", scopes=["*"], store="main", name="short-lived")
    assert (await nobody.get("/payments", headers=_bearer(text))).status_code == 200
    await keys.revoke(created.public_id)
    monkeypatch.setattr("app.api.security.monotonic", lambda: monotonic() + 5)  # docs/threat-model.md §2 says so
    _unauthorized(await nobody.get("/payments", headers=_bearer(text)))


async def test_a_key_that_was_revoked_before_its_first_use_never_works(
    nobody: httpx.AsyncClient, keys: ApiKeyService
) -> None:
    created, text = await keys.create(mode="test", scopes=["*"], store="main", name="revoked")
    await keys.revoke(created.public_id)
    _unauthorized(await nobody.get("/payments", headers=_bearer(text)))


async def test_a_key_does_what_its_scopes_say_and_no_more(
    nobody: httpx.AsyncClient, keys: ApiKeyService, database: Database, shop: Shop
) -> None:
    payment = await shop.create()
    _, reader = await keys.create(mode="test", scopes=["payments:read"], store="main", name="reader")
    _, writer = await keys.create(mode="test", scopes=["payments:write"], store="main", name="writer")
    before = await row_counts(database)
    path = f"/payments/{payment['id']}"
    for method, url, scope in [
        ("GET", "/payments", "payments:read"),
        ("GET", path, "payments:read"),
        ("GET", f"{path}/events", "payments:read"),
        ("POST", "/payments", "payments:write"),
        ("POST", f"{path}/attempts", "payments:write"),
        ("POST", f"{path}/sync", "payments:write"),
        ("POST", "/payments/complete", "payments:write"),
    ]:
        lacking = writer if scope == "payments:read" else reader
        refused = problem(await nobody.request(method, url, headers=_bearer(lacking) | key(), json={}), "forbidden")
        assert refused["scope"] == scope
        assert scope in refused["detail"]
    assert await row_counts(database) == before
    assert (await nobody.get(path, headers=_bearer(reader))).status_code == 200
    assert (await nobody.post("/payments", headers=_bearer(writer) | key(), json=order())).status_code == 201


async def test_another_stores_payment_is_not_there(nobody: httpx.AsyncClient, keys: ApiKeyService, shop: Shop) -> None:
    payment = await shop.create()
    _, text = await keys.create(mode="test", scopes=["*"], store="other", name="other")
    path = f"/payments/{payment['id']}"
    for method, url, body in [
        ("GET", path, None),
        ("GET", f"{path}/events", None),
        ("POST", f"{path}/attempts", {}),
        ("POST", f"{path}/sync", None),
        ("POST", "/payments/complete", {"payment_id": payment["id"]}),
        ("POST", "/payments/complete", {"paymentId": payment["attempts"][0]["reference"]}),
    ]:
        problem(await nobody.request(method, url, headers=_bearer(text) | key(), json=body), "not_found")
    assert (await nobody.get("/payments", headers=_bearer(text))).json()["data"] == []


async def test_a_client_token_reads_completes_and_reattempts_its_own_payment_only(
    nobody: httpx.AsyncClient, shop: Shop
) -> None:
    own, other = await shop.create(metadata={"cart": "secret"}), await shop.create()
    token = _bearer(own["client_token"])
    read = await nobody.get(f"/payments/{own['id']}", headers=token)
    assert read.status_code == 200
    assert read.json() == own | {"metadata": {}}
    assert (await nobody.post(f"/payments/{own['id']}/attempts", json={}, headers=token)).status_code == 201
    completed = await nobody.post("/payments/complete", json={}, headers=token)
    assert completed.status_code == 202
    assert completed.json()["id"] == own["id"]
    for method, url, body in [
        ("GET", f"/payments/{other['id']}", None),
        ("POST", f"/payments/{other['id']}/attempts", {}),
        ("POST", "/payments/complete", {"payment_id": other["id"]}),
        ("POST", "/payments/complete", {"merchant_uid": other["attempts"][0]["reference"]}),
        ("GET", f"/payments/pay_{'0' * 32}", None),
    ]:
        problem(await nobody.request(method, url, headers=token, json=body), "forbidden")


async def test_a_client_token_does_nothing_that_is_for_servers(nobody: httpx.AsyncClient, shop: Shop) -> None:
    own = await shop.create()
    for method, url in [
        ("POST", "/payments"),
        ("GET", "/payments"),
        ("GET", f"/payments/{own['id']}/events"),
        ("POST", f"/payments/{own['id']}/sync"),
    ]:
        answer = await nobody.request(method, url, headers=_bearer(own["client_token"]) | key(), json=order())
        assert "secret key" in problem(answer, "forbidden")["detail"]


async def test_a_token_with_any_character_changed_opens_nothing(nobody: httpx.AsyncClient, shop: Shop) -> None:
    payment = await shop.create()
    token: str = payment["client_token"]
    for at in range(len(token)):
        other = ALPHABET[(ALPHABET.index(token[at]) + 1) % len(ALPHABET)] if token[at] in ALPHABET else "A"
        forged = token[:at] + other + token[at + 1 :]
        _unauthorized(await nobody.get(f"/payments/{payment['id']}", headers=_bearer(forged)))
    for forged in (token[:-1], token + "A", token + "=", token.upper()):
        _unauthorized(await nobody.get(f"/payments/{payment['id']}", headers=_bearer(forged)))


EXPIRES = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
LAST = EXPIRES + TOKEN_KEPT - timedelta(seconds=1)
"""The last second of a token of a payment that expires then."""


def test_one_payment_has_one_token_and_another_secret_key_makes_another() -> None:
    payment_id = ids.uuid7()
    tokens, others = ClientTokens("one secret"), ClientTokens("another secret")
    token = tokens.token(payment_id, EXPIRES)
    assert tokens.payment_of(token, LAST) == payment_id
    assert tokens.token(payment_id, EXPIRES) == token
    assert tokens.payment_of(others.token(payment_id, EXPIRES), LAST) is None
    assert [last for last in ALPHABET if tokens.payment_of(token[:-1] + last, LAST)] == [token[-1]]
    for spelled in (token + "=", token + "==", token + "%", token[:9] + "\n" + token[9:], token[:9] + " " + token[9:]):
        assert tokens.payment_of(spelled, LAST) is None


def test_a_token_ends_31_days_after_its_payment() -> None:
    payment_id, tokens = ids.uuid7(), ClientTokens("one secret")
    token = tokens.token(payment_id, EXPIRES)
    assert tokens.payment_of(token, LAST) == payment_id
    assert tokens.payment_of(token, EXPIRES + timedelta(days=31)) is None


def test_all_secret_keys_read_and_the_first_one_makes() -> None:
    payment_id = ids.uuid7()
    old, both, new = ClientTokens("old secret"), ClientTokens("new secret, old secret"), ClientTokens("new secret")
    for made_by, read_by, opens in [(old, both, True), (both, new, True), (both, old, False), (old, new, False)]:
        token = made_by.token(payment_id, EXPIRES)
        assert (read_by.payment_of(token, LAST) == payment_id) is opens


OLD_TOKEN = "ct_AZqm8cLTfk-KW2x9jp8KG3bkcDzNDbVETzQRXH7-uYXwlbsP2IzKxg"
"""Of payment 019aa6f1-c2d3-7e4f-8a5b-6c7d8e9f0a1b, as releases before this one made it from `old secret`."""


def test_tokens_of_earlier_releases_open_their_payment_for_a_while() -> None:
    payment_id = UUID("019aa6f1-c2d3-7e4f-8a5b-6c7d8e9f0a1b")
    made_at = datetime.fromtimestamp(0x019AA6F1C2D3 / 1000, UTC)
    for secrets, at, opened in [
        ("old secret", made_at, payment_id),
        ("new secret,old secret", made_at + timedelta(days=60), payment_id),
        ("old secret", made_at + timedelta(days=61), None),
        ("new secret", made_at, None),
    ]:
        assert ClientTokens(secrets).payment_of(OLD_TOKEN, at) == opened
    forged = OLD_TOKEN[:-1] + ("A" if OLD_TOKEN[-1] != "A" else "Q")
    assert ClientTokens("old secret").payment_of(forged, made_at) is None


async def test_only_who_may_pay_sees_the_token(nobody: httpx.AsyncClient, keys: ApiKeyService, shop: Shop) -> None:
    payment = await shop.create()
    _, reader = await keys.create(mode="test", scopes=["payments:read"], store="main", name="reports")
    _, writer = await keys.create(mode="test", scopes=["payments:read", "payments:write"], store="main", name="server")
    for text, is_shown in [(reader, False), (writer, True), (payment["client_token"], True)]:
        one = await nobody.get(f"/payments/{payment['id']}", headers=_bearer(text))
        found = [one.json()]
        if not text.startswith("ct_"):
            found += (await nobody.get("/payments", headers=_bearer(text))).json()["data"]
        for shown in found:
            assert shown["client_token"] == (payment["client_token"] if is_shown else None)
            assert shown["checkout_url"] == (payment["checkout_url"] if is_shown else None)
        assert (payment["client_token"] in one.text) is is_shown


async def test_after_the_payments_end_its_token_reads_and_asks_nobody(nobody: httpx.AsyncClient, shop: Shop) -> None:
    payment = await shop.create()
    token = _bearer(payment["client_token"])
    brought = await shop.buyer_pays(payment)
    assert (await nobody.post("/payments/complete", json=brought, headers=token)).json()["status"] == "paid"
    asked = await shop.sim("GET", "/_sim/calls?gateway=point3")
    for body in (brought, {}, {"signature": "s" * 40}):
        completed = await nobody.post("/payments/complete", json=body, headers=token)
        assert (completed.status_code, completed.json()["status"]) == (200, "paid")
    problem(await nobody.post(f"/payments/{payment['id']}/attempts", json={}, headers=token), "payment_not_open")
    assert (await nobody.get(f"/payments/{payment['id']}", headers=token)).json()["status"] == "paid"
    assert await shop.sim("GET", "/_sim/calls?gateway=point3") == asked


async def test_a_token_that_is_over_opens_nothing(nobody: httpx.AsyncClient, shop: Shop, clock: MovableClock) -> None:
    payment = await shop.create()
    token = _bearer(payment["client_token"])
    clock.advance(30 * 60 + TOKEN_KEPT.total_seconds() - 60)
    assert (await nobody.get(f"/payments/{payment['id']}", headers=token)).status_code == 200
    clock.advance(61)
    _unauthorized(await nobody.get(f"/payments/{payment['id']}", headers=token))
    page = await nobody.get(f"/checkout/{payment['client_token']}", headers={"Accept": "text/html"})
    assert (page.status_code, "set-cookie" in page.headers) == (404, False)
