"""docs/gateways/adding-one.md is true: its paths exist, and what it quotes stands in the files that it names."""

import re

import pytest

from app.paths import ROOT

TEXT = (ROOT / "docs" / "gateways" / "adding-one.md").read_text("utf-8")
EXCERPTS = re.findall(r"^```python (\S+)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
PATHS = sorted(
    set(re.findall(r"`((?:app|simulator|tests|docs|static)/[\w./\-]+|pyproject\.toml|\.env\.example)`", TEXT))
)
FENCES = re.findall(r"^```(\w*)", TEXT, flags=re.MULTILINE)

GAP = re.compile(r"^[ ]*…\n", flags=re.MULTILINE)
"""A line of an excerpt that stands for any number of lines."""


def test_there_is_something_to_hold_against_the_files() -> None:
    assert len(PATHS) >= 15
    assert {path for path, _ in EXCERPTS} == {
        f"tests/example_gateway/{name}"
        for name in ("adapter.py", "twin.py", "test_acmepay.py", "test_acmepay_payment.py")
    }
    assert FENCES.count("python") == len(EXCERPTS), "every excerpt says which file it is of"


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize(("path", "excerpt"), EXCERPTS)
def test_what_it_quotes_stands_there_in_this_order(path: str, excerpt: str) -> None:
    rest = (ROOT / path).read_text("utf-8")
    for piece in GAP.split(excerpt):
        assert piece.strip()
        before, found, rest = rest.partition(piece)
        assert found, f"{path} does not say (any more):\n{piece}"
        assert before == "" or before.endswith("\n"), "whole lines only"
