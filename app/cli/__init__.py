"""The command `onetill`: a module for the processes, and one for each noun."""

import typer

from app.cli.alarms import alarms
from app.cli.inbox import inbox
from app.cli.keys import keys
from app.cli.notifications import notifications
from app.cli.payments import payments
from app.cli.processes import processes
from app.cli.refunds import refunds
from app.cli.webhooks import webhooks

app = typer.Typer(
    name="onetill",
    help="A merchant's own payment backend. Settings are ONETILL_* variables; see .env.example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(processes)
app.add_typer(keys, name="keys")
app.add_typer(payments, name="payments")
app.add_typer(refunds, name="refunds")
app.add_typer(inbox, name="inbox")
app.add_typer(webhooks, name="webhooks")
app.add_typer(notifications, name="notifications")
app.add_typer(alarms, name="alarms")


def main() -> None:
    """Entry of the script."""
    app()
