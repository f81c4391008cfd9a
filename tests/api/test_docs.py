"""`docs/api.md` is true: its curl calls are made, in order, and their answers are what it shows."""

import re
from pathlib import Path

from app.domain.states import PaymentStatus
from app.paths import ROOT
from tests.support import Shop
from tests.support.guides import agrees, examples_of, run

TEXT = Path(ROOT, "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = examples_of(TEXT)


async def test_the_guides_calls_answer_what_the_guide_shows(shop: Shop) -> None:
    declined = await shop.create()
    await shop.complete(declined, **await shop.buyer_pays(declined, "declined"))
    values = {"ONETILL": "http://testserver", "DECLINED": declined["id"]}
    for example in EXAMPLES:
        answer = await run(shop.client, example.curl, values)
        assert answer.status_code == example.status, (example.curl, answer.text)
        assert agrees(example.answer, answer.json()), (example.curl, answer.text)
        if "PAYMENT" not in values:  # the first call creates it
            values["PAYMENT"] = answer.json()["id"]
            values["SIGNATURE"] = (await shop.buyer_pays(answer.json()))["signature"]
        if str(answer.json().get("id")).startswith("ref_"):
            values["REFUND"] = answer.json()["id"]


def test_every_call_of_the_guide_is_run() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^curl ", TEXT, re.MULTILINE)) >= 7


def test_what_differs_would_be_seen() -> None:
    assert agrees({"id": "pay_…", "a": [1]}, {"id": "pay_1", "a": [1, 2], "more": None})
    for shown in ({"id": "att_…"}, {"a": [2]}, {"a": [1, 2, 3]}, {"none": None}, {"id": 1}):
        assert not agrees(shown, {"id": "pay_1", "a": [1, 2]})


def test_the_guide_lists_every_status() -> None:
    (table,) = re.findall(r"\| status \| means \|\n\|---\|---\|\n((?:\|.*\n)+)", TEXT)
    assert set(re.findall(r"`([a-z_]+)`", table)) >= {str(status) for status in PaymentStatus}
