"""`onetill` commands as processes of their own that are there at once: forked from a server that has the code loaded.

What they do is what the installed command does; only the second of imports is spared, which tests by the hundred would wait for.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

from app.db.embedded import END_WITH_PARENT
from app.paths import ROOT

_context = get_context("forkserver")
_context.set_forkserver_preload(
    [
        "app.cli",
        "app.jobs.worker",
        "app.main",
        "uvicorn.lifespan.on",
        "uvicorn.loops.uvloop",
        "uvicorn.protocols.http.httptools_impl",
        __name__,
    ]
)


class Forked:
    """One command. `kill` is `kill -9`. What it says goes to the files `stdout` and `stderr` of a folder, if one is given."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> None:
        made_of = (list(arguments), dict(environment), folder)
        self._process = _context.Process(target=_run, args=made_of, daemon=True)
        self._process.start()

    def signal(self, how: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        assert self._process.pid is not None
        if self._process.exitcode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, how)

    def kill(self) -> None:
        """End it at this moment."""
        self.signal(signal.SIGKILL)

    async def ended(self, within_s: float) -> int:
        """Wait until it has ended; the exit code, negative for a signal. Raises TimeoutError."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, over.set)
        try:
            await asyncio.wait_for(over.wait(), within_s)
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode


def _run(arguments: list[str], environment: dict[str, str], folder: Path | None) -> None:
    if folder is not None:
        for name, number in (("stdout", 1), ("stderr", 2)):
            os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    if END_WITH_PARENT is not None:
        END_WITH_PARENT()
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    sys.argv = ["onetill", *arguments]
    from app.cli import main  # here, so that it is the forked process that runs it

    main()
