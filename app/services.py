"""The wiring that the API, the worker and the terminal share. It loads no web framework."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.alarms.jobs import due_alarms, look_for_alarms
from app.alarms.mail import Mailer
from app.alarms.repository import AlarmRepository
from app.alarms.service import AlarmService
from app.api_keys.service import ApiKeyService
from app.db.clock_skew import clock_ahead_s, watched_clock
from app.db.database import Database
from app.db.due_work import Chore, DueWork, Pump
from app.db.old_rows import OldRows
from app.db.wake_up import WakeUp
from app.domain.client_tokens import ClientTokens
from app.domain.clock import Now, utc_now
from app.domain.schedule import GATEWAY_CALLS, IDEMPOTENCY_LEASE_S, KEYED_CALLS
from app.encryption import Encryption
from app.gateways import registry
from app.gateways.breaker import OPEN_S, Breaker
from app.gateways.manifest import AdapterContext, GatewaySettings
from app.gateways.port import SendsWebhooks
from app.gateways.registry import Registry
from app.idempotency.service import Idempotency
from app.ledger.anchors import Anchors
from app.ledger.history_keys import HistoryKey, HistoryKeys
from app.ledger.repository import RELAY, PaymentRepository
from app.links.service import LinkService
from app.live_mode import versions
from app.notifications.delivery import Deliverer
from app.notifications.endpoints import Endpoints
from app.notifications.feed import Feed
from app.notifications.guard import Guard
from app.notifications.jobs import KIND as NOTIFICATIONS
from app.notifications.jobs import due_endpoints, old_rows
from app.notifications.once import Once
from app.notifications.queue import Queue
from app.notifications.relay import Relay
from app.notifications.sender import Sender
from app.notifications.service import NotificationService
from app.payments.jobs import due_attempts
from app.payments.service import PaymentService
from app.refunds.jobs import due_refunds
from app.refunds.processor import RefundProcessor
from app.refunds.service import RefundService
from app.resolution.service import ResolutionService
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier
from app.webhooks.inbox import Inbox, old_webhooks
from app.webhooks.jobs import due_webhooks
from app.webhooks.service import WebhookService


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process; the API, the worker and the commands share this wiring."""

    settings: Settings
    database: Database
    registry: Registry
    idempotency: Idempotency
    tokens: ClientTokens
    keys: ApiKeyService
    history_keys: HistoryKeys
    anchors: Anchors
    repository: PaymentRepository
    payments: PaymentService
    refunds: RefundService
    resolutions: ResolutionService
    links: LinkService
    webhooks: WebhookService
    notifications: NotificationService
    alarms: AlarmService
    gateway_log: GatewayLog
    wake_up: WakeUp
    due_work: tuple[DueWork, ...]
    chores: tuple[Chore, ...]
    pumps: tuple[Pump, ...]
    now: Now

    @property
    def published_sources(self) -> frozenset[str]:
        """The addresses from which the gateways say that their webhooks come."""
        senders = [gateway for gateway in self.registry if isinstance(gateway, SendsWebhooks)]
        return frozenset().union(*(sender.published_sources for sender in senders))

    async def gauges(self) -> dict[str, tuple[str, float]]:
        """What the database says at this moment, for `/metrics`."""
        about = "Seconds that the oldest row of this kind should have been deleted before."
        late = {
            f"onetill_{each.name}_retention_lag_seconds": (about, await each.overdue_s())
            for each in self.chores
            if each.overdue_s is not None
        }
        ahead = "Seconds that this process's clock is ahead of the database's; more than 5 either way is too many."
        nouns = (self.payments, self.refunds, self.webhooks, self.notifications, self.alarms)
        now = [await each.gauges() for each in nouns]
        return {
            **{name: value for each in (*now, late) for name, value in each.items()},
            "onetill_clock_ahead_seconds": (ahead, await clock_ahead_s(self.database, self.now)),
        }

    def chore(self, name: str) -> Chore:
        """The chore of this name."""
        return next(each for each in self.chores if each.name == name)

    async def close(self) -> None:
        """Close connections."""
        await self.registry.close()
        await self.gateway_log.close()
        await self.idempotency.close()
        await self.notifications.close()
        await self.keys.close()
        await self.wake_up.close()
        await self.database.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services with their database open, until the block ends."""
    services = build_services(settings)
    await services.database.open()
    try:
        yield services
    finally:
        await services.close()


def build_gateways(settings: Settings) -> Registry:
    """The adapters of the accounts in these settings."""

    def context_of(account: GatewaySettings) -> AdapterContext:
        breaker = Breaker(settings.seconds(OPEN_S))
        return AdapterContext(settings.deadline(account.timeout_s), breaker, is_live=settings.mode == "live")

    return registry.build(settings.accounts(), settings.routing, context_of)


def history_keys(settings: Settings) -> HistoryKeys:
    """What seals audit trails, and what has sealed them before."""
    if settings.history_keys:
        return HistoryKeys(HistoryKey.read(each.get_secret_value()) for each in settings.history_keys)
    return HistoryKeys.of_test_mode(settings.secret_key.get_secret_value())


def build_services(settings: Settings, now: Now = utc_now) -> Services:
    """Wire the services. Nothing connects yet: open `database` in the running loop."""
    database = Database(
        settings.database_url,
        connections=settings.database_connections,
        one_role=settings.mode == "test",
        is_live=settings.mode == "live",
    )
    gateways = build_gateways(settings)
    names = [gateway.name for gateway in gateways]
    road_s = settings.road_s(GATEWAY_CALLS)
    lease_s = max(settings.seconds(IDEMPOTENCY_LEASE_S), settings.lease_s(settings.road_s(KEYED_CALLS)))
    tokens = ClientTokens(settings.secret_key.get_secret_value())
    idempotency = Idempotency(database, lease_s=lease_s, now=now, tokens=tokens)
    gateway_log = GatewayLog(database, now, timedelta(days=settings.keep_exchanges_days))
    history = history_keys(settings)
    wake_up = WakeUp(database)
    repository = PaymentRepository(database, history.first, wake_up)
    anchors = Anchors(database, history, now)
    verifier = Verifier(repository, gateways, gateway_log, settings, now)
    processor = RefundProcessor(repository, gateways, gateway_log, settings, now)
    payments = PaymentService(repository, gateways, idempotency, gateway_log, verifier, processor, settings, now)
    refunds = RefundService(repository, processor, gateways, idempotency, settings, now)
    encryption = encryption_of(settings)
    queue = Queue(database, now)
    endpoints = Endpoints(database, queue, encryption, now)
    guard = Guard(
        https_only=settings.mode == "live",
        ports=settings.notifications.ports,
        allow_private=settings.notifications.allow_private,
        private_networks=settings.notifications.private_networks,
    )
    sender = Sender(queue, endpoints, Deliverer(guard), settings.time_scale, now)
    alarms = AlarmService(
        AlarmRepository(database), Mailer.of(settings), settings.alarms.language, settings.time_scale, now
    )
    webhooks = WebhookService(Inbox(database), payments, gateways, wake_up, settings, now)
    return Services(
        settings=settings,
        database=database,
        registry=gateways,
        idempotency=idempotency,
        keys=ApiKeyService(database, settings.mode, now, owner_url=settings.database_owner_url),
        tokens=tokens,
        history_keys=history,
        anchors=anchors,
        repository=repository,
        payments=payments,
        refunds=refunds,
        resolutions=ResolutionService(repository, gateways, gateway_log, refunds, processor, settings, now),
        links=LinkService(repository, now),
        webhooks=webhooks,
        notifications=NotificationService(
            endpoints, sender, Feed(database, now), guard, Once(idempotency, encryption), wake_up, now
        ),
        alarms=alarms,
        gateway_log=gateway_log,
        wake_up=wake_up,
        due_work=(
            *due_webhooks(database, webhooks, names, deadline_s=road_s, lease_s=settings.lease_s(road_s)),
            *due_attempts(database, payments, names, deadline_s=road_s, lease_s=settings.lease_s(road_s)),
            *due_refunds(database, refunds, names, deadline_s=road_s, lease_s=settings.lease_s(road_s)),
            due_endpoints(database, sender),
            due_alarms(database, alarms),
        ),
        pumps=(Pump(RELAY, Relay(database, now), then=NOTIFICATIONS), look_for_alarms(alarms)),
        chores=(
            _forget("idempotency_keys", idempotency.old),
            _forget("webhooks", old_webhooks(database, timedelta(days=settings.keep_webhooks_days), now)),
            Chore("history_anchors", anchors.advance),
            _forget("gateway_log", gateway_log.old),
            watched_clock(database, now),
            *(_forget(name, rows) for name, rows in old_rows(database, timedelta(days=settings.keep_events_days), now)),
        ),
        now=now,
    )


def encryption_of(settings: Settings) -> Encryption:
    """What signing secrets are sealed with. In test mode one that follows from the secret key, where none is set."""
    if settings.encryption_keys or settings.mode == "live":
        return Encryption(HistoryKey.read(each.get_secret_value()) for each in settings.encryption_keys)
    return Encryption(HistoryKey.read(each) for each in versions(settings.secret_key))


def _forget(name: str, rows: OldRows) -> Chore:
    return Chore(name, rows.forget, rows.overdue_s)
