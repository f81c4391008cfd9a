"""Which gateways are on, and who takes a payment that names none."""

from collections.abc import Callable, Iterator, Sequence

from app.domain.errors import InvalidRequest
from app.domain.routing import RoutingRule
from app.gateways.breaker import OPEN_S, Breaker
from app.gateways.point3.adapter import Point3
from app.gateways.port import ChargeRequest, Gateway
from app.gateways.portone_v1.adapter import PortOneV1
from app.gateways.portone_v2.manual import portone_v2
from app.gateways.unifi_pay.adapter import UnifiPay
from app.settings import Settings

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
        willing = list(self._willing(charge_for, errors))
        if willing:
            return next((gateway for gateway in willing if gateway.is_available), willing[0])
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


def build(settings: Settings) -> Registry:
    """The one place where gateways are wired."""
    breaker_s = settings.seconds(OPEN_S)
    gateways: list[Gateway] = []
    if own := settings.point3:
        gateways.append(Point3(own, deadline_s=settings.deadline(own.timeout_s), breaker=Breaker(breaker_s)))
    if v1 := settings.portone_v1:
        is_live = settings.mode == "live"
        deadline_s = settings.deadline(v1.timeout_s)
        gateways.append(PortOneV1(v1, deadline_s=deadline_s, breaker=Breaker(breaker_s), is_live_deployment=is_live))
    if v2 := settings.portone_v2:
        gateways.append(portone_v2(v2, deadline_s=settings.deadline(v2.timeout_s), breaker=Breaker(breaker_s)))
    if unifi := settings.unifi_pay:
        gateways.append(UnifiPay(unifi, deadline_s=settings.deadline(unifi.timeout_s), breaker=Breaker(breaker_s)))
    return Registry(gateways, settings.routing)
