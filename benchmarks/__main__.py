"""`make bench`: create, read and complete through the whole product, as ratios to pgbench in the same run.

Rounds are interleaved, medians and ratios are printed: absolute numbers of shared machines drift, ratios hold.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from app.api_keys.service import ApiKeyService
from app.db import migrate
from app.db.database import Database
from app.db.embedded import EmbeddedPostgres
from app.demo.processes import until_ready
from app.domain.ids import Prefix, read
from app.ports import free_ports
from benchmarks import baseline, load

NAME = "bench"


def main() -> None:
    """Parse the options, run the rounds, print the table."""
    options = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--connections", type=int, default=64)
    options.add_argument("--workers", type=int, default=1)
    asyncio.run(_run(options.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    with EmbeddedPostgres() as postgres:
        postgres.execute("postgres", f"CREATE DATABASE {NAME}")
        await migrate.upgrade(postgres.owner_url(NAME))
        key = await _key(postgres)
        port, gateway_port = free_ports(), free_ports()
        environment = os.environ | {
            "ONETILL_DATABASE_URL": postgres.app_url(NAME),
            "ONETILL_LOG_LEVEL": "warning",
            "ONETILL_POINT3__BASE_URL": f"http://127.0.0.1:{gateway_port}",
            "ONETILL_POINT3__SECRET": "bench",
            "ONETILL_POINT3__CLIENT_BUSINESS_NUM": "1234567890",
            "ONETILL_POINT3__CLIENT_NICKNAME": "Bench",
        }
        serve = ("-m", "app.cli", "serve", "--port", str(port), "--workers", str(options.workers))
        gateway = ("-c", f"from benchmarks.gateway import main; main({gateway_port})")
        commands = [[sys.executable, *serve], [sys.executable, *gateway]]
        processes = [subprocess.Popen(command, env=environment) for command in commands]  # noqa: ASYNC220  returns at once
        try:
            api = f"http://127.0.0.1:{port}"
            await until_ready(f"{api}/readyz")
            measured = await _rounds(postgres, api, key, options)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()
    _print(measured, options)


async def _rounds(
    postgres: EmbeddedPostgres, api: str, key: str, options: argparse.Namespace
) -> dict[str, list[tuple[float, load.Result]]]:
    """Per road, (pgbench a second, the product's result) of each round."""
    measured: dict[str, list[tuple[float, load.Result]]] = {"create": [], "read": [], "complete": []}
    run = {"connections": options.connections, "seconds": float(options.seconds)}
    numbers = count(1)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("measuring", total=options.rounds * 5)
        for _ in range(options.rounds):
            yardstick = await _pgbench(postgres, baseline.create_script(), options)
            progress.advance(task)
            created = await load.run(api, key, _creates(numbers), **run, keep=True)
            if not created.answers:
                raise SystemExit("no payment could be created; see the log above")
            payments = [json.loads(answer) for answer in created.answers]
            measured["create"].append((yardstick, created))
            progress.advance(task)
            completed = await load.run(api, key, iter([load.complete(payment) for payment in payments]), **run)
            measured["complete"].append((yardstick, completed))
            progress.advance(task)
            payment_id = str(read(Prefix.PAYMENT, payments[0]["id"]))
            yardstick = await _pgbench(postgres, baseline.read_script(payment_id), options)
            progress.advance(task)
            reads: Iterator[load.Request] = (
                ("GET", f"/payments/{payments[n % len(payments)]['id']}", None, {}) for n in count()
            )
            measured["read"].append((yardstick, await load.run(api, key, reads, **run)))
            progress.advance(task)
    return measured


async def _pgbench(postgres: EmbeddedPostgres, script: str, options: argparse.Namespace) -> float:
    return await asyncio.to_thread(
        baseline.per_second, postgres, NAME, script, clients=8, seconds=max(2, options.seconds // 2)
    )


def _creates(numbers: Iterator[int]) -> Iterator[load.Request]:
    for number in numbers:
        body = {"order_id": f"bench-{number}", "order_name": "Mug", "amount": load.AMOUNT, "currency": "KRW"}
        yield "POST", "/payments", json.dumps(body).encode(), {"Idempotency-Key": f"bench-{number}"}


async def _key(postgres: EmbeddedPostgres) -> str:
    database = Database(postgres.owner_url(NAME), connections=2)
    await database.open()
    _, key = await ApiKeyService(database, "test").create(mode="test", scopes=["*"], store="bench", name="bench")
    await database.close()
    return key


def _print(measured: dict[str, list[tuple[float, load.Result]]], options: argparse.Namespace) -> None:
    table = Table(
        title=f"{os.cpu_count()} cores, {options.connections} connections, {options.workers} worker(s), medians"
    )
    for column in ("road", "a second", "pgbench, one statement", "ratio", "p50 ms", "p99 ms", "refused"):
        table.add_column(column, justify="left" if column == "road" else "right")
    notes = {"create": "create, with the token call", "complete": "complete, with look-up and confirm", "read": "read"}
    for road, rounds in measured.items():
        table.add_row(
            notes[road],
            f"{median(result.per_second for _, result in rounds):,.0f}",
            f"{median(yardstick for yardstick, _ in rounds):,.0f}",
            f"{median(result.per_second / yardstick for yardstick, result in rounds):.2f}",
            f"{median(result.percentile_ms(0.5) for _, result in rounds):.1f}",
            f"{median(result.percentile_ms(0.99) for _, result in rounds):.1f}",
            str(sum(result.refused for _, result in rounds)),
        )
    Console().print(table)


main()
