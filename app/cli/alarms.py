"""`onetill alarms`: whether mails about alarms arrive."""

import typer

from app.cli.terminal import errors, read_settings, run_to_end

alarms = typer.Typer(help="What a person must look at, told by mail.", no_args_is_help=True)


@alarms.callback()
def group() -> None:
    """What a person must look at, told by mail."""


@alarms.command("test")
def send_test() -> None:
    """Send one mail now, to all that ONETILL_ALARMS__MAIL_TO names."""
    from app.alarms.mail import Mailer, MailNotTaken
    from app.alarms.message import trial_mail

    settings = read_settings()
    mailer = Mailer.of(settings)
    if mailer is None:
        errors.print("Nobody is told by mail: set ONETILL_ALARMS__MAIL_TO.", style="red", markup=False)
        raise typer.Exit(2)
    try:
        run_to_end(mailer.send(trial_mail(settings.alarms.language)))
    except MailNotTaken as error:
        errors.print(f"The mail server did not take it: {error}.", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    typer.echo(f"The mail server took a mail for {', '.join(settings.alarms.mail_to)}.")
