"""`onetill simulator`, and the simulator in an event loop of others: one port for the tester, one for each gateway."""

import asyncio
import contextlib
import ipaddress
import signal
import socket
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, fields, replace
from importlib import import_module
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from simulator.admin import Admin
from simulator.clock import SimClock
from simulator.delays import HANG_S, SLOW_S, Delays
from simulator.twin import Account, Twin

GATEWAYS = (
    "point3",
    "portone_v1",
    "portone_v2",
    "unifi_pay",
)
"""The folders of this package that imitate one, in the order of their ports. The `twin.py` of each names its TWIN."""
KEEP_ALIVE_S = 75
"""As long as real gateways' front ends keep idle connections, so that pooled clients see no early close."""
GRACE_S = 1
"""A request that still runs this long after the end is cut off. Held ones are let go before."""


@dataclass(frozen=True)
class SimulatorSettings:
    """Where the simulator listens and how it behaves."""

    host: str = "127.0.0.1"
    port: int = 0
    """The tester's hand; the gateways listen on the ports after it. 0: any free ones."""
    public_host: str | None = None
    """The host name under which browsers reach it, where that is not where it listens (a container)."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    """By gateway, where it is not the account that this package makes up."""
    time_scale: float = 1.0
    slow_s: float = SLOW_S
    hang_s: float = HANG_S
    seed: int | None = None

    def account(self, twin: type[Twin]) -> Account:
        """The merchant's account at a gateway."""
        return self.accounts.get(twin.name) or twin.account_type()

    def with_variables(self, environment: Mapping[str, str]) -> "SimulatorSettings":
        """The same with what the product's `ONETILL_*` variables say, so that both know the same accounts and secrets.

        Raises RuntimeError that names the variable whose value cannot be used.
        """
        given = {name.upper(): text for name, text in environment.items() if text}
        if given.get("ONETILL_MODE", "test").strip().lower() != "test":
            raise RuntimeError("ONETILL_MODE is not test: the simulator is for development and tests")
        scale = given.get("ONETILL_TIME_SCALE", str(self.time_scale))
        try:
            time_scale = SimClock(float(scale)).time_scale
        except ValueError:
            raise RuntimeError(f"ONETILL_TIME_SCALE must be a number greater than 0, got {scale!r}") from None
        accounts = {twin.name: _configured(self.account(twin), twin.name, given) for twin in twins()}
        return replace(self, time_scale=time_scale, accounts=accounts)

    def with_webhooks_to(self, url: str) -> "SimulatorSettings":
        """The same with the product's addresses in the consoles of those gateways that have one."""
        known = {twin.name: self.account(twin) for twin in twins()}
        own = {
            name: replace(account, webhook_url=f"{url}/webhooks/{name.replace('_', '-')}")
            for name, account in known.items()
            if hasattr(account, "webhook_url")
        }
        return replace(self, accounts=known | own)


def twins() -> list[type[Twin]]:
    """One for each of GATEWAYS."""
    return [import_module(f"simulator.{name}.twin").TWIN for name in GATEWAYS]


class Simulator:
    """All imitated gateways and the tester's hand. Started once, stopped once."""

    def __init__(self, settings: SimulatorSettings | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self.clock = SimClock(self.settings.time_scale)
        delays = Delays(self.settings.slow_s, self.settings.hang_s)
        own = self.settings
        made = [twin(self.clock, own.account(twin), delays, own.seed) for twin in twins()]
        self.twins: dict[str, Twin] = {twin.name: twin for twin in made}
        self.admin = Admin(self.twins, self.clock)
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
            for place, name in enumerate(self.twins, start=1):
                sockets[name] = _listen(self.settings.host, self.settings.port and self.settings.port + place)
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


def _configured(account: Account, gateway: str, given: Mapping[str, str]) -> Account:
    """The account with the values of `ONETILL_<GATEWAY>__<FIELD>`; lists are comma-separated."""
    values: dict[str, Any] = {}
    for name in (each.name for each in fields(account)):
        variable = f"ONETILL_{gateway}__{name}".upper()
        if variable not in given:
            continue
        is_list = isinstance(getattr(account, name), tuple)
        texts = tuple(part.strip() for part in given[variable].split(",") if part.strip())
        values[name] = texts if is_list else given[variable]
        try:
            replace(account, **{name: values[name]})
        except ValueError as error:
            raise RuntimeError(f"{variable} {error}") from None
    return replace(account, **values)


async def run_simulator(settings: SimulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT; print where everything is."""
    simulator = Simulator(settings)
    await simulator.start()
    print(f"simulator {simulator.url}", flush=True)
    for name, account in simulator.gateways.items():
        print(f"{name} {account['base_url']}", flush=True)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        await told.wait()
    finally:
        await simulator.stop()
