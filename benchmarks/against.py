"""`python -m benchmarks.against OTHER_CLONE`: this tree beside another commit, as CPU per request, in one interleaved run.

Each tree runs its own Postgres, its own migrations and its own server with its own `.venv`; the load and the gateway are ours.
Every round sends the same number of requests to the one and to the other. A ratio above 1 says that this tree is cheaper.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.demo.processes import until_ready
from app.ports import free_ports
from benchmarks import load

ROADS = ("create", "complete", "ingest", "read")
WEBHOOK = "/webhooks/portone-v1"
LONGEST_S = 120.0
TICKS = os.sysconf("SC_CLK_TCK")

HOST = """
import asyncio, json, os, subprocess, sys
from app.api_keys.service import ApiKeyService
from app.db import migrate
from app.db.database import Database
from app.db.embedded import EmbeddedPostgres

async def key(url):
    database = Database(url, connections=2)
    await database.open()
    made = await ApiKeyService(database, "test").create(mode="test", scopes=["*"], store="bench", name="bench")
    await database.close()
    return made[1]

with EmbeddedPostgres() as postgres:
    postgres.execute("postgres", "CREATE DATABASE bench")
    asyncio.run(migrate.upgrade(postgres.owner_url("bench")))
    made = asyncio.run(key(postgres.owner_url("bench")))
    environment = os.environ | {"ONETILL_DATABASE_URL": postgres.app_url("bench")}
    environment |= {f"ONETILL_LIMITS__{name}_PER_S": "1000000" for name in ("KEY", "SOURCE", "HINTS")}  # counted, never met
    command = [sys.executable, "-m", "app.cli", "serve", "--port", sys.argv[1], "--workers", sys.argv[2]]
    server = subprocess.Popen(command, env=environment)
    print(json.dumps({"key": made, "server": server.pid}), flush=True)
    sys.stdin.read()
    server.terminate()
    server.wait()
"""
"""What runs inside each tree until its standard input closes. It uses only names that both commits know."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One commit that runs: where it answers, and the processes whose CPU counts."""

    api: str
    key: str
    host: "subprocess.Popen[str]"
    server: int

    def cpu_s(self) -> tuple[float, float]:
        """CPU seconds so far of our Python and of its Postgres."""
        processes = _processes()
        ours = _below(self.server, processes)
        postgres = [pid for pid in _below(self.host.pid, processes) if processes[pid].name == "postgres"]
        return sum(processes[pid].cpu_s for pid in ours), sum(processes[pid].cpu_s for pid in postgres)


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc: `cpu_s` includes children that ended and were waited for."""

    name: str
    parent: int
    cpu_s: float


def main() -> None:
    """Parse the options, run the rounds, print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.against", description=__doc__)
    options.add_argument("other", type=Path, help="a clone of the other commit, with its .venv made by `make setup`")
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--requests", type=int, default=2000, help="of each road, to each tree, in each round")
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--workers", type=int, default=1)
    asyncio.run(_run(options.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    gateway_port = free_ports()
    gateway = subprocess.Popen([sys.executable, "-c", f"from benchmarks.gateway import main; main({gateway_port})"])  # noqa: ASYNC220  returns at once
    trees: list[Tree] = []
    try:
        trees.append(await _start(Path(__file__).parent.parent, gateway_port, options.workers))
        trees.append(await _start(options.other.resolve(), gateway_port, options.workers))
        _print(await _rounds(trees, options), options)
    finally:
        for tree in trees:
            tree.host.communicate()
        gateway.terminate()
        gateway.wait()


async def _start(root: Path, gateway_port: int, workers: int) -> Tree:
    port = free_ports()
    environment = os.environ | {
        "ONETILL_LOG_LEVEL": "warning",
        "ONETILL_POINT3__BASE_URL": f"http://127.0.0.1:{gateway_port}",
        "ONETILL_POINT3__SECRET": "bench",
        "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
        "ONETILL_POINT3__CLIENT_NICKNAME": "Bench",
        "ONETILL_PORTONE_V1__IMP_KEY": "bench",
        "ONETILL_PORTONE_V1__IMP_SECRET": "bench",
        "ONETILL_PORTONE_V1__USER_CODE": "imp00000000",
        "ONETILL_PORTONE_V1__CHANNEL_KEY": "bench",
    }
    command = [str(root / ".venv/bin/python"), "-c", HOST, str(port), str(workers)]
    host = subprocess.Popen(  # noqa: ASYNC220  returns at once
        command, cwd=root, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    line = await asyncio.to_thread(host.stdout.readline)
    if not line:
        raise SystemExit(f"the server of {root} did not start; see the log above")
    started = json.loads(line)
    tree = Tree(f"http://127.0.0.1:{port}", started["key"], host, started["server"])
    await until_ready(f"{tree.api}/readyz")
    return tree


Costs = dict[str, list[list[tuple[float, float]]]]
"""Per road and round: of each tree, the microseconds of Python and of Postgres that one request cost."""


async def _rounds(trees: list[Tree], options: argparse.Namespace) -> Costs:
    costs: Costs = {road: [] for road in ROADS}
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=(options.rounds + 1) * len(ROADS))
        for number in range(options.rounds + 1):
            first_is_ours = number % 2 == 0
            payments: dict[str, list[bytes]] = {}
            for road in ROADS:
                of_round = {}
                for tree in trees if first_is_ours else reversed(trees):
                    of_round[tree.api] = await _cost(tree, road, number, payments, options)
                if number:
                    costs[road].append([of_round[tree.api] for tree in trees])
                progress.advance(task)
    return costs


async def _cost(
    tree: Tree, road: str, number: int, payments: dict[str, list[bytes]], options: argparse.Namespace
) -> tuple[float, float]:
    created = payments.setdefault(tree.api, [])
    requests = list(_requests(road, number, created, options.requests))
    before = tree.cpu_s()
    run = {"connections": options.connections, "seconds": LONGEST_S}
    result = await load.run(tree.api, tree.key, iter(requests), **run, keep=road == "create")
    after = tree.cpu_s()
    created.extend(result.answers)
    if result.refused or len(result.latencies_ms) != len(requests):
        raise SystemExit(f"{road}: {result.refused} of {len(requests)} requests were refused by {tree.api}")
    python, postgres = (1e6 * (now - then) / len(requests) for then, now in zip(before, after, strict=True))
    return python, postgres


def _requests(road: str, number: int, created: list[bytes], many: int) -> Iterator[load.Request]:
    payments = [json.loads(answer) for answer in created]
    for n in range(many):
        name = f"bench-{number}-{n}"
        match road:
            case "create":
                body = {"order_id": name, "order_name": "Mug", "amount": load.AMOUNT, "currency": "KRW"}
                yield "POST", "/payments", json.dumps(body).encode(), {"Idempotency-Key": name}
            case "complete":
                yield load.complete(payments[n])
            case "ingest":
                body = {"imp_uid": f"imp_{name}", "merchant_uid": name, "status": "paid"}
                yield "POST", WEBHOOK, json.dumps(body).encode(), {}
            case _:
                yield "GET", f"/payments/{payments[n]['id']}", None, {}


def _processes() -> dict[int, Process]:
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.split()
        found[int(stat.parent.name)] = Process(name, int(fields[1]), sum(map(int, fields[11:15])) / TICKS)
    return found


def _below(pid: int, processes: dict[int, Process]) -> list[int]:
    """The process and everything below it."""
    children = [child for child, process in processes.items() if process.parent == pid]
    return [pid, *(below for child in children for below in _below(child, processes))]


def _print(costs: Costs, options: argparse.Namespace) -> None:
    table = Table(
        title=f"CPU µs per request, {os.cpu_count()} cores, {options.connections} connections, {options.workers} worker(s), "
        f"medians of {options.rounds} rounds"
    )
    for column in ("road", "Python", "other's", "Postgres", "other's", "other ÷ this, Python", "other ÷ this, both"):
        table.add_column(column, justify="left" if column == "road" else "right")
    for road, rounds in costs.items():
        ours, theirs = zip(*rounds, strict=True)
        table.add_row(
            road,
            f"{median(python for python, _ in ours):.0f}",
            f"{median(python for python, _ in theirs):.0f}",
            f"{median(postgres for _, postgres in ours):.0f}",
            f"{median(postgres for _, postgres in theirs):.0f}",
            f"{median(other[0] / this[0] for this, other in rounds):.2f}",
            f"{median(sum(other) / sum(this) for this, other in rounds):.2f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
