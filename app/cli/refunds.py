"""`onetill refunds`: look at refunds, and decide those that only a person can."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any
from uuid import UUID

import typer

from app.cli.terminal import Json, Note, PaymentId, id_of, payment_of, show, with_services
from app.domain import ids
from app.domain.states import RefundStatus
from app.ledger.model import Refund

refunds = typer.Typer(help="Look at refunds, and decide those that only a person can.", no_args_is_help=True)

RefundId = Annotated[str, typer.Argument(help="ref_…, as the API shows it.")]


@refunds.command("list")
def list_refunds(payment_id: PaymentId, as_json: Json = False) -> None:
    """List the refunds of a payment, external ones too."""
    wanted = payment_of(payment_id)
    payment = with_services(lambda services: services.payments.get(wanted, None))
    rows = [
        {
            "id": each.public_id,
            "status": str(each.status),
            "amount": str(each.returned),
            "cause": each.initiator,
            "reason": each.reason,
            "gateway_ref": each.gateway_ref,
            "asked": each.refund_attempts,
            "next_look": each.next_check_at.isoformat(timespec="seconds") if each.next_check_at else None,
        }
        for each in payment.refunds
    ]
    show(rows, as_json=as_json)


@refunds.command("done")
def refund_done(
    refund_id: RefundId,
    note: Note,
    amount: Annotated[int | None, typer.Option(help="Minor units, if not what was asked.", min=1)] = None,
) -> None:
    """Say that a refund is done, which no look-up shows: it was made by hand, or the gateway told you."""
    _told(
        refund_id,
        lambda services, wanted: services.refunds.mark(wanted, is_done=True, note=note, amount_minor=amount),
    )


@refunds.command("failed")
def refund_failed(refund_id: RefundId, note: Note) -> None:
    """Say that a refund will not happen. Its amount is free again."""
    _told(refund_id, lambda services, wanted: services.refunds.mark(wanted, is_done=False, note=note))


@refunds.command("ask-again")
def refund_again(refund_id: RefundId, note: Note) -> None:
    """Ask the gateway once more for a refund whose answer was lost, after you have seen there that it was not carried out."""
    _told(refund_id, lambda services, wanted: services.refunds.ask_again(wanted, note))


@refunds.command("record")
def record_refund(
    payment_id: PaymentId,
    note: Note,
    amount: Annotated[
        int | None, typer.Option(help="Minor units of the payment's currency; all that is left without it.", min=1)
    ] = None,
) -> None:
    """Record a refund that was made by hand, where the gateway has no refund API."""
    wanted = payment_of(payment_id)
    payment, refund = with_services(lambda services: services.refunds.record(wanted, amount, note))
    typer.echo(f"{refund.public_id} of {refund.returned} is {refund.status}; {payment.public_id} is {payment.status}")


def _told(refund_id: str, work: Callable[[Any, UUID], Awaitable[tuple[Any, Any]]]) -> None:
    """Do what a person has decided about a refund, and say how it stands."""
    wanted = id_of(ids.Prefix.REFUND, refund_id, "refund")
    payment, refund = with_services(lambda services: work(services, wanted))
    typer.echo(f"{refund.public_id} of {refund.returned} is {refund.status}; {payment.public_id} is {payment.status}")
    say_what_waits([refund])


def say_what_waits(decided: Iterable[Refund]) -> None:
    """Warn of a decision that nobody could be asked for yet: it is carried out later, so it must not be made by hand as well."""
    for refund in decided:
        if refund.status is RefundStatus.CREATED:
            later = "its gateway could not be asked now, and the worker will: do not give it back by hand"
            typer.echo(f"{refund.public_id} is stored; {later}", err=True)
