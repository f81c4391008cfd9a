"""Which gateways are on, and who takes a payment that names none."""

from collections.abc import Iterator

from app.domain.errors import InvalidRequest
from app.gateways.point3.adapter import Point3
from app.gateways.port import Gateway
from app.settings import Settings


class Registry:
    """The gateways whose settings are present, by name."""

    def __init__(self, gateways: list[Gateway]) -> None:
        self._gateways = {gateway.name: gateway for gateway in gateways}

    def __iter__(self) -> Iterator[Gateway]:
        return iter(self._gateways.values())

    def get(self, name: str) -> Gateway | None:
        """The gateway of that name, or None when it is not configured (any more)."""
        return self._gateways.get(name)

    def choose(self, name: str | None) -> Gateway:
        """The gateway for a new attempt. Raises InvalidRequest that lists what is configured."""
        known = ", ".join(self._gateways) or "none: set the ONETILL_<GATEWAY>__ variables of one"
        if name is None:
            if not self._gateways:
                raise InvalidRequest(("gateway", f"no gateway is configured ({known})"))
            return next(iter(self._gateways.values()))
        gateway = self._gateways.get(name)
        if gateway is None:
            raise InvalidRequest(("gateway", f"{name!r} is not configured here; configured: {known}"))
        return gateway

    async def close(self) -> None:
        """Close every gateway's connections."""
        for gateway in self:
            await gateway.close()


def build(settings: Settings) -> Registry:
    """The one place where gateways are wired."""
    gateways: list[Gateway] = []
    if settings.point3:
        gateways.append(Point3(settings.point3, deadline_s=settings.deadline(settings.point3.timeout_s)))
    return Registry(gateways)
