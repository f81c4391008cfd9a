"""`make`, its scripts and `.ci/run`: what the README promises exists, and what can be missing is said."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from app.paths import ROOT
from tests.deployment.conftest import program

TARGETS = (
    "help",
    "setup",
    "run",
    "demo",
    "check",
    "test",
    "test-long",
    "flood",
    "soak",
    "bench",
    "lock",
    "migrate",
    "openapi",
    "docs",
    "clients",
)
ENVIRONMENT = {name: text for name, text in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "CI"))}


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=ROOT, env=environment or ENVIRONMENT, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_exists(target: str) -> None:
    assert run("make", "--dry-run", target).returncode == 0


def test_make_alone_lists_the_targets() -> None:
    listed = run("make").stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(TARGETS)


def test_people_are_told_only_of_targets_that_exist() -> None:
    for page in [ROOT / "README.md", ROOT / ".ci/run", *(ROOT / "docs").rglob("*.md")]:
        assert set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", page.read_text())) <= {
            pair for target in TARGETS for pair in ((target, ""), ("", target))
        }, page


def test_ci_checks_and_then_runs_the_test_command_of_the_readme() -> None:
    lines = (ROOT / ".ci/run").read_text().splitlines()
    commands = [
        found[0] for line in lines if (found := re.search(r"(?<!usable )\bmake (check|test-long|test)\b", line))
    ]
    assert commands[-3:] == ["make check", "make test", "make test-long"]
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("name", [".ci/run", *(str(p.relative_to(ROOT)) for p in (ROOT / "scripts").glob("*-*"))])
def test_a_script_can_be_run_and_has_no_slip_of_the_pen(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK), "its mode must be committed: git update-index --chmod=+x"
    shell = path.read_text().splitlines()[0].removeprefix("#!").split()
    assert run(*shell, "-n", path).returncode == 0


def test_a_chromium_that_is_there_is_taken(tools: Path) -> None:
    program(tools, "google-chrome")
    done = run(ROOT / "scripts/ensure-chromium", PATH=str(tools))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_root_gets_a_chromium_installed(tools: Path) -> None:
    program(tools, "id", "echo 0")
    log = tools / "log"
    browser = program(tools, "not-yet")
    program(tools, "apt-get", f'echo "$@" >>{log}; case "$*" in *install*) exec {tools}/mv-it;; esac')
    program(tools, "mv-it", f"cat {browser} >{tools}/chromium; exec /bin/chmod 755 {tools}/chromium")
    done = run(ROOT / "scripts/ensure-chromium", PATH=str(tools))
    assert done.returncode == 0, done.stderr
    assert [line.split()[-3:] for line in log.read_text().splitlines()] == [
        ["-o", "Acquire::Retries=3", "update"],
        ["chromium", "fonts-noto-cjk", "libatomic1"],
    ]


@pytest.mark.parametrize(("user", "installed"), [("0", ["chromium-headless-shell"]), ("1000", [])])
def test_root_gets_the_headless_shell_too_where_apt_knows_it(tools: Path, user: str, installed: list[str]) -> None:
    log = tools / "log"
    log.touch()
    program(tools, "chromium")
    program(tools, "id", f"echo {user}")
    program(tools, "apt-cache", '[ "$*" = "show chromium-headless-shell" ]')
    program(tools, "apt-get", f'echo "$@" >>{log}')
    done = run(ROOT / "scripts/ensure-chromium", PATH=str(tools))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [line.split()[-1] for line in log.read_text().splitlines()] == installed


@pytest.mark.parametrize(("ci", "code", "says"), [("", 3, "LEFT OUT"), ("true", 1, "CI does not leave")])
def test_no_chromium_is_said_aloud_and_fails_ci(tools: Path, ci: str, code: int, says: str) -> None:
    program(tools, "id", "echo 1000")
    program(tools, "apt-get", "exit 99")
    done = run(ROOT / "scripts/ensure-chromium", PATH=str(tools), CI=ci)
    assert done.returncode == code
    assert says in done.stderr


def servers_at(tools: Path, **more: str) -> subprocess.CompletedProcess[str]:
    places = {"POSTGRESQL_HOME": str(tools), "PGBOUNCER": str(tools / "pgbouncer")}
    return run(ROOT / "scripts/ensure-servers", PATH=str(tools), **places, **more)


def test_root_gets_the_servers_installed_once(tools: Path) -> None:
    program(tools, "id", "echo 0")
    log = tools / "log"
    some, initdb, pgbouncer = program(tools, "not-yet"), tools / "15/bin/initdb", tools / "pgbouncer"
    initdb.parent.mkdir(parents=True)
    program(tools, "apt-get", f'echo "$@" >>{log}; case "$*" in *install*) exec {tools}/mv-it;; esac')
    program(tools, "mv-it", f"for each in {initdb} {pgbouncer}; do cat {some} >$each; /bin/chmod 755 $each; done")
    assert servers_at(tools).returncode == 0
    assert [line.split()[-2:] for line in log.read_text().splitlines()] == [
        ["Acquire::Retries=3", "update"],
        ["postgresql", "pgbouncer"],
    ]
    again = servers_at(tools)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.parametrize(("ci", "code", "says"), [("", 3, "LEFT OUT"), ("true", 1, "CI does not leave")])
def test_no_servers_are_said_aloud_and_fail_ci(tools: Path, ci: str, code: int, says: str) -> None:
    program(tools, "id", "echo 1000")
    program(tools, "apt-get", "exit 99")
    done = servers_at(tools, CI=ci)
    assert done.returncode == code
    assert says in done.stderr


def test_root_gets_node_installed_and_the_packages_of_the_lock(tools: Path) -> None:
    program(tools, "id", "echo 0")
    log, some = tools / "log", program(tools, "not-yet", f'echo "npm $@" >>{tools}/log')
    program(tools, "apt-get", f'echo "$@" >>{log}; case "$*" in *install*) exec {tools}/mv-it;; esac')
    program(tools, "mv-it", f"for each in node npm; do cat {some} >{tools}/$each; /bin/chmod 755 {tools}/$each; done")
    done = run(ROOT / "scripts/ensure-node", PATH=str(tools), PACKAGES=str(tools))
    assert done.returncode == 0, done.stderr
    said = [line.split() for line in log.read_text().splitlines()]
    assert [words[-2:] for words in said if words[0] == "-qq"] == [["Acquire::Retries=3", "update"], ["nodejs", "npm"]]
    assert ["npm", "ci", "--prefix", str(tools)] in [words[:4] for words in said]


@pytest.mark.parametrize(("ci", "code", "says"), [("", 3, "LEFT OUT"), ("true", 1, "CI does not leave")])
def test_no_node_is_said_aloud_and_fails_ci(tools: Path, ci: str, code: int, says: str) -> None:
    program(tools, "id", "echo 1000")
    program(tools, "apt-get", "exit 99")
    done = run(ROOT / "scripts/ensure-node", PATH=str(tools), CI=ci)
    assert done.returncode == code
    assert says in done.stderr


@pytest.mark.parametrize(("ci", "code", "says"), [("", 3, "LEFT OUT"), ("true", 1, "CI does not leave")])
def test_no_packages_for_the_documents_are_said_aloud_and_fail_ci(tools: Path, ci: str, code: int, says: str) -> None:
    program(tools, "id", "echo 1000")
    for name in ("mkdir", "cmp"):
        program(tools, name)
    program(tools, "apt-get", "exit 99")
    done = run(ROOT / "scripts/ensure-documents", PATH=str(tools), CI=ci)
    assert done.returncode == code
    assert says in done.stderr


def test_an_old_or_missing_python_is_named(tools: Path, tmp_path: Path) -> None:
    none = run(ROOT / "scripts/make-venv", PATH=str(tools))
    assert none.returncode == 1
    assert "there is no python3" in none.stderr
    old = program(tools, "python3", '[ "$1" = --version ] && echo Python 3.9.1 || exit 1')
    done = run(ROOT / "scripts/make-venv", PATH=str(tools), PYTHON=str(old))
    assert "Python 3.9.1 is too old; 3.11 is the least" in done.stderr


def test_a_python_without_venv_is_told_what_to_install(tools: Path) -> None:
    program(tools, "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = run(ROOT / "scripts/make-venv", PATH=str(tools))
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
