"""Every document by URL as plain Markdown, /llms.txt that finds them, and a page for coding agents that says what is so."""

import json
import re
from urllib.parse import urljoin

import httpx
import pytest

from app.api.documents import DOCUMENTS
from app.api.problems import PROBLEMS
from app.domain.states import PaymentStatus
from app.paths import ROOT

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
AGENTS = (ROOT / "docs/coding-agents.md").read_text(encoding="utf-8")
OPENAPI = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))


async def test_every_document_is_served_as_it_is(client: httpx.AsyncClient) -> None:
    written = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert DOCUMENTS.keys() >= written | {"README.md", "CHANGELOG.md", "CONTRIBUTING.md"}
    for name, path in DOCUMENTS.items():
        answer = await client.get(f"/{name}", headers={"Authorization": ""})
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
        assert answer.content == path.read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/docs/none.m%64",
        "/docs/../pyproject.toml",
        "/docs/%2e%2e/Makefile",
        "/docs//etc/passwd",
        "/LICENSE.m%64",
        "/docs/",
    ],
)
async def test_nothing_else_is(client: httpx.AsyncClient, path: str) -> None:
    url = httpx.URL("http://testserver").copy_with(raw_path=path.encode())
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_llms_txt_finds_every_document_and_names_none_that_is_not_there(client: httpx.AsyncClient) -> None:
    answer = await client.get("/llms.txt", headers={"Authorization": ""})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    title, summary, *_ = answer.text.split("\n\n")
    assert title == "# Onetill"
    assert summary.startswith("> ")
    sections = answer.text.split("\n## ")[1:]
    listed = [link for section in sections for link in LINK.findall(section)]
    assert sorted(listed) == sorted(f"/{name}" for name in DOCUMENTS)
    assert listed[0].removeprefix("/") == "docs/coding-agents.md"
    lines = [line for section in sections for line in section.splitlines()[1:] if line]
    assert [line for line in lines if not re.fullmatch(r"- \[[^]]+\]\(/[\w./-]+\.md\)(: \S.*\w.*)?", line)] == []


async def test_a_link_from_one_document_to_another_works_by_url_too(client: httpx.AsyncClient) -> None:
    """Those to files that are no documents lead to the repository only."""
    for name, path in DOCUMENTS.items():
        for link in LINK.findall(path.read_text(encoding="utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            target = (path.parent / link).resolve()
            assert target.exists(), f"{name} links to {link}"
            if target.is_relative_to(ROOT / "docs") and target.is_file():
                found = await client.get(urljoin(f"http://testserver/{name}", link), follow_redirects=True)
                assert found.status_code == 200, f"{name} links to {link}"


def test_the_page_for_coding_agents_names_calls_members_and_codes_that_there_are() -> None:
    calls = set(re.findall(r"`(GET|POST)\s+(/[\w/{}-]+)", AGENTS))
    assert {(method.lower(), path) for method, path in calls} <= {
        (method, path) for path, methods in OPENAPI["paths"].items() for method in methods
    }
    assert len(calls) >= 7
    order = OPENAPI["components"]["schemas"]["CreatePayment"]
    (create,) = re.findall(r"`POST /payments` with (.*?), and an `Idempotency-Key`", AGENTS, re.DOTALL)
    assert set(order["required"]) <= set(re.findall(r"`(\w+)`", create)) <= order["properties"].keys()
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)*)`", AGENTS))
    assert "order_taken" in words & PROBLEMS.keys()
    members = {name for schema in OPENAPI["components"]["schemas"].values() for name in schema.get("properties", {})}
    queries = {
        each["name"]
        for calls in OPENAPI["paths"].values()
        for call in calls.values()
        for each in call["parameters"]
        if "name" in each
    }
    assert words <= members | queries | PROBLEMS.keys() | set(PaymentStatus)
