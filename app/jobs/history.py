"""`onetill payments verify-history`: checks the audit trails of all payments, with a bar for the person who waits."""

from datetime import datetime
from uuid import UUID

from rich.console import Console
from rich.progress import Progress

from app.domain import ids
from app.ledger.audit_trail import faults_of
from app.services import Services

PAGE = 500

Broken = list[tuple[str, list[str]]]


async def check(services: Services, payment_id: UUID, sealed_since: datetime | None = None) -> list[str]:
    """Return what is wrong with a payment's audit trail, or with its rows beside it. Raises NotFound."""
    since = sealed_since or await services.repository.sealed_since()
    return faults_of(*await services.repository.history(payment_id), services.history_keys, since)


async def check_all(
    services: Services, console: Console, only: UUID | None = None, anchor: str | None = None
) -> tuple[int, Broken]:
    """Return how many audit trails were checked, and the faults of those that have some, by payment.

    Without `only`, the anchors are checked too, against `anchor` where one was kept outside. Raises InvalidRequest where that
    is no anchor's name.
    """
    repository = services.repository
    broken: Broken = []
    checked = 0
    sealed_since = await repository.sealed_since()
    after: UUID | None = None
    with Progress(console=console, transient=True) as progress:
        bar = progress.add_task("Checking audit trails", total=1 if only else await repository.about_how_many() or None)
        while page := [only] if only else await repository.every_id(after, PAGE):
            for payment_id in page:
                if faults := await check(services, payment_id, sealed_since):
                    broken.append((ids.show(ids.Prefix.PAYMENT, payment_id), faults))
                checked += 1
                progress.advance(bar)
            after = page[-1]
            if only:
                return checked, broken
        bar = progress.add_task("Checking anchors", total=await services.anchors.count())
        async for faults in services.anchors.faults(anchor):
            broken += [("anchors", faults)] if faults else []
            progress.advance(bar)
    return checked, broken
