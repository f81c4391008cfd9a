"""`onetill payments verify-history`: checks the audit trails of all payments, with a bar for the person who waits."""

from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from app.domain import ids
from app.ledger.audit_trail import faults_of
from app.ledger.repository import PaymentRepository
from app.ledger.transitions import Event

PAGE = 500
EVENTS_PAGE = 1000

Broken = list[tuple[str, list[str]]]


async def check(repository: PaymentRepository, payment_id: UUID) -> list[str]:
    """Return what is wrong with a payment's audit trail: gaps, changed rows, another last status. Raises NotFound."""
    payment = await repository.load(payment_id)
    rows: list[tuple[Event, bytes]] = []
    while page := await repository.events(payment_id, len(rows), EVENTS_PAGE):
        rows += page
    return faults_of(payment, rows)


async def check_all(repository: PaymentRepository, console: Console, only: UUID | None = None) -> tuple[int, Broken]:
    """Return how many audit trails were checked, and the faults of those that have some, by payment."""
    broken: Broken = []
    checked = 0
    after: UUID | None = None
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Checking audit trails", total=1 if only else await repository.about_how_many() or None)
        while page := [only] if only else await repository.every_id(after, PAGE):
            for payment_id in page:
                if faults := await check(repository, payment_id):
                    broken.append((ids.show(ids.Prefix.PAYMENT, payment_id), faults))
                checked += 1
                progress.advance(bar)
            after = page[-1]
            if only:
                break
    return checked, broken
