"""Debian's PgBouncer before a test's database. `scripts/ensure-servers` installs it."""

import os
import pwd
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.db.embedded import END_WITH_PARENT, UNPRIVILEGED
from app.ports import free_ports

PROGRAM = os.environ.get("PGBOUNCER", "/usr/sbin/pgbouncer")

IGNORED = (
    "extra_float_digits,options,role,jit,plan_cache_mode,max_parallel_workers_per_gather,lock_timeout,statement_timeout"
)
IGNORED += ",idle_in_transaction_session_timeout"
"""What a merchant writes who reads "unsupported startup parameter" in its log: then nothing of it is taken, silently."""


@contextmanager
def pgbouncer(url: str, pool_mode: str = "transaction", ignored: str = "extra_float_digits") -> Iterator[str]:
    """Run one before the database of `url` with two connections for all, and yield the URL that leads through it."""
    parts, port = urlsplit(url), free_ports()
    with tempfile.TemporaryDirectory(prefix="onetill-pgbouncer-", dir="/tmp") as name:
        folder = Path(name)
        (folder / "users").write_text(f'"{parts.username}" ""\n')
        (folder / "ini").write_text(
            f"[databases]\n* = host={parts.hostname} port={parts.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = trust\nauth_file = {folder / 'users'}\n"
            f"pool_mode = {pool_mode}\nignore_startup_parameters = {ignored}\ndefault_pool_size = 2\nunix_socket_dir =\n"
            "max_client_conn = 200\n"
        )
        folder.chmod(0o755)
        as_root = os.geteuid() == 0
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [PROGRAM, *(["--user", pwd.getpwnam(UNPRIVILEGED).pw_name] if as_root else []), str(folder / "ini")],
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=END_WITH_PARENT,
            )
        try:
            through = parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}").geturl()
            deadline = time.monotonic() + 20
            while not _answers(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.02)
            yield through
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
