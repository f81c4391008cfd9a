"""The demo's parts as processes and servers: how each is started, waited for and ended."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping

import httpx2
import uvicorn
from starlette.types import ASGIApp

from app.db.embedded import END_WITH_PARENT
from app.domain.schedule import KEEP_ALIVE_S
from app.http_client import open_client
from app.ports import free_ports, is_free

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
RESTART_PAUSE_S = 0.2


def ports_from(wanted: int, count: int) -> list[int]:
    """So many free ports in a row from `wanted` on, anywhere for 0. Raises RuntimeError that says what to do."""
    first = wanted or free_ports(count)
    ports = list(range(first, first + count))
    taken = [port for port in ports if not is_free(port)]
    if taken:
        raise RuntimeError(f"port {taken[0]} is taken; choose another with --port, or --port 0 for any")
    return ports


@contextlib.asynccontextmanager
async def until_told() -> AsyncIterator[None]:
    """A block that SIGTERM, SIGINT or the end of the terminal cancel, however far it is; then it has ended well.

    Only the first one counts, so that nothing interrupts the stopping of what the block has started.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = False

    def end() -> None:
        nonlocal told
        if not told:
            told = True
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores it, and is meant
            loop.add_signal_handler(number, end)
    try:
        yield
    except asyncio.CancelledError:
        if not told:
            raise
        task.uncancel()


class Child:
    """One of our commands as a process of its own, started again when it dies without being told to."""

    def __init__(self, *arguments: str, environment: Mapping[str, str]) -> None:
        self._arguments = arguments
        self._environment = {**os.environ, **environment}
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it and keep it running."""
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Ask it to end, wait, and end it for good after STOP_TIMEOUT_S."""
        if self._keeper is not None:
            self._keeper.cancel()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.cli",
            *self._arguments,
            env=self._environment,
            stdout=sys.stderr,
            start_new_session=True,  # a terminal's Ctrl-C is for the demo, which stops its parts in their order
            preexec_fn=END_WITH_PARENT,
        )

    async def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            print(f"{self._arguments[0]} ended with {code}; starting it again", file=sys.stderr)
            await asyncio.sleep(RESTART_PAUSE_S)
            await self._spawn()


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, port: int, *, is_started: bool = False) -> AsyncIterator[None]:
    """Serve an app on 127.0.0.1 within this process's loop. `is_started`: its lifespan is somebody else's."""

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self):  # type: ignore[no-untyped-def]  # as uvicorn's own, which has no types either
            yield  # the demo itself listens to signals

    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        lifespan="off" if is_started else "auto",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await until_ready(f"http://127.0.0.1:{port}/healthz")
        yield
    finally:
        server.should_exit = True
        await task


async def until_ready(url: str) -> None:
    """Wait until the address answers 200. Raises RuntimeError with its last word after READY_TIMEOUT_S."""
    said = "nothing"
    async with open_client(timeout_s=2) as client:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_TIMEOUT_S):
                while True:
                    try:
                        answer = await client.get(url)
                    except httpx2.HTTPError as error:
                        said = type(error).__name__
                    else:
                        if answer.status_code == 200:
                            return
                        said = answer.text
                    await asyncio.sleep(0.05)
    raise RuntimeError(f"{url} was not ready within {READY_TIMEOUT_S:.0f} s: {said}")
