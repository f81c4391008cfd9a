"""The locks: complete, hashed, in step with pyproject.toml, and free of any machine's addresses."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.paths import ROOT
from tests.deployment.files import locked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DISTRIBUTIONS = packages_distributions()
DEMO_ONLY = [ROOT / "app/demo", ROOT / "app/db/embedded.py"]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_no_host_and_no_folder_and_hashes_everything(name: str) -> None:
    text = (ROOT / name).read_text()
    assert re.findall(r"\S*(?:://|index-url|find-links|file:|@ )\S*|(?<=\s)/\S+", text) == []
    for pinned in re.split(r"\n(?=[a-z])", text)[1:]:
        assert re.match(r"[a-z0-9.-]+==\S+.*\\\n +--hash=sha256:[0-9a-f]{64}", pinned), pinned.splitlines()[0]


def test_the_tests_run_on_what_the_image_holds() -> None:
    runtime, development = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: str(pin) for name, pin in development.items() if name in runtime} == {
        name: str(pin) for name, pin in runtime.items()
    }


def test_every_dependency_is_locked_within_its_range() -> None:
    extras = PROJECT["optional-dependencies"]
    for lock, wanted in (
        ("requirements.lock", PROJECT["dependencies"]),
        ("requirements-dev.lock", [*PROJECT["dependencies"], *extras["demo"], *extras["dev"]]),
    ):
        pins = locked(lock)
        for need in map(Requirement, wanted):
            if need.name == PROJECT["name"]:
                continue
            (pin,) = pins[canonicalize_name(need.name)].specifier
            assert need.specifier.contains(pin.version), f"{need} is locked as {pin.version}: make lock"


def declared(*extras: str) -> set[str]:
    """The distributions of the project, or of these extras and what they contain of others."""
    needs = [need for extra in extras for need in PROJECT["optional-dependencies"][extra]]
    names: set[str] = {canonicalize_name(Requirement(need).name) for need in needs or PROJECT["dependencies"]}
    return names - {PROJECT["name"]}


def test_the_project_declares_what_it_imports() -> None:
    for path in [*(ROOT / "app").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")]:
        is_demo = any(path.is_relative_to(place) for place in DEMO_ONLY)
        assert imported(path) <= (declared() | declared("demo", "simulator") if is_demo else declared()), path


def test_the_simulators_extra_is_what_it_imports_and_its_image_holds() -> None:
    needed = {name for path in (ROOT / "simulator").rglob("*.py") for name in imported(path)} | {"httptools"}
    assert needed == declared("simulator") <= locked("requirements.lock").keys()
    for extra in ("demo", "dev"):
        assert any(need in PROJECT["optional-dependencies"][extra] for need in ("onetill[simulator]", "onetill[demo]"))


def imported(path: Path) -> set[str]:
    """The distributions that a file imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    outside = names - sys.stdlib_module_names - {"app", "migrations", "simulator"}
    return {canonicalize_name(DISTRIBUTIONS[name][0]) for name in outside}
