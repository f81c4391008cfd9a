"""docs/gateways/adding-one.md is a recipe: followed to the letter in a copy of the tree, it adds a gateway that takes money."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.paths import ROOT

TEXT = (ROOT / "docs" / "gateways" / "adding-one.md").read_text("utf-8")
FILES = Path(__file__).parent / "new_files"
FOLDERS = ("app/gateways/acmepay", "simulator/acmepay")
HOUSE = ("app", "simulator", "static", "templates", "migrations", "pyproject.toml", "Dockerfile", "docker-compose.yml")
"""What a gateway's name may stand in, once, in the two lines that register it."""
COPIED = (
    *HOUSE,
    "tests",
    "benchmarks",
    "docs",
    "scripts",
    "README.md",
    "README.ko.md",
    ".env.example",
    "Makefile",
    "CHANGELOG.md",
)

PATHS = sorted(
    set(re.findall(r"`((?:app|simulator|tests|docs|static)/[\w./\-]+|pyproject\.toml|\.env\.example)`", TEXT))
)
FENCES = re.findall(r"^```(\w*)[ ]?(\S*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
EXCERPTS = [(path, text) for kind, path, text in FENCES if kind == "python"]
LINES = [(path, text) for kind, path, text in FENCES if kind == "diff"]
COMMANDS = [line for kind, _, text in FENCES if kind == "sh" for line in text.splitlines()]

GAP = re.compile(r"^[ ]*…\n", flags=re.MULTILINE)
"""A line of an excerpt that stands for any number of lines."""


def of_the_stranger(path: str) -> Path:
    """A path of the recipe: one of AcmePay's files, or one that is there already."""
    return FILES / path if (FILES / path).exists() else ROOT / path


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_it_names_exists(path: str) -> None:
    assert of_the_stranger(path).exists()


@pytest.mark.parametrize(("path", "excerpt"), EXCERPTS)
def test_what_it_quotes_stands_there_in_this_order(path: str, excerpt: str) -> None:
    rest = of_the_stranger(path).read_text("utf-8")
    for piece in GAP.split(excerpt):
        assert piece.strip()
        before, found, rest = rest.partition(piece)
        assert found, f"{path} does not say (any more):\n{piece}"
        assert before == "" or before.endswith("\n"), "whole lines only"


@pytest.mark.long
def test_whoever_follows_it_has_a_fifth_gateway_that_takes_money(tmp_path: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "new_files"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    assert lines_that_name_it(tmp_path) == []
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    for path, change in LINES:
        apply(tmp_path / path, change)
    assert [path for path, _ in lines_that_name_it(tmp_path)] == [path for path, _ in LINES]
    assert len(LINES) == 2
    assert COMMANDS
    for command in COMMANDS:
        follow(command, tmp_path)


def lines_that_name_it(tree: Path) -> list[tuple[str, str]]:
    """Every line outside its two folders that names it, with its file."""
    found = []
    for name in HOUSE:
        for path in sorted((tree / name).rglob("*")) if (tree / name).is_dir() else [tree / name]:
            at = path.relative_to(tree).as_posix()
            if path.is_file() and "__pycache__" not in at and not at.startswith(FOLDERS):
                text = path.read_bytes().decode("utf-8", "replace")
                found += [(at, line) for line in text.splitlines() if "acme" in line.lower()]
    return found


def apply(path: Path, change: str) -> None:
    """Make a change that is written as a diff: the lines with ` ` are there, those with `+` are new."""
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] == " ")
    text = path.read_text("utf-8")
    assert text.count(before) == 1, f"{path.name} does not have these lines once:\n{before}"
    path.write_text(text.replace(before, "".join(line[1:] for line in lines)), "utf-8")


def follow(command: str, tree: Path) -> None:
    """Run a command of the recipe there, with this run's own Python."""
    program, *arguments = shlex.split(command.replace(".venv/bin/", f"{Path(sys.executable).parent}/"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ONETILL_", "PYTEST_"))}
    environment["PYTHONPATH"] = str(tree)
    done = subprocess.run(
        [program, *arguments], cwd=tree, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
