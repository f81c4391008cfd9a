"""What PortOne's two APIs have in common: payment windows under one reference of the merchant, deposits, the console."""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator.buyer import Buyer, Window
from simulator.clock import SimClock, Timers
from simulator.store import AMOUNT_STEP, Attempt
from simulator.tokens import Tokens
from simulator.twin import RefusedError, Twin, UnknownReferenceError
from simulator.web import is_web_address, money_text, page, unknown_window

SDK = (Path(__file__).parent / "sdk.js").read_text("utf-8")
ACCOUNT_LIVES = timedelta(days=3)
"""How long a virtual account takes deposits ([I])."""


@dataclass(frozen=True, slots=True)
class VirtualAccount:
    """Where the buyer may deposit until when."""

    bank: str
    number: str
    issued_at: datetime
    holder: str = "온틸 상점"

    @property
    def ends_at(self) -> datetime:
        """When it takes no deposit any more."""
        return self.issued_at + ACCOUNT_LIVES


@dataclass(frozen=True, slots=True)
class Order:
    """What the shop's page asked for when it opened the payment window. Amounts in minor units."""

    reference: str
    """The merchant's name for the payment."""
    name: str
    total: int
    currency: str
    tax_free: int = 0
    vat: int | None = None
    """None: an eleventh of what is taxed."""
    custom_data: str | None = None
    notice_urls: tuple[str, ...] = ()
    redirect_url: str | None = None
    is_redirected: bool = False
    """True when the result travels in the query of `redirect_url`."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What else look-ups show of it: about the buyer, the method, the page."""

    def target(self) -> str | None:
        """Where the browser goes with the result; None when the page hears it."""
        return self.redirect_url if self.is_redirected else None


@dataclass(slots=True, eq=False, kw_only=True)
class WindowAttempt(Attempt):
    """One opening of the payment window; several may share the merchant's reference, at most one of them is paid."""

    id: str
    """PortOne's name for it."""
    order: Order
    channel: str
    opened_at: datetime
    changed_at: datetime
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    status: Any
    """Each API has words of its own."""
    account: VirtualAccount | None = None
    is_underpaid: bool = False

    @property
    def reference(self) -> str:
        """The merchant's name for the payment."""
        return self.order.reference

    @property
    def gateway_ref(self) -> str:
        """PortOne's name for it."""
        return self.id

    @property
    def currency(self) -> str:
        """As ordered."""
        return self.order.currency

    @property
    @abstractmethod
    def is_payable(self) -> bool:
        """True while money may come: in the window, or by a deposit; who left may come back."""


A = TypeVar("A", bound=WindowAttempt)
R = TypeVar("R")


@dataclass(slots=True)
class Payment(Generic[A, R]):
    """Everything under one reference of the merchant: what was pre-registered, and every window that was opened."""

    reference: str
    registration: R | None = None
    attempts: list[A] = field(default_factory=list)

    @property
    def success(self) -> A | None:
        """The attempt that was paid; there is at most one."""
        return next((each for each in self.attempts if each.has_succeeded), None)

    @property
    def shown(self) -> A | None:
        """The attempt that a look-up by the reference shows: the paid one, else the newest."""
        return self.success or (self.attempts[-1] if self.attempts else None)


class PaymentStore(Generic[A, R]):
    """The payments of one merchant. All methods finish in one step."""

    def __init__(self, clock: SimClock, timers: Timers, tokens: Tokens) -> None:
        self.clock = clock
        self.timers = timers
        self.tokens = tokens
        self.reset()

    def reset(self) -> None:
        """Forget every payment."""
        self._payments: dict[str, Payment[A, R]] = {}
        self._attempts: dict[str, A] = {}

    def payment(self, reference: str) -> Payment[A, R] | None:
        """What is known under a reference, if only its pre-registration."""
        return self._payments.get(reference)

    def payments(self) -> list[Payment[A, R]]:
        """Everything, oldest first."""
        return list(self._payments.values())

    def attempt(self, gateway_ref: object) -> A | None:
        """One opened window."""
        return self._attempts.get(gateway_ref) if isinstance(gateway_ref, str) else None

    def attempts(self) -> list[A]:
        """All opened windows, oldest first."""
        return list(self._attempts.values())

    def _under(self, reference: str) -> Payment[A, R]:
        return self._payments.setdefault(reference, Payment(reference))

    def _keep(self, attempt: A) -> A:
        self._under(attempt.reference).attempts.append(attempt)
        self._attempts[attempt.id] = attempt
        return attempt

    def _change(self, attempt: A, status: Any) -> datetime:
        attempt.status = status
        attempt.changed_at = self.clock.now()
        return attempt.changed_at

    def _after(self, seconds: float, attempt: A, capture: Callable[[], None]) -> None:
        """Take the money of an attempt later, unless another one is paid by then."""

        def approve() -> None:
            if self._under(attempt.reference).success is None:
                capture()

        self.timers.after(seconds, approve)


class PaymentWindow(Window[A], Generic[A, R]):
    """The payment window, which the SDK opens. Who was refused may try again: that is another attempt."""

    path: ClassVar[str]
    id_name: ClassVar[str]
    """What the window's address and its page call the attempt."""
    gateway: ClassVar[str]
    template: ClassVar[str]
    no_deposit: ClassVar[frozenset[str]]
    """Scenarios that a deposit cannot follow."""

    def __init__(self, twin: Twin, store: PaymentStore[A, R], buyer: Buyer) -> None:
        super().__init__(twin.rules)
        self._store = store
        self._buyer = buyer

    def routes(self) -> list[Route]:
        """The page and its actions."""
        return [Route(self.path, self._page), Route(f"{self.path}/{{action}}", self.act, methods=["POST"])]

    async def _page(self, request: Request) -> Response:
        attempt = self.find(request.query_params)
        if attempt is None:
            return unknown_window(self.gateway)
        amount = money_text(attempt.order.total, attempt.currency)
        return page(
            self.template,
            attempt=attempt,
            amount=amount,
            path=self.path,
            id_name=self.id_name,
            scenarios=self.scenarios,
        )

    def find(self, fields: Mapping[str, Any]) -> A | None:
        """By PortOne's name for it."""
        return self._store.attempt(fields.get(self.id_name))

    @abstractmethod
    def open(self, payment: Payment[A, R], last: A | None, scenario: str) -> A:
        """A new window, for the last one's order or for what was pre-registered. Raises RefusedError without either."""

    @abstractmethod
    def cancel_in_console(self, payment: Payment[A, R]) -> Any:
        """Somebody at the shop cancels all of it in the console; what the buyer's browser would have received."""

    @abstractmethod
    def follow(self, attempt: A, scenario: str) -> Any:
        """Do what the scenario says in an attempt that can be paid; what the shop's page receives."""

    def pay_in(self, payment: Payment[A, R], attempt: A | None, scenario: str | None) -> Any:
        """The buyer in one window; without one in the newest if it can be paid, else in a new one."""
        self._store.timers.run_due()
        scenario = self._buyer.scenario(payment.reference, scenario)
        if scenario == "console_cancel":
            return self.cancel_in_console(payment)
        if payment.success is not None:
            raise RefusedError(f"the payment is already {payment.success.status}: a reference can be paid once")
        if attempt is None:
            attempt = payment.attempts[-1] if payment.attempts else None
            if attempt is None or not attempt.is_payable:
                attempt = self.open(payment, attempt, scenario)
        if not attempt.is_payable:
            raise RefusedError(f"this attempt is {attempt.status}: open the window again to pay")
        return self.follow(attempt, scenario)

    def pay_here(self, attempt: A, scenario: str | None) -> Any:
        """The buyer in the window of this attempt."""
        payment = self._store.payment(attempt.reference)
        assert payment is not None
        return self.pay_in(payment, attempt, scenario)

    def deposit(self, attempt: A, scenario: str) -> None:
        """The money arrives at the virtual account; it must still be taken."""
        if scenario in self.no_deposit:
            raise RefusedError(f"a deposit into a virtual account cannot be {scenario}")
        if attempt.account is None or self._store.clock.now() >= attempt.account.ends_at:
            raise RefusedError("the virtual account takes no deposit any more")
        self.prepare(attempt, scenario)
        if attempt.is_underpaid or scenario == "underpaid_deposit":
            attempt.is_underpaid = True
            attempt.charged = max(1, attempt.order.total - AMOUNT_STEP)

    def prepare(self, attempt: A, scenario: str) -> None:
        """Change what the scenario changes before the money moves."""
        self._buyer.prepare(attempt, attempt.reference, scenario)
        if scenario in ("test_channel", "live_channel"):
            attempt.channel = scenario.removesuffix("_channel").upper()


class PortOneTwin(Twin, Generic[A, R]):
    """A twin with payment windows and a console."""

    _store: PaymentStore[A, R]
    _console: Any
    """What sends webhooks, to its `url` where a payment names no address."""

    def webhooks(self, mode: str, url: str | None) -> dict[str, Any]:
        """And with `url` the console's address."""
        if url is not None:
            self._console.url = url
        return {**super().webhooks(mode, url), "url": self._console.url}

    def entries(self) -> list[A]:
        """One for each opened window."""
        return self._store.attempts()

    def _payment(self, reference: str) -> Payment[A, R]:
        payment = self._store.payment(reference)
        if payment is None:
            raise UnknownReferenceError(f"{reference!r} was neither pre-registered nor opened by the SDK")
        return payment


def sdk(own: Path) -> str:
    """A browser script: what both have, then its own part, in one scope that leaves nothing but its global behind."""
    return f'"use strict";\n(() => {{\n{SDK}{own.read_text("utf-8")}}})();\n'


class NotOpenedError(Exception):
    """No window opens: the code and message that the shop's page is told instead."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def custom_data_text(value: Any) -> str | None:
    """What travels with a payment, as look-ups show it: a string."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def web_addresses(name: str, value: Any) -> tuple[str, ...]:
    """One address or a list of them. Raises ValueError for what is none."""
    values = [] if value is None else value if isinstance(value, list) else [value]
    if not all(map(is_web_address, values)):
        raise ValueError(f"{name} must be an http(s) address")
    return tuple(values)


def return_address(name: str, value: Any, *, is_needed: bool) -> str | None:
    """Where the browser goes with the result. Raises ValueError for no address, and for a missing one that is needed."""
    if value is None and not is_needed:
        return None
    if not is_web_address(value):
        raise ValueError(f"{name} must be an http(s) address, and is required where the result comes by redirect")
    return str(value)
