"""The refund calls as such: bodies, keys, who may call, ids, pages. What becomes of the money is in `tests/flows/refunds`."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from app.api.problems import PROBLEMS
from app.db.database import Database
from app.domain.errors import Refusal, RefusedByGateway
from app.refunds.schemas import RefundPage, RefundView
from app.settings import Settings
from simulator.server import Simulator
from tests.api.checks import problem, row_counts, wrong_fields
from tests.flows.gateways.orders import BUYER
from tests.support import Shop, key
from tests.support.databases import Urls, keys_of
from tests.support.settings import settings_for

CONTROLS = ["a\x00b", "line\n", "a\tb"]
NOT_TEXT: list[Any] = [1, True, [], {}]
NOT_INT: list[Any] = ["1", 1.0, True, [], {}, ""]
ACCOUNT = {"bank": "SHINHAN", "number": "110-123-456789", "holder": "김민지"}
ID = "0" * 32

CASES: dict[str, list[dict[str, Any]]] = {
    "reason": [*({"reason": bad} for bad in [*NOT_TEXT, *CONTROLS, "", None, "x" * 201]), {"reason": ...}],
    "amount": [{"amount": bad} for bad in [*NOT_INT, 0, -1, 10**15 + 1, 2**64]],
    "expected_refundable": [{"expected_refundable": bad} for bad in [*NOT_INT, -1, 10**15 + 1]],
    "tax": [{"tax": bad} for bad in [1, "x", True, []]],
    "tax.vat": [{"tax": {"vat": bad}} for bad in [*NOT_INT, -1]],
    "tax.tax_free": [{"tax": {"tax_free": bad}} for bad in [*NOT_INT, -1]],
    "refund_account": [{"refund_account": bad} for bad in [1, "x", True, []]],
    "refund_account.bank": [{"refund_account": ACCOUNT | {"bank": bad}} for bad in [*NOT_TEXT, *CONTROLS, "", None]],
    "refund_account.number": [{"refund_account": ACCOUNT | {"number": bad}} for bad in [1, "", "abc", "1" * 41]],
    "refund_account.holder": [{"refund_account": ACCOUNT | {"holder": bad}} for bad in [*NOT_TEXT, *CONTROLS, ""]],
    "refund_account.phone": [{"refund_account": ACCOUNT | {"phone": bad}} for bad in [1, "", "01", "010-abc"]],
}


@pytest.fixture
def settings(urls: Urls, simulator: Simulator) -> Settings:
    return settings_for(urls, simulator)


@pytest.fixture
async def payment(shop: Shop) -> dict[str, Any]:
    """A paid one."""
    payment = await shop.create(gateway="portone_v2", customer=BUYER)
    answer = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert answer.json()["status"] == "paid"
    return dict(answer.json())


@pytest.fixture
async def nobody(product: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that sends no key by itself."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver") as client:
        yield client


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


async def refund(shop: Shop, payment: dict[str, Any], **changes: Any) -> httpx.Response:
    body = {"reason": "broken"} | changes
    body = {name: value for name, value in body.items() if value is not ...}
    return await shop.client.post(f"/payments/{payment['id']}/refunds", json=body, headers=key())


class TestBodies:
    async def test_a_wrong_field_is_named_and_nothing_is_stored(
        self, shop: Shop, payment: dict[str, Any], database: Database, subtests: pytest.Subtests
    ) -> None:
        before = await row_counts(database)
        for field, bodies in CASES.items():
            for changes in bodies:
                with subtests.test(field, changes=str(changes)[:60]):
                    assert wrong_fields(await refund(shop, payment, **changes)) == [field]
        assert await row_counts(database) == before

    async def test_what_nobody_knows_is_refused_too(self, shop: Shop, payment: dict[str, Any]) -> None:
        assert wrong_fields(await refund(shop, payment, ammount=5)) == ["ammount"]
        answer = await refund(shop, payment, refund_account=ACCOUNT | {"iban": "DE1"})
        assert wrong_fields(answer) == ["refund_account.iban"]

    async def test_a_body_that_is_no_json_is_refused(self, shop: Shop, payment: dict[str, Any]) -> None:
        path = f"/payments/{payment['id']}/refunds"
        json = {"Content-Type": "application/json"}
        for content in (b"", b"{", b"null", b"[]", b"\xff"):
            answer = await shop.client.post(path, content=content, headers=key() | json)
            assert answer.status_code in {400, 422}, content
        text = {"Content-Type": "text/plain"}
        problem(await shop.client.post(path, content=b"{}", headers=key() | text), "unsupported_media_type")

    async def test_an_absent_amount_and_null_mean_all_that_is_left(self, shop: Shop, payment: dict[str, Any]) -> None:
        assert (await refund(shop, payment, amount=4000)).json()["amount"] == 4000
        assert (await refund(shop, payment, amount=None)).json()["amount"] == payment["amount"] - 4000


class TestKeys:
    async def test_without_a_key_nothing_is_done(self, shop: Shop, payment: dict[str, Any], database: Database) -> None:
        before = await row_counts(database)
        path = f"/payments/{payment['id']}/refunds"
        problem(await shop.client.post(path, json={"reason": "broken"}), "idempotency_key_missing")
        wrong = {"Idempotency-Key": "x" * 256}
        problem(await shop.client.post(path, json={"reason": "broken"}, headers=wrong), "idempotency_key_malformed")
        assert await row_counts(database) == before

    async def test_a_payments_key_and_its_refunds_key_do_not_meet(self, shop: Shop, payment: dict[str, Any]) -> None:
        intent = key()
        created = await shop.client.post(
            "/payments",
            json={"order_id": "o-1", "order_name": "Mug", "amount": 1000, "currency": "KRW", "gateway": "point3"},
            headers=intent,
        )
        assert created.status_code == 201
        path = f"/payments/{payment['id']}/refunds"
        answer = await shop.client.post(path, json={"reason": "broken", "amount": 1}, headers=intent)
        assert (answer.status_code, answer.json()["payment_id"]) == (201, payment["id"])


class TestWhoMayCall:
    async def test_a_key_does_what_its_scopes_say(
        self, shop: Shop, payment: dict[str, Any], database: Database, nobody: httpx.AsyncClient
    ) -> None:
        keys = keys_of(database)
        scopes = {"refunds:read": ["refunds:read"], "refunds:write": ["refunds:write"]}
        read, write = [
            bearer((await keys.create(mode="test", scopes=scope, store="main", name=name))[1])
            for name, scope in scopes.items()
        ]
        done = (await refund(shop, payment, amount=1)).json()
        path = f"/payments/{payment['id']}"
        before = await row_counts(database)
        for method, url, able, lacking in (
            ("POST", f"{path}/refunds", write, read),
            ("GET", f"{path}/refunds", read, write),
            ("GET", f"{path}/refund-options", read, write),
            ("GET", f"/refunds/{done['id']}", read, write),
        ):
            scope = "refunds:write" if able is write else "refunds:read"
            refused = await nobody.request(method, url, headers=lacking | key(), json={"reason": "r"})
            assert problem(refused, "forbidden")["scope"] == scope
            if method == "GET":
                assert (await nobody.get(url, headers=able)).status_code == 200
        assert await row_counts(database) == before

    async def test_the_buyers_token_gives_nothing_back(
        self, payment: dict[str, Any], nobody: httpx.AsyncClient, shop: Shop
    ) -> None:
        done = (await refund(shop, payment, amount=1)).json()
        token, path = bearer(payment["client_token"]), f"/payments/{payment['id']}"
        problem(await nobody.post(f"{path}/refunds", json={"reason": "r"}, headers=token | key()), "forbidden")
        for url in (f"{path}/refunds", f"{path}/refund-options", f"/refunds/{done['id']}"):
            problem(await nobody.get(url, headers=token), "forbidden")
            problem(await nobody.get(url), "unauthorized")

    async def test_another_stores_refunds_are_not_there(
        self, shop: Shop, payment: dict[str, Any], database: Database, nobody: httpx.AsyncClient
    ) -> None:
        done = (await refund(shop, payment, amount=1)).json()
        _, text = await keys_of(database).create(mode="test", scopes=["*"], store="other", name="other")
        before, path = await row_counts(database), f"/payments/{payment['id']}"
        problem(await nobody.post(f"{path}/refunds", json={"reason": "r"}, headers=bearer(text) | key()), "not_found")
        for url in (f"{path}/refunds", f"{path}/refund-options", f"/refunds/{done['id']}"):
            problem(await nobody.get(url, headers=bearer(text)), "not_found")
        assert await row_counts(database) == before


class TestReading:
    async def test_ids_that_are_none_or_nobodys(self, shop: Shop, payment: dict[str, Any]) -> None:
        for url in (f"/refunds/ref_{ID}", f"/payments/pay_{ID}/refunds", f"/payments/pay_{ID}/refund-options"):
            problem(await shop.client.get(url), "not_found")
        for url in (
            f"/refunds/{payment['id']}",
            "/refunds/x",
            f"/payments/ref_{ID}/refunds",
            "/payments/x/refund-options",
        ):
            problem(await shop.client.get(url), "malformed_id")
        problem(await refund(shop, {"id": f"pay_{ID}"}), "not_found")
        problem(await refund(shop, {"id": f"ref_{ID}"}), "malformed_id")

    async def test_pages_list_every_refund_once_oldest_first(self, shop: Shop, payment: dict[str, Any]) -> None:
        made = [(await refund(shop, payment, amount=amount)).json() for amount in (1, 2, 3)]
        for limit in (1, 2, 3, 4):
            told: list[Any] = []
            page: dict[str, Any] = {"next_cursor": 0}
            while page["next_cursor"] is not None:
                query = f"limit={limit}&cursor={page['next_cursor']}"
                answer = await shop.client.get(f"/payments/{payment['id']}/refunds?{query}")
                page = answer.json()
                assert len(msgspec.json.decode(answer.content, type=RefundPage)["data"]) <= limit
                told += page["data"]
            assert told == made
        beyond = await shop.client.get(f"/payments/{payment['id']}/refunds?cursor=2000000000")
        assert beyond.json() == {"data": [], "next_cursor": None}

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("limit=x", "limit"),
            ("cursor=-1", "cursor"),
            ("cursor=x", "cursor"),
        ],
    )
    async def test_a_wrong_page_is_named(self, shop: Shop, query: str, field: str) -> None:
        assert wrong_fields(await shop.client.get(f"/payments/pay_{ID}/refunds?{query}")) == [field]

    async def test_a_refund_reads_as_its_answer_said(self, shop: Shop, payment: dict[str, Any]) -> None:
        answer = await refund(shop, payment, amount=4000, reason="머그컵 파손")
        assert answer.status_code == 201
        made = answer.json()
        assert msgspec.json.decode(answer.content, type=RefundView)["status"] == "succeeded"
        assert (
            made
            | {
                "payment_id": payment["id"],
                "amount": 4000,
                "currency": "KRW",
                "reason": "머그컵 파손",
                "cause": "api",
                "gateway": "portone_v2",
                "tax": {"vat": None, "tax_free": 0},
                "failure": None,
            }
            == made
        )
        read = await shop.client.get(f"/refunds/{made['id']}")
        assert (read.status_code, read.json()) == (200, made)
        trail = await shop.events(payment)
        assert [step["reason"] for step in trail[-3:]] == ["refund_reserved", "refund_asked", "refund_done"]
        assert {step["evidence"]["refund"]["id"] for step in trail[-3:]} == {made["id"]}


def test_every_no_of_a_gateway_is_a_problem_in_both_languages() -> None:
    for code in Refusal:
        entry = PROBLEMS[code]
        assert (entry.status, entry.retryable) == (409, False)
        assert RefusedByGateway(code).code == code
        assert entry.detail
        assert any("가" <= letter <= "힣" for letter in entry.detail_ko)
        assert any("가" <= letter <= "힣" for letter in entry.title_ko)
