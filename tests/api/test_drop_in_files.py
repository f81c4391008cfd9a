"""The files of the drop-in: small, loadable by every origin, and in step with what they describe."""

import re
from pathlib import Path

import httpx
import pytest

from app.domain.states import PaymentStatus
from app.paths import STATIC, TEMPLATES

FILES = {
    "onetill.js": "text/javascript",
    "onetill.mjs": "text/javascript",
    "onetill_window.js": "text/javascript",
    "onetill.d.ts": "text/plain",
}


@pytest.mark.parametrize("name", FILES)
async def test_every_origin_may_load_it(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/static/{name}", headers={"Origin": "https://shop.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert answer.headers["content-type"].partition(";")[0] == FILES[name]
    assert answer.headers["cache-control"] == "no-cache"
    etag = {"If-None-Match": answer.headers["etag"]}
    again = await client.get(f"/static/{name}", headers=etag)
    assert (again.status_code, again.headers["access-control-allow-origin"]) == (304, "*")


@pytest.mark.parametrize("path", ["/static/checkout/checkout.js", "/static/missing.js", "/healthz"])
async def test_nothing_else_of_ours_is_for_every_origin(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Origin": "https://shop.example"})
    assert not [name for name in answer.headers if name.startswith(("access-control", "cross-origin"))]


def test_it_is_small_and_runs_under_a_strict_policy() -> None:
    text = Path(STATIC, "onetill.js").read_text(encoding="utf-8")
    assert len(text.encode()) < 8000
    assert not re.search(
        r"\beval\(|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|setAttribute\(.style", text
    )
    assert text.count("postMessage") == 1, "it asks whether the checkout is there, and to end it, and no more"
    assert set(re.findall(r'mine\.say\("(\w+)"\)', text)) == {"hello", "close"}


MOVES = r"location\.(?:assign|replace)\(|location(?:\.href)? =[^=]|window\.open\("


def test_nothing_in_the_checkout_leads_its_frame_away() -> None:
    """Links name the whole window; scripts go only where the checkout has it to itself, and load the same address anew."""
    page = Path(TEMPLATES, "checkout.html").read_text(encoding="utf-8")
    links = re.findall(r"<a\b[^>]*>", page)
    assert len(links) == 5
    assert [link for link in links if ' target="_top"' not in link] == []
    assert not re.search(r"<form\b|http-equiv", page)
    leaves = {
        file.name: len(found)
        for file in Path(STATIC, "checkout").glob("*.js")
        if (found := re.findall(MOVES, file.read_text("utf-8")))
    }
    assert leaves == {
        "redirect.js": 1,  # to the gateway: `checkout.js` asks the shop's page in place of it where it is in a frame
        "way_back.js": 1,  # to the shop: nothing of it in a frame
    }


def test_the_types_name_every_status() -> None:
    types = Path(STATIC, "onetill.d.ts").read_text(encoding="utf-8")
    assert set(re.findall(r'\| "([a-z_]+)"', types)) >= {str(each) for each in PaymentStatus} | {"unknown"}
