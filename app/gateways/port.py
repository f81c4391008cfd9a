"""The port: what the product asks of any gateway. No gateway is named outside its folder.

An adapter *reports* what the gateway holds; comparing it with what we stored is the service's work, in one place for all
of them. A decline is a value; an exception means that no answer came (`GatewayUnavailable`: it never acted;
`GatewayTimeout`: it may have; `GatewayRefused`: it refused the call itself). What it is asked and answers is in `values`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from app.domain.language import Language
from app.gateways.values import (
    Capability,
    CaptureAnswer,
    CapturedPayment,
    CaptureRequest,
    ChargeRequest,
    Fact,
    Failure,
    GatewayPayment,
    LookupHint,
    PageSources,
    ParsedWebhook,
    PaymentQuery,
    RefundAnswer,
    RefundPolicy,
    RefundRequest,
    Session,
    WebhookRequest,
)


class Gateway(ABC):
    """One gateway account. Stateless but for its connections; safe to share between tasks."""

    name: str
    title: str
    """As the merchant's people write it; buyers know their cards and wallets: `buyers_name`."""
    capabilities: Capability
    account: str | None = None
    """Tells one account of this gateway from another, without its secrets; stored with the attempts that it opens."""
    proves: Fact
    """The facts that its look-up tells in every answer about money: one that is missing waits with a person."""
    deadline_s: float
    """Total deadline of one call; leases are longer than this."""
    page: PageSources

    @property
    @abstractmethod
    def is_available(self) -> bool:
        """False while its calls have failed so often in a row that new payments had better go elsewhere."""

    def has_opened(self, account: str | None) -> bool:
        """Whether an attempt of this `account` is this account's; one that names none is trusted to be."""
        return account is None or self.account is None or account == self.account

    def as_opened(self, account: str | None) -> "Gateway | None":
        """This account as it was for an attempt of this `account`; None where that attempt is another account's."""
        return self if self.has_opened(account) else None

    @abstractmethod
    def buyers_name(self, request: ChargeRequest, language: Language) -> str:
        """What buyers read of paying this charge here."""

    @abstractmethod
    def check(self, request: ChargeRequest) -> None:
        """Refuse before any call what this gateway cannot take. Raises InvalidRequest that names the field."""

    @abstractmethod
    async def create_session(self, request: ChargeRequest) -> Session:
        """Open the charge; no money moves. Safe to repeat with the same reference under `Capability.REOPEN`.

        Raises GatewayUnavailable, GatewayTimeout or GatewayRefused.
        """

    @abstractmethod
    async def fetch_payment(self, query: PaymentQuery) -> GatewayPayment:
        """Return what the gateway holds. Safe to repeat. Raises as `create_session` does."""

    @abstractmethod
    def parse_callback(self, fields: Mapping[str, str]) -> LookupHint:
        """What a browser brought back, from a widget's result or a redirect's query. Hints, never proof."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections."""


class Capturing(Gateway):
    """A gateway with `Capability.CAPTURE`."""

    @abstractmethod
    async def capture(self, request: CaptureRequest) -> CaptureAnswer:
        """Take the money. Not safe to repeat: after a lost answer, fetch first. Raises as `create_session` does."""


class Refunding(Gateway):
    """A gateway with `Capability.REFUND`."""

    @abstractmethod
    def refund_policy(self, captured: CapturedPayment, now: datetime) -> RefundPolicy:
        """Whether this gateway can refund this payment, and how. Pure."""

    @abstractmethod
    def check_refund(self, request: RefundRequest) -> None:
        """Refuse before any call what this gateway never refunds. Raises InvalidRequest that names the field."""

    @abstractmethod
    async def refund(self, request: RefundRequest) -> RefundAnswer:
        """Refund. After a lost answer, fetch first; see `RefundPolicy.again_after_s`. Raises as `create_session` does.

        Raises InvalidRequest for what the gateway cannot refund so: a part, or to an account that it does not know.
        """


class Voiding(Gateway):
    """A gateway with `Capability.VOID`."""

    @abstractmethod
    async def void(self, query: PaymentQuery) -> Failure | None:
        """Close what stands open there without money: an account that waits for a deposit, a finished widget that was not
        captured. No money comes of it any more. Safe to repeat. None: it is closed; a Failure: an explicit no.

        Raises as `create_session` does.
        """


class SendsWebhooks(Gateway):
    """A gateway with `Capability.WEBHOOKS`."""

    webhook_headers: frozenset[str] = frozenset()
    """Headers that the check of its signature reads, in lower case: of all that come, these are kept."""
    signature_headers: frozenset[str] = frozenset()
    """Those of them that claim a signature, which `parse_webhook` then proves or refuses. A webhook without is a hint."""
    published_sources: ClassVar[frozenset[str]] = frozenset()
    """The addresses that it says its unsigned webhooks come from: those have no budget (law 15)."""
    allowed_sources: frozenset[str] = frozenset()
    """The only addresses that this account takes webhooks from; empty: every one."""

    def is_hint(self, headers: Mapping[str, str]) -> bool:
        """Whether it does not even claim to be signed, so that anybody may have sent it: known before its body is read."""
        return self.signature_headers.isdisjoint(headers)

    @abstractmethod
    def parse_webhook(self, request: WebhookRequest) -> ParsedWebhook:
        """Check a webhook as far as the gateway offers, and read whom it is about. Pure.

        Raises WebhookRefused for a signature that is missing where it must be, wrong, or too old, and InvalidRequest for
        a body that is none of this gateway's.
        """
