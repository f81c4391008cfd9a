"""Problems as such: languages, request ids, paths and methods that nobody takes, and the pages behind `type`."""

import re
from pathlib import Path

import httpx
import pytest

from app.api.problems import PROBLEMS
from app.domain import errors
from app.paths import ROOT
from tests.api.checks import problem
from tests.support import Shop, key, order

ID = "pay_" + "0" * 32
PATHS = {
    "/payments": "GET, HEAD, POST",
    "/payments/complete": "POST",
    f"/payments/{ID}": "GET, HEAD",
    f"/payments/{ID}/events": "GET, HEAD",
    f"/payments/{ID}/attempts": "POST",
    f"/payments/{ID}/sync": "POST",
    "/healthz": "GET, HEAD",
    "/readyz": "GET, HEAD",
    "/openapi.json": "GET, HEAD",
    "/docs": "GET, HEAD",
    "/problems/not_found": "GET, HEAD",
    "/checkout/ct_x": "GET, HEAD",
    "/static/docs.css": "GET, HEAD",
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "X-OWN")


def _members(allow: str) -> set[str]:
    return set(re.split(r",\s*", allow))


async def test_who_prefers_korean_reads_korean(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for header in ["ko", "ko-KR", "ko;q=0.9, en;q=0.8", "fr, ko", "KO"]:
        with subtests.test(header):
            answer = await client.get("/nowhere", headers={"Accept-Language": header})
            told = problem(answer, "not_found")
            assert answer.headers["content-language"] == "ko"
            assert told["title"] == PROBLEMS["not_found"].title_ko
            assert told["detail"] == PROBLEMS["not_found"].detail_ko


async def test_everybody_else_reads_english(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    odd = ["", "fr", "*", ";;;,q=", "ko;q=x", "," * 5000]
    for header in [None, "en", "en;q=0.9, ko;q=0.8", "ko;q=0", *odd]:
        with subtests.test(str(header)[:20]):
            answer = await client.get("/nowhere", headers={} if header is None else {"Accept-Language": header})
            assert answer.headers["content-language"] == "en"
            assert problem(answer, "not_found")["title"] == "Not found"


async def test_a_refused_create_is_explained_in_korean(client: httpx.AsyncClient) -> None:
    headers = key() | {"Accept-Language": "ko"}
    told = problem(await client.post("/payments", json=order(amount=0), headers=headers), "invalid_request")
    assert told["title"] == "잘못된 요청"
    assert told["detail"].startswith("amount: 1 이상이어야 합니다. ")
    assert told["errors"] == [{"field": "amount", "message": "1 이상이어야 합니다"}]


async def test_a_well_formed_request_id_is_kept(client: httpx.AsyncClient) -> None:
    for given in ["a", "A-Z_0.9", "x" * 64, "01a2005f-48e5-7000-8000-000000000000"]:
        answer = await client.get("/nowhere", headers={"X-Request-Id": given})
        assert answer.headers.get_list("x-request-id") == [given]
        assert problem(answer, "not_found")["request_id"] == given


async def test_another_request_id_is_replaced(client: httpx.AsyncClient) -> None:
    for given in ["", "x" * 65, "two words", "semi;colon", "<script>", "ä", "a\tb"]:
        answer = await client.get("/nowhere", headers={b"X-Request-Id": given.encode()})
        assert re.fullmatch("[0-9a-f]{32}", problem(answer, "not_found")["request_id"]), given


async def test_a_good_answer_has_a_request_id_too(client: httpx.AsyncClient) -> None:
    first, second = await client.get("/payments"), await client.get("/payments")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_path_that_nobody_takes_is_not_found(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    odd = [
        "/payments/",
        f"/payments/{ID}/",
        f"/payments/{ID}/nothing",
        "/도자기",
        "/a b",
    ]
    more = [
        "/static/nothing.css",
        "/static/../pyproject.toml",
        "/static/",
        "/problems/nothing",
        "/checkout/x",
        "/robots.txt",
    ]
    for path in odd + more:
        for method in ("GET", "POST"):
            with subtests.test(f"{method} {path}"):
                answer = await client.request(method, path)
                if answer.status_code != 405:  # a prefix that is ours takes no POST at all
                    problem(answer, "not_found")


async def test_each_path_says_which_methods_it_takes(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for path, allowed in PATHS.items():
        for method in METHODS:
            if method in _members(allowed):
                continue
            with subtests.test(f"{method} {path}"):
                answer = await client.request(method, path)
                assert answer.status_code == 405
                if method != "HEAD":
                    problem(answer, "method_not_allowed")
                assert _members(answer.headers["allow"]) == _members(allowed)


async def test_head_is_get_without_its_body(shop: Shop) -> None:
    payment = await shop.create()
    for path in (
        "/payments",
        f"/payments/{payment['id']}",
        f"/payments/{payment['id']}/events",
        "/healthz",
        "/nowhere",
    ):
        head, get = await shop.client.head(path), await shop.client.get(path)
        assert head.status_code == get.status_code
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]


async def test_no_host_header_breaks_a_problem(client: httpx.AsyncClient) -> None:
    for host in ["[", "a/b?c", "", "x y", "é", "testserver:99999999"]:
        problem(await client.get("/nowhere", headers={b"Host": host.encode()}), "not_found")


def test_every_error_of_the_domain_has_a_problem_and_every_problem_an_origin() -> None:
    codes = {
        found.code
        for found in vars(errors).values()
        if isinstance(found, type) and issubclass(found, errors.OnetillError) and "code" in vars(found)
    } | set(errors.Refusal)
    assert codes - PROBLEMS.keys() == set()
    assert PROBLEMS.keys() - codes == {"method_not_allowed", "storage_unavailable", "internal_error"}


async def test_every_code_has_a_page_in_both_languages(client: httpx.AsyncClient, subtests: pytest.Subtests) -> None:
    for code, entry in PROBLEMS.items():
        for language, title in (("en", entry.title), ("ko", entry.title_ko)):
            with subtests.test(code, language=language):
                answer = await client.get(f"/problems/{code}", headers={"Accept-Language": language})
                assert answer.status_code == 200
                assert answer.headers["content-type"] == "text/html; charset=utf-8"
                assert answer.headers["content-language"] == language
                assert answer.headers["vary"] == "Accept-Language"
                assert "default-src 'none'" in answer.headers["content-security-policy"]
                assert f'<html lang="{language}">' in answer.text
                assert title in answer.text
                assert f"HTTP {entry.status}" in answer.text
                assert not re.search(r"\{[a-z_]+\}", answer.text)
                assert "<script" not in answer.text


def test_the_document_of_problems_lists_every_code_with_its_status() -> None:
    text = Path(ROOT, "docs/problems.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \|", text, re.MULTILINE)
    assert {code: (int(status), again == "yes") for code, status, again in rows} == {
        code: (entry.status, entry.retryable) for code, entry in PROBLEMS.items()
    }
    assert len(rows) == len(PROBLEMS)
