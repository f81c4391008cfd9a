"""A flood beside a shop that goes on selling: its creates stay quick and good, and rows and memory stay few.

It prints its numbers (`-s`); on a machine that is starved they say nothing, and the whole takes minutes.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from app.db.database import Database
from app.paths import ROOT
from app.ports import free_ports
from tests.concurrency.processes import _end
from tests.concurrency.victims import until
from tests.support import order
from tests.support.databases import Urls

pytestmark = pytest.mark.alone

PER_S, AT_ONCE = 50, 16
QUIET_S = 8
WHOLE = 5
"""The `--size` at which the flood is a whole one."""
MOST_TIMES = 3
NOISE_MS = 5.0
"""What a machine that is busy with something else may add to a p99, quiet or not."""
MOST_ROWS_PER_S, ROWS_AT_ONCE = 200, 400
"""The budget of all unsigned webhooks: ONETILL_LIMITS__HINTS_PER_S, and two seconds' worth."""
MOST_MIB = 64


@dataclass(slots=True)
class Product:
    port: int
    pid: int
    session: aiohttp.ClientSession

    async def is_ready(self) -> bool:
        try:
            async with self.session.get("/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def create(self, **fields: object) -> tuple[int, float, dict[str, object]]:
        """One payment: its status, how long it took in milliseconds, and what was answered."""
        sent = time.perf_counter()
        headers = {"Idempotency-Key": f"key-{os.urandom(12).hex()}"}
        async with self.session.post("/payments", json=order(**fields), headers=headers) as answer:
            body = await answer.json()
        return answer.status, (time.perf_counter() - sent) * 1000, body

    def memory_mib(self, name: str) -> float:
        """`VmRSS`, what the process holds now, or `VmHWM`, the most that it ever held."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024


@asynccontextmanager
async def product(urls: Urls, api_key: str, log: Path) -> AsyncIterator[Product]:
    """One process of the API, and a gateway that costs next to nothing."""
    port, gateway_port = free_ports(), free_ports()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ONETILL_")}
    environment = clean | {
        "PYTHONPATH": str(ROOT),
        "ONETILL_DATABASE_URL": urls.app,
        "ONETILL_LOG_LEVEL": "error",
        "ONETILL_POINT3__BASE_URL": f"http://127.0.0.1:{gateway_port}",
        "ONETILL_POINT3__SECRET": "flood",
        "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
        "ONETILL_POINT3__CLIENT_NICKNAME": "Flood",
        "ONETILL_PORTONE_V1__BASE_URL": f"http://127.0.0.1:{gateway_port}",
        "ONETILL_PORTONE_V1__IMP_KEY": "flood",
        "ONETILL_PORTONE_V1__IMP_SECRET": "flood",
        "ONETILL_PORTONE_V1__USER_CODE": "imp00000000",
        "ONETILL_PORTONE_V1__CHANNEL_KEY": "channel-key-flood",
        "ONETILL_ROUTING": "point3",
    }
    commands = [
        ("-m", "app.cli", "serve", "--port", str(port)),
        ("-c", f"from benchmarks.gateway import main; main({gateway_port})"),
    ]
    async with AsyncExitStack() as stack:
        output = stack.enter_context(log.open("wb"))
        pids = []
        for command in commands:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *command, env=environment, cwd=ROOT, stdout=output, stderr=output
            )
            stack.push_async_callback(_end, process)
            pids.append(process.pid)
        headers = {"Authorization": f"Bearer {api_key}"}
        session = await stack.enter_async_context(
            aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers, timeout=aiohttp.ClientTimeout(60))
        )
        running = Product(port, pids[0], session)
        await until(running.is_ready)
        yield running


async def sell(at: Product, until_done: asyncio.Event) -> list[tuple[int, float]]:
    """PER_S creates a second, as long as no more than AT_ONCE of them wait for their answers."""
    sold: list[tuple[int, float]] = []
    due = count()
    started = time.perf_counter()

    async def one_till() -> None:
        while not until_done.is_set():
            await asyncio.sleep(max(0.0, started + next(due) / PER_S - time.perf_counter()))
            status, took, _ = await at.create()
            sold.append((status, took))

    await asyncio.gather(*(one_till() for _ in range(AT_ONCE)))
    return sold


async def quietly(at: Product, seconds: float) -> list[tuple[int, float]]:
    done = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, done.set)
    return await sell(at, done)


def p99(sold: list[tuple[int, float]]) -> float:
    ordered = sorted(took for _, took in sold)
    return ordered[int(len(ordered) * 0.99)]


async def flooded(
    at: Product, reference: str, share: float
) -> tuple[list[tuple[int, float]], dict[str, dict[str, int]]]:
    """What was sold while the flood lasted, and what the flood was told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.concurrency.flood",
        str(at.port),
        reference,
        str(share),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    over = asyncio.Event()
    selling = asyncio.create_task(sell(at, over))
    told, _ = await process.communicate()
    over.set()
    assert process.returncode == 0
    return await selling, json.loads(told)


async def test_a_flood_leaves_a_shop_its_pace(
    urls: Urls, api_key: str, database: Database, tmp_path: Path, size: int
) -> None:
    async with product(urls, api_key, tmp_path / "flood.log") as at:
        _, _, payment = await at.create()
        attempts = payment["attempts"]
        assert isinstance(attempts, list)
        await quietly(at, 3)  # warm
        before, held = await quietly(at, QUIET_S), at.memory_mib("VmRSS")
        started = time.perf_counter()
        sold, told = await flooded(at, attempts[-1]["reference"], min(1.0, size / WHOLE))
        lasted_s = time.perf_counter() - started
        most = at.memory_mib("VmHWM")
        after = await quietly(at, QUIET_S)
    row = await database.row("SELECT count(*) AS n FROM webhook_inbox")
    assert row is not None
    quiet, beside = max(p99(before), p99(after)), p99(sold)
    print(
        f"creates' p99: {p99(before):.1f} ms before, {beside:.1f} beside the flood of {lasted_s:.0f} s, {p99(after):.1f} after; "
        f"creates: {len(before)}, {len(sold)}, {len(after)}; "
        f"rows kept: {row['n']}; memory {held:.0f} MiB, at most {most:.0f}; told: {told}"
    )
    assert {status for status, _ in before + sold + after} == {201}, "no 5xx to the shop, and no 429"
    assert beside <= MOST_TIMES * quiet + NOISE_MS
    assert row["n"] <= ROWS_AT_ONCE + MOST_ROWS_PER_S * lasted_s
    assert row["n"] == told["hints"].get("200", 0), "what was acknowledged is kept, and nothing else"
    assert most - held <= MOST_MIB
    assert set(told["hints"]) <= {"200", "429", "503"}
    assert set(told["bombs"]) <= {"413", "429", "503"}
    assert set(told["guesses"]) <= {"401", "429", "503"}
    assert set(told["returns"]) <= {"200", "404", "429", "503"}
    assert set(told["halves"]) <= {"408", "429", "503"}
    assert set(told["huge"]) <= {"431", "cut"}
