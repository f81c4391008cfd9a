"""What a house keeps: letters under way, orders, what was asked, and how long a piece of work may live."""

import asyncio
import contextvars
from collections.abc import Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Letter:
    """One webhook as its gateway sent it."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, eq=False)
class Order:
    """What the shop knows of one payment that it asked for."""

    body: dict[str, Any]
    key: dict[str, str]
    id: str | None = None
    """None: the process died, and nobody knows yet whether it was stored."""
    proofs: list[dict[str, Any]] = field(default_factory=list)
    """What its buyer's browser has received, newest last."""
    refunds: list["Asked"] = field(default_factory=list)
    """The refunds that the shop asked for, oldest first."""
    is_lied_about: bool = False
    """A look-up has shown, or will show, another amount than what is held."""


@dataclass(slots=True, eq=False)
class Asked:
    """What the shop knows of one refund that it asked for."""

    path: str
    body: dict[str, Any]
    key: dict[str, str]
    id: str | None = None
    """None: the process died, or nothing was reserved."""


_life: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("life", default=None)


class Life:
    """The tasks of one process. It can be told to die at the n-th of their coming waits."""

    def __init__(self) -> None:
        self.context = contextvars.copy_context()
        self.context.run(_life.set, self)
        self.tasks: set[asyncio.Task[Any]] = set()
        self.waits_left: int | None = None
        self.is_dead = False

    def waited(self) -> None:
        """One of the tasks has come to a wait."""
        if self.waits_left is not None:
            self.waits_left -= 1
            if self.waits_left == 0:
                self.waits_left = None
                asyncio.get_running_loop().call_soon(self.end)

    def end(self) -> None:
        """Every task stops where it waits."""
        self.is_dead = True
        for task in list(self.tasks):
            task.cancel()

    async def gone(self) -> None:
        """Wait until nothing of it runs any more."""
        while self.tasks:
            await asyncio.wait(self.tasks)
            await asyncio.sleep(0)


class _Counted(Coroutine[Any, Any, T]):
    """A coroutine of a process, whose waits count."""

    def __init__(self, inner: Coroutine[Any, Any, T], life: Life) -> None:
        self._inner = inner
        self._life = life

    def send(self, value: Any) -> Any:
        waits_for = self._inner.send(value)
        self._life.waited()
        return waits_for

    def throw(self, *error: Any) -> Any:
        return self._inner.throw(*error)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> asyncio.Task[Any]:
    context = more.get("context")
    life = context.get(_life) if context is not None else _life.get()
    if "asyncpg" in getattr(getattr(work, "cr_code", None), "co_filename", ""):
        life = None  # what the driver does to give a connection back, the kernel does for a process that is killed
    task = asyncio.Task(_Counted(work, life) if life else work, loop=loop, **more)
    if life is not None:
        life.tasks.add(task)
        task.add_done_callback(life.tasks.discard)
        task.add_done_callback(_look_at)
    return task


def _look_at(task: asyncio.Task[Any]) -> None:
    """Nobody asks a dead process for its errors."""
    if not task.cancelled():
        task.exception()
