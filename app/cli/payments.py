"""`onetill payments`: look at payments, check their audit trails, and decide what only a person can."""

from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.refunds import say_what_waits
from app.cli.terminal import Json, Note, PaymentId, errors, payment_of, show, with_services

payments = typer.Typer(help="Look at payments, and repair, from a terminal.", no_args_is_help=True)


@payments.command("verify-history")
def verify_history(
    payment_id: Annotated[str | None, typer.Argument(help="pay_…; all payments, and the anchors, without it.")] = None,
    anchor: Annotated[
        str | None, typer.Option(help="An anchor that you kept outside, as the worker logs it: number:seal.")
    ] = None,
) -> None:
    """Check that audit trails are whole and sealed, and that amounts, orders and references stand as they say."""
    from app.jobs.history import check_all

    only = payment_of(payment_id) if payment_id else None
    checked, broken = with_services(lambda services: check_all(services, errors, only, anchor))
    for public_id, faults in broken:
        for fault in faults:
            errors.print(f"{public_id}: {fault}", markup=False, style="red", soft_wrap=True)
    typer.echo(f"{checked} audit trails checked, {len(broken)} with faults.")
    if broken:
        raise typer.Exit(1)


@payments.command("exchanges")
def show_exchanges(payment_id: PaymentId, as_json: Json = False) -> None:
    """Show what was said with the gateways about a payment, masked, as long as it is kept."""
    wanted = payment_of(payment_id)
    heard = with_services(lambda services: services.gateway_log.of(wanted))
    rows = [asdict(each) | {"at": each.at.isoformat(timespec="milliseconds")} for each in heard]
    show(rows, as_json=as_json)


@payments.command("give-back")
def give_back(payment_id: PaymentId) -> None:
    """Release rejected money that ONETILL_REJECTED_MONEY=hold keeps: it goes back to the buyer now."""
    wanted = payment_of(payment_id)
    payment = with_services(lambda services: services.refunds.release(wanted))
    states = ", ".join(f"{refund.public_id} {refund.status}" for refund in payment.refunds)
    typer.echo(f"{payment.public_id} is {payment.status}; {states}")
    say_what_waits(payment.refunds)


@payments.command("resolve")
def resolve(
    payment_id: PaymentId,
    action: Annotated[
        str,
        typer.Argument(
            help="accept keeps the money, where a look-up shows it whole; refund sends back what the look-ups show; "
            "close ends the payment where they show none."
        ),
    ],
    note: Note,
) -> None:
    """Decide about a payment that calls a person (`needs_attention`). The gateways are asked first."""
    from app.resolution.decisions import Action

    if action not in set(Action):
        errors.print(f"{action!r} is none of {', '.join(Action)}", style="red", markup=False)
        raise typer.Exit(2)
    wanted = payment_of(payment_id)
    payment = with_services(lambda services: services.resolutions.resolve(wanted, None, Action(action), note))
    kept = f"; {payment.attention.sentence}" if payment.attention else ""
    typer.echo(f"{payment.public_id} is {payment.status}{kept}")
