"""What a setting must be for live money: one rule for each kind of value (law 12). `app.settings` asks for all of them at once.

The kinds are known by the types of `app.setting_types`, so a new setting is judged without being named here;
`tests/unit/test_live_mode.py` finds one that is of no kind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from app.setting_types import hosts_of, is_address, is_database, is_loopback, is_mail_password, sslmode_of

OUR_LEAST, OUR_SYMBOLS = 32, 8
"""A secret of ours has so many characters, and so many different ones: `openssl rand -hex 32` has 64 and 16."""

THEIR_LEAST, THEIR_SYMBOLS = 16, 4
"""A gateway's, and also one that a person chose in its console. PortOne's REST API keys are 16 digits."""

MAIL_LEAST = 12
"""A mail provider's: the shortest passwords for programs have so many (Naver's)."""

PLACEHOLDERS = ("password", "changeme", "change-me", "change_me", "openssl", "example", "your-secret", "<", ">", "...")
"""Parts of what files have where a secret should stand, and of what people write there in a hurry."""

ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})
"""Values of `sslmode` with which libpq and asyncpg never fall back to plain text."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it was given. `published` are values that anybody can read somewhere: examples, the simulator's."""

    variable: str
    field: FieldInfo
    value: Any
    is_ours: bool = False
    """Whether its secrets are the merchant's own; a gateway's are made by somebody else."""
    published: frozenset[str] = frozenset()
    plain_hosts: frozenset[str] = frozenset()
    """Database hosts to which the merchant allows connections without TLS."""


def faults(setting: Setting) -> Iterator[str]:
    """What keeps a setting out of live mode, each with the way out. It quotes no value: that may be a secret."""
    values = setting.value if isinstance(setting.value, list) else [setting.value]
    found = dict.fromkeys(fault for value in values for fault in _fault_of(setting, value))
    yield from (f"{setting.variable} {fault}" for fault in found)


def versions(secret: SecretStr) -> list[str]:
    """The versions of a secret of ours that are live, comma-separated while one takes another's place."""
    return [each.strip() for each in secret.get_secret_value().split(",")]


def is_published(text: str, published: frozenset[str]) -> bool:
    """Whether it is one of these, with or without `whsec_` before it and padding behind it, or any of the simulator's."""
    named = text.strip().rpartition(":")[2]  # a history key has its id before it
    known = {_bare(each) for each in published}
    return text.strip().startswith("sim_") or _bare(text) in known or _bare(named) in known


def _fault_of(setting: Setting, value: object) -> Iterator[str]:
    if isinstance(value, SecretStr):
        least, symbols = (OUR_LEAST, OUR_SYMBOLS) if setting.is_ours else (THEIR_LEAST, THEIR_SYMBOLS)
        least = MAIL_LEAST if is_mail_password(setting.field) else least
        for text in versions(value) if setting.is_ours else [value.get_secret_value()]:
            if is_published(text, setting.published):
                yield "is a published one, of the simulator or of an example: " + _way_out(setting)
            elif setting.is_ours and any(part in text.lower() for part in PLACEHOLDERS):
                yield f"stands for a secret that was not set: {_way_out(setting)}"
            elif fault := _weakness(text, least, symbols):
                yield f"{fault}: {_way_out(setting)}"
    elif isinstance(value, str) and is_address(setting.field):
        parts = urlsplit(value)
        if parts.scheme != "https" or is_loopback(parts.hostname or "") or value in setting.published:
            yield "is not a real https host (the simulator, an example?): set the address that is reached from outside"
    elif isinstance(value, str) and is_database(setting.field):
        hosts = {host for host in hosts_of(value) if not is_loopback(host)} - setting.plain_hosts
        if hosts and sslmode_of(value) not in ENCRYPTED:
            yield (
                "leads to another machine without TLS: add sslmode=verify-full (or require), or name the host of a private "
                "network in ONETILL_DATABASE_PLAIN_HOSTS"
            )
    elif isinstance(value, str) and value in setting.published:
        yield "is the simulator's: set your own"


def _way_out(setting: Setting) -> str:
    if is_mail_password(setting.field):
        return "take the one for programs from the mail provider's console"
    return "make one with `openssl rand -hex 32`" if setting.is_ours else "take your own from the gateway's console"


def _bare(text: str) -> str:
    return text.strip().removeprefix("whsec_").rstrip("=")


def _weakness(text: str, least: int, symbols: int) -> str | None:
    """Why a secret could be guessed; None: nothing speaks for that."""
    bare = _bare(text)
    if not bare:
        return "is empty"
    if len(bare) < least:
        return f"is shorter than {least} characters"
    if len(set(bare)) < symbols or bare in (bare + bare)[1:-1]:
        return "repeats itself"
    return None
