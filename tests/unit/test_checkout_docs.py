"""docs/checkout.md and docs/drop-in.md name what there is."""

import re
from pathlib import Path

from app.checkout.texts import TEXTS
from app.paths import ROOT, STATIC

CHECKOUT = Path(ROOT, "docs/checkout.md").read_text(encoding="utf-8")
DROP_IN = Path(ROOT, "docs/drop-in.md").read_text(encoding="utf-8")
NOTES = {"unknown", "stranger", "ended_link"}
"""Pages of no payment in particular."""


def test_every_state_is_described() -> None:
    (table,) = re.findall(r"\| state \| when \|\n\|---\|---\|\n((?:\|.*\n)+)", CHECKOUT)
    described = {name.strip() for row in table.splitlines() for name in row.split("|")[1].split(",")}
    assert described == {name.removesuffix("_heading") for name in TEXTS["en"] if name.endswith("_heading")} - NOTES


def test_every_brand_setting_is_described() -> None:
    example = Path(ROOT, ".env.example").read_text(encoding="utf-8")
    brand = set(re.findall(r"ONETILL_BRAND_\w+", example))
    assert len(brand) == 3
    assert brand <= set(re.findall(r"ONETILL_\w+", CHECKOUT))


def test_the_drop_ins_options_and_files_are_described() -> None:
    types = Path(STATIC, "onetill.d.ts").read_text(encoding="utf-8")
    options = re.findall(
        r"^  (\w+)\??:", types[types.index("interface OpenOptions") : types.index("interface OnetillApi")], re.M
    )
    assert set(options) == {"clientToken", "mode", "container", "onResult"}
    for name in (*options, "overlay", "redirect", "inline", "onetill.js", "onetill.mjs", "onetill.d.ts"):
        assert re.search(rf"\b{re.escape(name)}\b", DROP_IN), name
    (example,) = re.findall(r"```json\n(.*?)\n```", DROP_IN)
    assert set(re.findall(r'"(\w+)":', example)) == set(
        re.findall(r"readonly (\w+):", types[: types.index("interface OpenOptions")])
    )
