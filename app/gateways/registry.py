"""Which gateways there are, which are on, and who takes a payment that names none."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from app.domain.errors import InvalidRequest
from app.domain.routing import RoutingRule
from app.gateways.manifest import AdapterContext, GatewaySettings, Manifest
from app.gateways.port import Gateway
from app.gateways.values import ChargeRequest

NAMES = (
    "point3",
    "portone_v1",
    "portone_v2",
    "unifi_pay",
)
"""Every gateway of the product, by its folder, in the order in which they are asked where no rule says another.

A new one is a line here, and a line in the simulator's registry; see docs/gateways/adding-one.md.
"""

MANIFESTS: tuple[Manifest[Any], ...] = tuple(import_module(f"{__package__}.{name}.manifest").MANIFEST for name in NAMES)
"""What each of them says of itself. Their adapters, and the HTTP client below those, load with `build`."""

ChargeFor = Callable[[Gateway], ChargeRequest]
"""The order as one gateway would be asked to charge it; `options` differ."""


class Registry:
    """The gateways whose settings are present, by name, and the rules that choose among them."""

    def __init__(self, gateways: list[Gateway], rules: Sequence[RoutingRule] = ()) -> None:
        self._gateways = {gateway.name: gateway for gateway in gateways}
        self._rules = rules or [RoutingRule(name) for name in self._gateways]

    def __iter__(self) -> Iterator[Gateway]:
        return iter(self._gateways.values())

    def get(self, name: str) -> Gateway | None:
        """The gateway of that name, or None when it is not configured (any more)."""
        return self._gateways.get(name)

    def holding(self, name: str, account: str | None) -> Gateway | None:
        """The gateway at the account that opened an attempt; None when that account is not configured (any more)."""
        gateway = self._gateways.get(name)
        return gateway.as_opened(account) if gateway is not None else None

    def named(self, name: str) -> Gateway:
        """The gateway that a caller asks for. Raises InvalidRequest that lists what is configured."""
        gateway = self._gateways.get(name)
        if gateway is None:
            raise InvalidRequest(("gateway", f"{name!r} is not configured here; configured: {self._known()}"))
        return gateway

    def choose(self, charge_for: ChargeFor) -> Gateway:
        """The gateway of a payment that names none: the first by the rules that takes it, the well ones before the ill.

        Raises InvalidRequest that says for each gateway why it does not take this payment.
        """
        if not self._gateways:
            raise InvalidRequest(("gateway", "no gateway is configured; set the ONETILL_<GATEWAY>__ variables of one"))
        errors: list[tuple[str, str]] = []
        first = None
        for gateway in self._willing(charge_for, errors):
            if gateway.is_available:
                return gateway
            first = first or gateway
        if first is not None:
            return first
        if not errors:
            raise InvalidRequest(
                ("gateway", f"no routing rule (ONETILL_ROUTING) matches; name one of: {self._known()}")
            )
        raise InvalidRequest(*errors)

    def allowed(self, charge_for: ChargeFor) -> list[Gateway]:
        """All gateways that a buyer may pay this order at, in the order of the rules."""
        return list(self._willing(charge_for, []))

    def _willing(self, charge_for: ChargeFor, errors: list[tuple[str, str]]) -> Iterator[Gateway]:
        """Those whose rule matches and who can take the charge, each once; why the others cannot goes to `errors`."""
        asked: set[str] = set()
        for rule in self._rules:
            gateway = self._gateways.get(rule.gateway)
            if gateway is None or gateway.name in asked:
                continue
            request = charge_for(gateway)
            if not rule.matches(request.amount, request.customer.country, request.method):
                continue
            asked.add(gateway.name)
            try:
                gateway.check(request)
            except InvalidRequest as error:
                errors.extend(error.errors)
                continue
            yield gateway

    def _known(self) -> str:
        return ", ".join(self._gateways) or "none: set the ONETILL_<GATEWAY>__ variables of one"

    async def close(self) -> None:
        """Close every gateway's connections."""
        for gateway in self:
            await gateway.close()


def build(
    accounts: Iterable[tuple[Manifest[Any], GatewaySettings]],
    rules: Sequence[RoutingRule],
    context_of: Callable[[GatewaySettings], AdapterContext],
) -> Registry:
    """The gateways of these accounts, each made by `create` in its folder's adapter.py."""
    gateways: list[Gateway] = []
    for manifest, account in accounts:
        adapter = import_module(f"{__package__}.{manifest.name}.adapter")
        gateways.append(adapter.create(account, context_of(account)))
    return Registry(gateways, rules)
