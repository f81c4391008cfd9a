"""An image without a container: the instructions of a target of the Dockerfile, copied into a folder and run from there.

Its virtual environment holds the distributions of requirements.lock and no others, so what the lock lacks is missing
here as it would be there.
"""

import shutil
import signal
import subprocess
import time
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from string import Template

import httpx

from app.paths import ROOT
from tests.deployment.files import Instruction, last, locked, target

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 120.0


class Image:
    """Folders below `root` as the Dockerfile lays them out below `/`, and how to run things in them."""

    def __init__(self, root: Path, name: str = "") -> None:
        """Without a name it is the product's."""
        self.root = root
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        self._work = PurePosixPath("/")
        _install(self.inside("/opt/venv"))
        for instruction in target(name):
            if instruction.word == "WORKDIR":
                self._work = PurePosixPath(instruction.arguments[0])
            elif instruction.word == "ENV":
                self._set(instruction)
            elif instruction.word == "COPY" and "from" not in instruction.options:
                self._copy(instruction)
            elif instruction.word == "RUN" and instruction.arguments[0] == "python":
                assert self.run(*instruction.arguments).returncode == 0

    def inside(self, path: str) -> Path:
        """Where a path of the image is on this machine."""
        return self.root / (self._work / path).relative_to("/")

    def files(self) -> set[Path]:
        """Everything in it."""
        return set(self.root.rglob("*"))

    def run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, with the image's environment, these variables and nothing else."""
        return subprocess.run(
            command,
            env=self.environment | variables,
            cwd=self.inside("."),
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
        )

    @contextmanager
    def started(self, *command: str, variables: Mapping[str, str], url: str | None = None) -> Iterator[None]:
        """Keep a command of the image's entry point running, from when `url` answers. It must end well on SIGTERM."""
        log = self.root.parent / f"{command[0]}-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*last("ENTRYPOINT").arguments, *command],
                env=self.environment | dict(variables),
                cwd=self.inside("."),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            if url:
                _wait(url, process, log)
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()
            code = process.wait(STOP_TIMEOUT_S)
        assert code in {0, -signal.SIGTERM}, f"{command[0]} ended with {code}: {log.read_text()}"

    def _set(self, instruction: Instruction) -> None:
        for pair in instruction.arguments:
            name, _, value = pair.partition("=")
            paths = [str(self.inside(part)) if part.startswith("/") else part for part in value.split(":")]
            self.environment[name] = Template(":".join(paths)).substitute(self.environment)

    def _copy(self, instruction: Instruction) -> None:
        *sources, target = instruction.arguments
        for source in sources:
            is_folder = target.endswith("/")
            to = self.inside(target) / Path(source).name if is_folder else self.inside(target)
            to.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, to)
                to.chmod(int(instruction.options.get("chmod", "644"), 8))


def _install(folder: Path) -> None:
    """A virtual environment of the runtime lock, linked to what is installed here, so that no network is needed."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for pin in locked("requirements.lock").values():
        if pin.marker and not pin.marker.evaluate():
            continue
        found = distribution(pin.name)
        assert found.version in pin.specifier, f"{pin.name} {found.version} is installed, {pin} is locked: make setup"
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            if not (packages / top).exists():
                (packages / top).symlink_to(Path(str(found.locate_file(top))))


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url, timeout=30).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer: {log.read_text()}")


def at(command: list[str], *, port: int) -> list[str]:
    """The command with another `--port`, because the real one may be taken on this machine."""
    index = command.index("--port") + 1
    return [*command[:index], str(port), *command[index + 1 :]]
