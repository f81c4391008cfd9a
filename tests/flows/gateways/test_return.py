"""Where redirects come back: the query is a hint, the way on stands in our database, and no query sends anybody anywhere."""

from itertools import product as product_of
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from app.db.database import Database
from app.domain import ids
from app.domain.schedule import STRANGER_WAIT_S
from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import BY_NAME, FOUR, ONE_STEP, Kind
from tests.support import MovableClock, Shop, key

PAGE = {"Accept": "text/html"}
BACK = "https://shop.example/orders/7?from=onetill"

one_step = pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)


@pytest.fixture
async def browser(product: FastAPI) -> httpx.AsyncClient:
    """A buyer's browser: it keeps cookies, and has no key."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=product), base_url="http://testserver", headers=PAGE)


async def comes_back(browser: httpx.AsyncClient, kind: Kind, query: dict[str, Any]) -> httpx.Response:
    return await browser.get(f"/checkout/return/{kind.name.replace('_', '-')}", params=query)


async def opens(browser: httpx.AsyncClient, payment: dict[str, Any]) -> None:
    """Follow the payment's link, as the shop sends it, and keep its cookie."""
    answer = await browser.get(f"/checkout/{payment['client_token']}")
    assert answer.status_code == 200


async def calls(shop: Shop, kind: Kind) -> int:
    """How many calls the gateway has had."""
    return len(await shop.sim("GET", f"/_sim/calls?gateway={kind.name}"))


def says_nothing_of(payment: dict[str, Any], answer: httpx.Response) -> bool:
    """Whether nobody learns from the answer what is bought, for how much, or where the shop is."""
    told = answer.text + str(answer.headers)
    secrets = (
        payment["order_name"],
        payment["client_token"],
        payment["id"],
        "shop.example",
        "24,000",
        "17.50",
        "12.34",
    )
    return not any(each in told for each in secrets)


@one_step
async def test_a_buyer_comes_back_to_the_payments_page(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    for scenario, status in (("declined", "open"), ("paid", "paid")):
        payment = await shop.create(return_url=BACK, **kind.order)
        await opens(browser, payment)
        answer = await comes_back(browser, kind, await shop.buyer_pays(payment, scenario))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/checkout/{payment['id']}#returned")
        assert (await shop.get(payment))["status"] == status
        page = await browser.get(f"/checkout/{payment['id']}")
        assert (page.status_code, payment["order_name"] in page.text) == (200, True)


@one_step
async def test_the_gateways_name_may_be_written_either_way(shop: Shop, kind: Kind, browser: httpx.AsyncClient) -> None:
    payment = await shop.create(**kind.order)
    await opens(browser, payment)
    answer = await browser.get(f"/checkout/return/{kind.name}", params=await shop.buyer_pays(payment))
    assert answer.headers["location"] == f"/checkout/{payment['id']}#returned"


@one_step
async def test_a_strange_browser_learns_nothing_and_sets_off_no_more_than_the_sweeps_look(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient, parts: Services, clock: MovableClock
) -> None:
    payment, other = await shop.create(return_url=BACK, **kind.order), await shop.create(**kind.order)
    await opens(browser, other)
    brought = await shop.buyer_pays(payment)
    asked = await calls(shop, kind)
    for _ in range(5):
        answer = await comes_back(browser, kind, brought)
        assert (answer.status_code, answer.headers.get("location")) == (200, None)
        assert says_nothing_of(payment, answer)
    assert await calls(shop, kind) == asked
    assert (await shop.get(payment))["status"] == "open"
    for wait_s, status in ((18, "open"), (3, "paid")):  # one look, 20 s later: docs/threat-model.md §3
        clock.advance(wait_s)
        await Worker(parts).sweep()
        assert (await shop.get(payment))["status"] == status


@one_step
async def test_a_buyer_over_budget_comes_to_his_page_all_the_same(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient
) -> None:
    payment = await shop.create(**kind.order)
    await opens(browser, payment)
    attempt = payment["attempts"][0]
    query = {"merchant_uid": attempt["reference"], "paymentId": attempt["reference"]}
    query["transactionId"] = attempt["gateway_ref"] or ""
    for _ in range(3):
        await comes_back(browser, kind, query)
    a_look, before = (await calls(shop, kind)) / 3, await calls(shop, kind)
    for _ in range(60):
        answer = await comes_back(browser, kind, query)
        assert answer.headers.get("location") == f"/checkout/{payment['id']}#returned", answer.text
    assert await calls(shop, kind) < before + 40 * a_look


@one_step
async def test_a_stranger_moves_no_schedule_on(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient, parts: Services, clock: MovableClock, database: Database
) -> None:
    payment, alone = await shop.create(**kind.order), await shop.create(**kind.order)
    attempt = payment["attempts"][0]
    query = {"merchant_uid": attempt["reference"], "paymentId": attempt["reference"]}
    query["transactionId"] = attempt["gateway_ref"] or ""
    for _ in range(12):
        assert (await comes_back(browser, kind, query)).status_code == 200
        clock.advance(STRANGER_WAIT_S + 1)
        await Worker(parts).sweep()
    sql = "SELECT lookup_attempts AS looks FROM attempts WHERE payment_id = $1"
    rows = [await database.row(sql, ids.read(ids.Prefix.PAYMENT, each["id"])) for each in (payment, alone)]
    assert rows[0] is not None
    assert rows[1] is not None
    assert rows[0]["looks"] <= rows[1]["looks"] + 1


@pytest.mark.parametrize("known", [True, False], ids=["known", "strange"])
@pytest.mark.parametrize("way", FOUR, ids=lambda kind: f"at-{kind.name}")
@pytest.mark.parametrize("kind", FOUR, ids=lambda kind: f"of-{kind.name}")
async def test_only_a_callback_of_the_attempts_own_gateway_is_one(
    shop: Shop, kind: Kind, way: Kind, known: bool, browser: httpx.AsyncClient
) -> None:
    """All that any gateway's redirect may name, at every gateway's address, for a payment of each."""
    payment = await shop.create(return_url=BACK, **kind.order)
    if known:
        await opens(browser, payment)
    brought, attempt = await shop.buyer_pays(payment), payment["attempts"][0]
    everything = {
        "merchant_uid": attempt["reference"], "imp_uid": "imp_1", "paymentId": attempt["reference"], "txId": "tx-1",
        "paymentToken": "token", "transactionId": attempt["gateway_ref"] or "x", "signature": "s" * 40,
    } | brought  # fmt: skip
    asked = await calls(shop, kind)
    answer = await comes_back(browser, way, everything)
    is_own = way is kind and kind in ONE_STEP
    assert answer.status_code == (303 if is_own and known else 200)
    assert known or says_nothing_of(payment, answer)
    assert (await calls(shop, kind) > asked) is (is_own and known)
    assert (await shop.get(payment))["status"] == ("paid" if is_own and known else "open")


@one_step
async def test_a_query_that_claims_success_pays_nothing_and_binds_nothing(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient, database: Database
) -> None:
    payment, victim = await shop.create(return_url=BACK, **kind.order), await shop.create(**kind.order)
    stolen = await shop.buyer_pays(victim)
    await opens(browser, payment)
    reference, ref = payment["attempts"][0]["reference"], payment["attempts"][0]["gateway_ref"]
    forged = {
        "status": "confirmed", "imp_success": "true", "success": "true", "imp_uid": "imp_1", "merchant_uid": reference,
        "paymentId": reference, "txId": "tx", "transactionId": ref or "x",
    } | {name: value for name, value in stolen.items() if name in {"imp_uid", "txId"}}  # fmt: skip
    answer = await comes_back(browser, kind, forged)
    assert answer.status_code == 303
    assert (await shop.get(payment))["status"] == "open"
    rows = await database.rows("SELECT ref FROM gateway_refs")
    assert [row["ref"] for row in rows if row["ref"] in stolen.values()] == (
        [stolen["transactionId"]] if kind.name == "unifi_pay" else []
    )
    assert (await shop.sync(victim)).json()["status"] == "paid"


@pytest.mark.parametrize("gateway", ["unifi-pay", "portone-v1", "portone_v2", "point3", "nobody", "..%2f..", "x" * 500])
async def test_what_names_no_payment_of_ours_is_no_error(shop: Shop, gateway: str, browser: httpx.AsyncClient) -> None:
    for query in ({}, {"transactionId": "nobody's"}, {"merchant_uid": "x" * 3000}, {"paymentId": "0" * 32 + "a1"}):
        answer = await browser.get(f"/checkout/return/{gateway}", params=query)
        assert answer.status_code == (200 if "%" not in gateway else 404), query


NAMES = ("merchant_uid", "imp_uid", "paymentId", "txId", "transactionId", "signature")


@pytest.mark.parametrize("program", [False, True], ids=["browser", "program"])
@pytest.mark.parametrize("kind", FOUR, ids=lambda kind: kind.name)
async def test_a_stranger_is_told_the_same_of_payments_that_exist_and_of_others(
    shop: Shop, kind: Kind, browser: httpx.AsyncClient, program: bool
) -> None:
    """Also by the reference that the gateway gave, and after more tries than a payment's budget has."""
    payment = await shop.create(**kind.order)
    done = await shop.complete(payment, **await shop.buyer_pays(payment))
    assert done.json()["status"] == "paid"
    attempt = done.json()["attempts"][-1]
    path = f"/checkout/return/{kind.name.replace('_', '-')}"
    own = {"x-request-id", "content-security-policy", "ratelimit-remaining", "ratelimit-reset"}
    told = set()
    for ref in (attempt["gateway_ref"], attempt["reference"]):
        for name, value in product_of(NAMES, [*[ref] * 12, ref[:-1] + chr(ord(ref[-1]) ^ 1)]):
            answer = await browser.get(path, params={name: value}, headers={"Accept": "*/*"} if program else PAGE)
            headers = {each: text for each, text in answer.headers.items() if each not in own}
            told.add((answer.status_code, answer.text, str(headers)))
    assert len(told) == 1


@pytest.mark.parametrize(
    "name", ["return_url", "url", "next", "redirect", "m_redirect_url", "redirectUrl", "returnUrl"]
)
async def test_no_query_sends_a_buyer_anywhere(shop: Shop, name: str, browser: httpx.AsyncClient) -> None:
    kind = BY_NAME["unifi_pay"]
    payment = await shop.create(return_url=BACK, **kind.order)
    await opens(browser, payment)
    brought = await shop.buyer_pays(payment)
    answer = await comes_back(browser, kind, brought | {name: "https://evil.example/"})
    assert answer.headers["location"] == f"/checkout/{payment['id']}#returned"


@pytest.mark.parametrize("second", ["portone_v2", "point3"])
async def test_what_came_back_is_asked_about_where_it_can_be_from(shop: Shop, second: str) -> None:
    """The first window is paid while a second one, at another gateway, is open: a signature says nothing to that one."""
    first = "point3" if second == "portone_v2" else "portone_v2"
    payment = await shop.create(gateway=first, customer=BY_NAME["portone_v2"].order["customer"])
    before = payment["attempts"][0]["id"]
    answer = await shop.client.post(f"/payments/{payment['id']}/attempts", json={"gateway": second}, headers=key())
    assert answer.status_code == 201, answer.text
    brought = await shop.buyer_pays(payment, "paid" if first == "point3" else "lost_webhook")
    done = await shop.complete(payment, **brought)
    stored = await shop.get(payment)
    assert (done.status_code, stored["status"]) == (200, "paid"), done.text
    assert next(each["status"] for each in stored["attempts"] if each["id"] == before) == "captured"
