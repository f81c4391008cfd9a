"""`onetill webhooks listen`: a shop's webhooks on a developer's machine, where none can arrive from outside."""

import asyncio
from base64 import b64decode
from contextlib import suppress
from typing import Annotated

import typer

webhooks = typer.Typer(help="Webhooks while a shop is being developed.", no_args_is_help=True)


def _secret(text: str | None) -> str | None:
    try:
        is_one = text is None or (text.startswith("whsec_") and b64decode(text.removeprefix("whsec_"), validate=True))
    except ValueError:
        is_one = False
    if not is_one:
        raise typer.BadParameter("a secret is whsec_ and base64")
    return text


@webhooks.command("listen")
def listen(
    forward_to: Annotated[str, typer.Option(help="Where events are sent by POST: http://127.0.0.1:3000/webhooks.")],
    key: Annotated[str, typer.Option(envvar="ONETILL_API_KEY", help="An API key that may read payments.")],
    api: Annotated[str, typer.Option(envvar="ONETILL_API", help="Onetill's address.")] = "http://127.0.0.1:8000",
    secret: Annotated[
        str | None,
        typer.Option(
            callback=_secret, envvar="ONETILL_WEBHOOK_SECRET", help="Signs them: whsec_…; made up where absent."
        ),
    ] = None,
    after: Annotated[
        int | None, typer.Option(help="Begin behind this position of the feed, 0 with the oldest; absent: from now on.")
    ] = None,
) -> None:
    """Read the feed of events and send each to a shop, signed as a webhook is, until Ctrl-C."""
    from app.cli.listener import Listener
    from app.notifications.signing import new_secret

    with suppress(KeyboardInterrupt):
        made_up = None if secret else new_secret()
        if made_up:
            typer.echo(f"Signed with {made_up}")
        asyncio.run(Listener(api, key, forward_to, secret or str(made_up)).run(after))
