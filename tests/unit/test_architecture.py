"""The direction of imports (docs/architecture.md §2), walked in the source, so that it cannot rot unseen."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
SOURCES = {path.relative_to(APP).as_posix(): ast.parse(path.read_text("utf-8")) for path in sorted(APP.rglob("*.py"))}
GATEWAYS = sorted(path.parent.name for path in (APP / "gateways").glob("*/adapter.py"))

MAY_NAME_A_GATEWAY = ("gateways/", "demo/")
"""Law 11: a gateway is one folder and its twin; the demo's shop offers each of them."""

EXAMPLES = "examples.py"
"""The documentation's examples show real requests and answers, a gateway's name among them."""

NAMES_A_GATEWAY_FOR_ITS_READERS = {
    "payments/schemas.py": "the documentation names each gateway's fields and next_action",
}

READS_THE_ENVIRONMENT = ("settings.py", "demo/", "cli/processes.py", "api/metrics.py")
"""The settings, and the demo, which sets them for the processes that it starts. The other two know the one
variable by which the metrics library shares counts between the processes of `onetill serve`."""


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that a reader sees where they go"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _says(tree: ast.Module) -> Iterator[str]:
    """Every name and text of a module; docstrings, which tell where a rule comes from, are left out."""
    told = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.value
        for field in ("id", "attr", "name", "arg", "asname", "module"):
            if isinstance(value := getattr(node, field, None), str):
                yield value


def test_the_domain_imports_the_standard_library_and_itself_only() -> None:
    for path, tree in SOURCES.items():
        if path.startswith("domain/"):
            strangers = {
                name
                for name in _imports(tree)
                if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith("app.domain.")
            }
            assert not strangers, f"{path} imports {strangers}"


def test_a_gateway_knows_the_port_the_http_seam_and_the_domain_only() -> None:
    allowed = (
        "app.domain.",
        "app.gateways.port.",
        "app.gateways.values.",
        "app.gateways.http.",
        "app.gateways.text.",
        "app.gateways.facts.",
        "app.gateways.adapter.",
        "app.gateways.manifest.",
        "app.setting_types.",
        "app.logs.",
    )
    for path, tree in SOURCES.items():
        folder = path.split("/")[1] if path.startswith("gateways/") and path.count("/") == 2 else None
        if folder is not None:
            ours = [name for name in _imports(tree) if name.startswith("app.")]
            strangers = [name for name in ours if not name.startswith((*allowed, f"app.gateways.{folder}."))]
            assert not strangers, f"{path} imports {strangers}"


def test_the_simulator_may_import_no_room_of_ours_but_the_domain() -> None:
    """import-linter refuses what is listed; a new room must stand on the list."""
    contracts = tomllib.loads((APP.parent / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (listed,) = [set(each["forbidden_modules"]) for each in contracts if each.get("source_modules") == ["simulator"]]
    rooms = {f"app.{path.split('/')[0].removesuffix('.py')}" for path in SOURCES} - {"app.__init__", "app.domain"}
    assert listed == rooms


def test_nothing_but_its_own_folder_and_the_wiring_names_a_gateway() -> None:
    assert GATEWAYS
    for path, tree in SOURCES.items():
        is_allowed = path.startswith(MAY_NAME_A_GATEWAY) or path.endswith(EXAMPLES)
        if not is_allowed and path not in NAMES_A_GATEWAY_FOR_ITS_READERS:
            named = [text for text in _says(tree) for gateway in GATEWAYS if gateway in text.lower()]
            assert not named, f"{path} names a gateway: {named}"


def test_the_exceptions_are_still_needed() -> None:
    for path in NAMES_A_GATEWAY_FOR_ITS_READERS:
        texts = " ".join(_says(SOURCES[path])).lower()
        assert any(gateway in texts for gateway in GATEWAYS), f"{path} names no gateway any more: take it off the list"


def test_only_the_settings_read_the_environment() -> None:
    for path, tree in SOURCES.items():
        if not path.startswith(READS_THE_ENVIRONMENT):
            assert not {"environ", "getenv"} & set(_says(tree)), f"{path} reads the environment"
