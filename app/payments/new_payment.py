"""A payment out of what a shop asks for: checked, and bound to the gateway that takes it. Nothing is stored here."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import msgspec

from app.domain import ids
from app.domain.clock import Now
from app.domain.currencies import EXPONENT
from app.domain.errors import InvalidRequest
from app.domain.money import Money
from app.domain.states import PaymentStatus
from app.domain.text import wrong_address
from app.gateways.port import Gateway
from app.gateways.registry import Registry
from app.gateways.values import Capability
from app.ledger.history_keys import HistoryKey
from app.ledger.model import Payment
from app.payments.charge_request import details_text, next_charge
from app.payments.schemas import CreatePayment
from app.settings import Settings


class NewPayments:
    """Makes payments. Safe to share; holds no state."""

    def __init__(self, history_key: HistoryKey | None, registry: Registry, settings: Settings, now: Now) -> None:
        self._history_key = history_key
        self._registry = registry
        self._settings = settings
        self._now = now

    def make(self, store: str, request: CreatePayment) -> tuple[Payment, Gateway]:
        """The payment as it will be stored, and who takes it.

        Raises InvalidRequest for what the named gateway, or none of those that the rules allow, can take.
        """
        self._check(request)
        now = self._now()
        payment = Payment(
            id=ids.uuid7(),
            store=store,
            mode=self._settings.mode,
            order_id=request.order_id,
            order_name=request.order_name,
            amount=Money(request.amount, request.currency),
            status=PaymentStatus.OPEN,
            gateway=request.gateway or "",
            created_at=now,
            expires_at=now + timedelta(seconds=request.expires_in_s),
            method=request.method,
            customer_id=request.customer.id,
            details=details_text(request, buyer_chooses=self._buyer_chooses(request)),
            return_url=request.return_url,
            link_expires_at=request.link_expires_at,
            metadata=msgspec.json.encode(request.metadata).decode(),
            history_key=self._history_key,
        )
        if request.gateway is not None:
            gateway = self._registry.named(request.gateway)
            gateway.check(next_charge(payment, self._settings.public_url, gateway))
        else:
            gateway = self._registry.choose(partial(next_charge, payment, self._settings.public_url))
        if request.save_billing_key and Capability.SAVED_CARDS not in gateway.capabilities:
            raise InvalidRequest(("save_billing_key", f"{gateway.name} cannot save a means of payment"))
        return replace(payment, gateway=gateway.name), gateway

    def _buyer_chooses(self, request: CreatePayment) -> bool:
        """Said of this payment, or of all that name no gateway. Kept with it: another setting later changes no page in use."""
        if request.buyer_chooses is not None:
            return request.buyer_chooses
        return self._settings.buyer_chooses and request.gateway is None

    def _check(self, request: CreatePayment) -> None:
        errors: list[tuple[str, str]] = []
        if request.currency not in EXPONENT:
            errors.append(("currency", f"{request.currency} is not an ISO 4217 currency"))
        if request.tax.tax_free + (request.tax.vat or 0) > request.amount:
            errors.append(("tax", f"vat and tax_free together exceed the amount of {request.amount}"))
        if request.return_url is not None and (wrong := self._wrong_return_url(request.return_url)):
            errors.append(("return_url", wrong))
        if request.link_expires_at is not None and request.link_expires_at <= self._now():
            errors.append(("link_expires_at", "is past"))
        known = {each.name for each in self._registry}
        unknown = f"is no configured gateway; configured: {', '.join(sorted(known))}"
        errors.extend((f"gateway_options.{name}", unknown) for name in sorted(request.gateway_options.keys() - known))
        if errors:
            raise InvalidRequest(*errors)

    def _wrong_return_url(self, url: str) -> str | None:
        web = {"https"} if self._settings.mode == "live" else {"https", "http"}
        hosts = frozenset(host.lower() for host in self._settings.return_hosts)
        return wrong_address(url, web | set(self._settings.return_url_schemes), hosts)
