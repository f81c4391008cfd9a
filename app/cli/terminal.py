"""What every command shares: reading ids and settings, working with the services, and printing for people or programs."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import asyncpg
import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.domain import ids
from app.domain.clock import utc_now
from app.domain.errors import InvalidRequest, MalformedId, OnetillError
from app.settings import Settings

errors = Console(stderr=True)

T = TypeVar("T")
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
PaymentId = Annotated[str, typer.Argument(help="pay_…, as the API shows it.")]


def _note(text: str) -> str:
    if not any(each.isalnum() for each in text):
        raise typer.BadParameter("say in words why, and how you know: nothing else will prove it later")
    return text


Note = Annotated[
    str, typer.Option(callback=_note, help="Why, and how you know; it stays in the payment's audit trail.")
]


def show(rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Print rows for programs or for people."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        errors.print("None.")
        return
    table = Table(*(name.replace("_", " ") for name in rows[0]))
    for row in rows:
        texts = (", ".join(v) if isinstance(v, list) else "" if v is None else str(v) for v in row.values())
        table.add_row(*(Text(text) for text in texts))  # somebody else's, and no markup
    # Never narrower than what stands in it: an id that is cut cannot be typed into the next command.
    Console(width=max(Console().width, Console(width=10_000).measure(table).maximum)).print(table)


def payment_of(text: str) -> UUID:
    """The payment's id that a person typed; see `id_of`."""
    return id_of(ids.Prefix.PAYMENT, text, "payment")


def id_of(prefix: ids.Prefix, text: str, kind: str) -> UUID:
    """The id that a person typed, or a line that says how it should look, and exit code 2."""
    try:
        return ids.read(prefix, text)
    except MalformedId:
        errors.print(
            f"{text!r} is no {kind} id; it looks like {prefix}_ and 32 letters and digits", style="red", markup=False
        )
        raise typer.Exit(2) from None


def duration(text: str | timedelta) -> timedelta:
    """A length of time that a person typed: a whole number and d, h or m. Raises BadParameter. A default comes as it is."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"(\d{1,5})([dhm])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no length of time; write 90d, 12h or 30m")
    return int(found[1]) * {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}[found[2]]


def moment(text: str) -> datetime:
    """A time that a person typed: RFC 3339 with its zone, or how long ago it was, as `duration` reads it. Raises BadParameter."""
    with suppress(typer.BadParameter):
        return utc_now() - duration(text)
    with suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text.strip().upper())
        if at.tzinfo is not None and "T" in text.upper():
            return at.astimezone(UTC)
    raise typer.BadParameter(f"{text!r} is no time; write 90d, 12h or 30m for so long ago, or 2026-11-21T08:30:00Z")


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Load what only an extra holds; say which one is missing, and exit with code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        errors.print(
            f"{error.name} is not installed. `onetill {name}` needs the extra {name!r}, in a checkout of Onetill: "
            f"pip install -e '.[{name}]'. The image for it is the Dockerfile's target 'simulator'.",
            style="red",
            markup=False,
            soft_wrap=True,
        )
        raise typer.Exit(2) from None


def read_settings() -> Settings:
    """The settings, or a readable list of what is wrong with them and exit code 2."""
    try:
        return Settings()
    except ValidationError as error:
        errors.print("[bold red]The settings are not usable:[/]")
        for fault in error.errors():
            name = "ONETILL_" + "__".join(str(part) for part in fault["loc"]).upper() if fault["loc"] else "settings"
            errors.print(f"  {name}: {fault['msg'].removeprefix('Value error, ')}", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def with_services(work: Callable[[Any], Awaitable[T]], settings: Settings | None = None, *, waits: bool = False) -> T:
    """Work with the services. Without a database the command ends, unless it `waits` for one."""
    from app.services import opened

    chosen = settings or read_settings()

    async def run() -> T:
        async with opened(chosen) as services:
            if not waits:
                await services.database.revision(timeout_s=10)
            return await work(services)

    return run_to_end(run())


def run_to_end(work: Awaitable[T]) -> T:
    """Run to the end; what a person can mend is told in one line, without a traceback."""

    async def awaited() -> T:
        return await work

    try:
        return asyncio.run(awaited())
    except InvalidRequest as error:
        for field, message in error.errors:
            errors.print(f"{field}: {message}", markup=False, style="red", soft_wrap=True)
        raise typer.Exit(2) from None
    except OnetillError as error:
        from app.api.problems import explain  # not before: whoever needs no page loads no web framework

        told = f"{error.code}: {error.details.get('hint') or explain(error.code, error.details, 'en')}"
        errors.print(told, markup=False, style="red", soft_wrap=True)
        raise typer.Exit(2) from None
    except (OSError, RuntimeError, asyncpg.PostgresError) as error:
        errors.print(f"{type(error).__name__}: {error}", markup=False, style="red", soft_wrap=True)
        raise typer.Exit(1) from None
