"""A gateway's manifest: what the rest of the product must know of it, and from which everything else is made.

`Settings`, the registry, the demo, README's table, `.env.example` and docker-compose.yml read manifests and name no gateway.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

from app.gateways.breaker import Breaker
from app.gateways.values import Capability
from app.setting_types import is_address, is_secret


class GatewaySettings(BaseModel):
    """The settings that every gateway account has. Each one's docstring is its comment in `.env.example`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)

    label: str | None = Field(None, min_length=1, max_length=40, examples=["Card"])
    """What buyers read of this way to pay, in every language but those with a line of their own."""
    label_ko: str | None = Field(None, min_length=1, max_length=40, examples=["카드"])
    """The same in Korean."""
    timeout_s: float = Field(10.0, gt=0, le=120)
    """Seconds that one call may take in all."""
    connections: int = Field(64, gt=0, le=1000)
    """Connections of each process at most."""


Account = TypeVar("Account", bound=GatewaySettings)


@dataclass(frozen=True, slots=True)
class Manifest(Generic[Account]):
    """What one gateway says of itself. Its folder, its settings, its simulator twin and its webhook path have its `name`."""

    name: str
    title: str
    """As people write it."""
    settings: type[Account]
    capabilities: Callable[[Account], Capability]
    """What an account with these settings can do."""
    identity: tuple[str, ...]
    """The settings that say which account it is, and stay when a secret is rotated: what one account opened, no other knows."""
    next_action: str
    """The `next_action.type` of its sessions: the checkout page has a module for each."""
    simulated: Mapping[str, str]
    """The settings that reach its twin; `{…}` stands for a member of the twin's connection. Enough to turn it on."""
    at_compose: str
    """For people who try it with Compose's simulator: the addresses and credentials to set."""
    offered_as: tuple[str, str]
    """How the demo's shop offers it, in English and Korean."""
    known_as: tuple[str, str] | None = None
    """What buyers call it in English and Korean, where they do not know it by its title."""
    offered_in: str = "KRW"
    """The currency in which the demo's shop sells by it."""
    browser_fields: Mapping[str, str] = field(default_factory=dict)
    """What its browser side yields for `POST /payments/complete`, with what each one is."""
    needed_in_live_mode: Mapping[str, str] = field(default_factory=dict)
    """Settings that may be empty in test mode only, with what would go wrong."""
    published: frozenset[str] = frozenset()
    """Its twin's credentials, and those that the vendor's pages print, for live mode to refuse; those that begin with `sim_`
    are known anyway."""

    def fields(self) -> dict[str, FieldInfo]:
        """Its settings, its own before those that every gateway has."""
        common = GatewaySettings.model_fields
        every = self.settings.model_fields
        return {name: every[name] for name in sorted(every, key=lambda name: name in common)}

    def variable(self, setting: str) -> str:
        """The environment variable of one of its settings."""
        return f"ONETILL_{self.name}__{setting}".upper()

    def published_for(self, setting: str) -> frozenset[str]:
        """What live mode refuses as the value of this setting: credentials that are published, and its own example."""
        field = self.fields()[setting]
        is_real = isinstance(field.default, str)  # a default is meant to be used
        named = () if is_real or not (is_secret(field) or is_address(field)) else (field.examples or ())
        return self.published | {str(each) for each in named}

    def example(self) -> Account:
        """The least account that turns it on, at no real address: `simulated` with the examples' values. Nothing is called."""
        fields = self.fields()
        return self.settings.model_validate({name: example_of(fields[name]) for name in self.simulated})

    def account_of(self, account: Account) -> str:
        """Tells this account from others of this gateway: a one-way fingerprint, for it may be made of what is confidential."""
        values = [getattr(account, name) for name in self.identity]
        texts = [each.get_secret_value() if isinstance(each, SecretStr) else str(each) for each in values]
        return hashlib.sha256("\0".join((self.name, *texts)).encode()).hexdigest()[:16]

    def needed(self) -> list[str]:
        """The settings without which it stays off."""
        return [name for name, each in self.fields().items() if each.is_required()]

    def at_simulator(self, connection: Mapping[str, str]) -> dict[str, str]:
        """The settings, as texts, of a running twin's account. `connection` is its `base_url` and its credentials."""
        return {name: text.format_map(connection) for name, text in self.simulated.items()}


@dataclass(frozen=True, slots=True)
class AdapterContext:
    """What this process gives to an adapter besides its account."""

    deadline_s: float
    """Total deadline of one call."""
    breaker: Breaker
    is_live: bool
    """Whether this is a deployment for live money."""


def example_of(setting: FieldInfo) -> str:
    """A setting's example as a variable holds it: the one that it names, else its default."""
    return _as_text(setting.examples[0] if setting.examples else setting.get_default(call_default_factory=True))


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
