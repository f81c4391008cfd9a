"""`docs/api.md` is true: its curl calls are made, in order, and their answers are what it shows."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.domain.states import PaymentStatus
from app.paths import ROOT
from tests.support import Shop

TEXT = Path(ROOT, "docs/api.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```sh\n(curl .*?)\n```\n+`(\d{3})`:\n+```json\n(.*?)\n```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """One call of the guide, the status it states and the answer it shows."""

    curl: str
    status: int
    answer: Any


EXAMPLES = [Example(curl, int(status), json.loads(answer)) for curl, status, answer in EXAMPLE.findall(TEXT)]


def _agrees(shown: Any, real: Any) -> bool:
    """What is shown is in the answer; `…` stands for any text."""
    if isinstance(shown, dict):
        return isinstance(real, dict) and all(name in real and _agrees(shown[name], real[name]) for name in shown)
    if isinstance(shown, list):
        return isinstance(real, list) and len(shown) <= len(real) and all(map(_agrees, shown, real))
    if isinstance(shown, str) and "…" in shown:
        return isinstance(real, str) and re.fullmatch(re.escape(shown).replace("…", ".+"), real) is not None
    return bool(type(shown) is type(real) and shown == real)


async def _run(client: httpx.AsyncClient, curl: str, values: dict[str, str]) -> httpx.Response:
    words = shlex.split(curl.replace("\\\n", " "))
    method, url, headers, body = "GET", "", {}, None
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value
        elif word == "-d":
            body = next(arguments)
        elif word != "-s":
            url = word
    for name, value in values.items():
        url, body = url.replace(f"${name}", value), body and body.replace(f"${name}", value)
    headers["Authorization"] = headers["Authorization"].replace(
        "$KEY", client.headers["authorization"].removeprefix("Bearer ")
    )
    assert "$" not in url + (body or ""), curl
    return await client.request(method, url, headers=headers, content=body)


async def test_the_guides_calls_answer_what_the_guide_shows(shop: Shop) -> None:
    declined = await shop.create()
    await shop.complete(declined, **await shop.buyer_pays(declined, "declined"))
    values = {"ONETILL": "http://testserver", "DECLINED": declined["id"]}
    for example in EXAMPLES:
        answer = await _run(shop.client, example.curl, values)
        assert answer.status_code == example.status, (example.curl, answer.text)
        assert _agrees(example.answer, answer.json()), (example.curl, answer.text)
        if "PAYMENT" not in values:  # the first call creates it
            values["PAYMENT"] = answer.json()["id"]
            values["SIGNATURE"] = (await shop.buyer_pays(answer.json()))["signature"]
        if str(answer.json().get("id")).startswith("ref_"):
            values["REFUND"] = answer.json()["id"]


def test_every_call_of_the_guide_is_run() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^curl ", TEXT, re.MULTILINE)) >= 7


def test_what_differs_would_be_seen() -> None:
    assert _agrees({"id": "pay_…", "a": [1]}, {"id": "pay_1", "a": [1, 2], "more": None})
    for shown in ({"id": "att_…"}, {"a": [2]}, {"a": [1, 2, 3]}, {"none": None}, {"id": 1}):
        assert not _agrees(shown, {"id": "pay_1", "a": [1, 2]})


def test_the_guide_lists_every_status() -> None:
    (table,) = re.findall(r"\| status \| means \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {str(status) for status in PaymentStatus}
