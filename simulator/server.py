"""Runs the simulator in the current event loop: one port for the tester, one for each imitated gateway."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Generator
from dataclasses import dataclass, field

import uvicorn
from starlette.types import ASGIApp

from simulator.admin import Admin
from simulator.clock import SimClock
from simulator.holds import HANG_S, SLOW_S, Delays
from simulator.point3.twin import Point3Twin
from simulator.portone_v1.account import PortOneV1Account
from simulator.portone_v1.twin import PortOneV1Twin
from simulator.portone_v2.account import PortOneV2Account
from simulator.portone_v2.twin import PortOneV2Twin
from simulator.twin import Twin
from simulator.unifi_pay.account import UnifiPayAccount
from simulator.unifi_pay.twin import UnifiPayTwin

KEEP_ALIVE_S = 75
"""As long as real gateways' front ends keep idle connections, so that pooled clients see no early close."""
GRACE_S = 1
"""A request that still runs this long after the end is cut off. Held ones are let go before."""


@dataclass(frozen=True)
class SimulatorSettings:
    """Where the simulator listens (port 0: any free one) and how it behaves."""

    host: str = "127.0.0.1"
    port: int = 0
    public_host: str | None = None
    """The host name under which browsers reach it, where that is not where it listens (a container)."""
    point3_port: int = 0
    point3_secret: str = "sim_point3_secret"  # noqa: S105 - imitated, worth nothing
    portone_v1_port: int = 0
    portone_v1: PortOneV1Account = field(default_factory=PortOneV1Account)
    portone_v2_port: int = 0
    portone_v2: PortOneV2Account = field(default_factory=PortOneV2Account)
    unifi_pay_port: int = 0
    unifi_pay: UnifiPayAccount = field(default_factory=UnifiPayAccount)
    time_scale: float = 1.0
    slow_s: float = SLOW_S
    hang_s: float = HANG_S
    seed: int | None = None


class Simulator:
    """All imitated gateways and the tester's hand. Started once, stopped once."""

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self.clock = SimClock(self.settings.time_scale)
        delays = Delays(self.settings.slow_s, self.settings.hang_s)
        own = self.settings
        twins: list[Twin] = [
            Point3Twin(self.clock, own.point3_secret, delays, own.seed),
            PortOneV1Twin(self.clock, own.portone_v1, delays, own.seed),
            PortOneV2Twin(self.clock, own.portone_v2, delays, own.seed),
            UnifiPayTwin(self.clock, own.unifi_pay, delays, own.seed),
        ]
        self.twins: dict[str, Twin] = {twin.name: twin for twin in twins}
        self.admin = Admin(self.twins, self.clock)
        self._ports = {
            "point3": own.point3_port,
            "portone_v1": own.portone_v1_port,
            "portone_v2": own.portone_v2_port,
            "unifi_pay": own.unifi_pay_port,
        }
        self._urls: dict[str, str] = {}
        self._url = ""
        self._servers: list[tuple[_Server, asyncio.Task[None]]] = []

    @property
    def url(self) -> str:
        """The tester's base address, without a slash at the end. Empty until it is started."""
        return self._url

    @property
    def gateways(self) -> dict[str, dict[str, str]]:
        """What a merchant needs to reach each gateway at this moment: `base_url` and the credentials valid now."""
        return {
            name: {"base_url": self._urls[name], **twin.connection()}
            for name, twin in self.twins.items()
            if name in self._urls
        }

    async def start(self) -> None:
        """Return when every port accepts connections. Raises OSError when one cannot be had; then none is open."""
        sockets: dict[str, socket.socket] = {}
        try:
            sockets[""] = _listen(self.settings.host, self.settings.port)
            for name in self.twins:
                sockets[name] = _listen(self.settings.host, self._ports.get(name, 0))
        except OSError:
            for opened in sockets.values():
                opened.close()
            raise
        self._url = _url(sockets[""])
        self._urls = {name: _url(sockets[name]) for name in self.twins}
        await self._serve(self.admin.app, sockets[""])
        for name, twin in self.twins.items():
            twin.base_url = _url(sockets[name], self.settings.public_host)
            await self._serve(twin.app, sockets[name])

    async def stop(self) -> None:
        """Close every port and connection; held requests end at once, others have a second. May be repeated."""
        for twin in self.twins.values():
            twin.close()
        for server, _ in self._servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in self._servers))
        self._servers.clear()

    async def _serve(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = _Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        self._servers.append((server, task))
        accepting = asyncio.create_task(server.accepting.wait())
        await asyncio.wait((accepting, task), return_when=asyncio.FIRST_COMPLETED)
        accepting.cancel()
        if task.done():
            await task


class _Server(uvicorn.Server):
    """A server that says when it accepts, and leaves the process's signals to whoever runs the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio switches Nagle's delay (40 ms a call) off only for sockets that say TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    listener.setblocking(False)
    return listener


def _url(listener: socket.socket, public_host: str | None = None) -> str:
    """An address that can be called: a wildcard address is reached through the loopback."""
    host, port = listener.getsockname()[:2]
    if public_host:
        return f"http://{public_host}:{port}"
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"
