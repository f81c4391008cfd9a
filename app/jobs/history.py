"""`onetill payments verify-history`: checks the audit trails of all payments, with a bar for the person who waits."""

from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from app.domain import ids
from app.payments.service import PaymentService

PAGE = 500

Broken = list[tuple[str, list[str]]]


async def check_all(payments: PaymentService, console: Console, only: UUID | None = None) -> tuple[int, Broken]:
    """Return how many audit trails were checked, and the faults of those that have some, by payment."""
    broken: Broken = []
    checked = 0
    after: UUID | None = None
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Checking audit trails", total=1 if only else await payments.count() or None)
        while page := [only] if only else await payments.every_id(after, PAGE):
            for payment_id in page:
                if faults := await payments.history_faults(payment_id):
                    broken.append((ids.show(ids.Prefix.PAYMENT, payment_id), faults))
                checked += 1
                progress.advance(bar)
            after = page[-1]
            if only:
                break
    return checked, broken
