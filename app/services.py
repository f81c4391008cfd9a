"""The wiring that the API, the worker and the terminal share. It loads no web framework."""

from dataclasses import dataclass

from app.api_keys.service import ApiKeyService
from app.db.database import Database
from app.domain.clock import Now, utc_now
from app.gateways import registry
from app.gateways.registry import Registry
from app.idempotency.service import Idempotency
from app.ledger.repository import PaymentRepository
from app.payments.service import PaymentService
from app.refunds.processor import RefundProcessor
from app.refunds.repository import RefundRepository
from app.refunds.service import RefundService
from app.settings import Settings
from app.verification.gateway_log import GatewayLog
from app.verification.verify import Verifier
from app.webhooks.inbox import Inbox
from app.webhooks.service import WebhookService

IDEMPOTENCY_LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one process; the API, the worker and the commands share this wiring."""

    settings: Settings
    database: Database
    registry: Registry
    idempotency: Idempotency
    keys: ApiKeyService
    payments: PaymentService
    refunds: RefundService
    webhooks: WebhookService
    gateway_log: GatewayLog

    async def gauges(self) -> dict[str, tuple[str, float]]:
        """What the database says at this moment, for `/metrics`."""
        return {**await self.payments.gauges(), **await self.refunds.gauges(), **await self.webhooks.gauges()}

    async def close(self) -> None:
        """Give back connections."""
        await self.registry.close()
        await self.gateway_log.close()
        await self.database.close()


def build_services(settings: Settings, now: Now = utc_now) -> Services:
    """Wire the services. Nothing connects yet: open `database` in the running loop."""
    database = Database(settings.database_url, connections=settings.database_connections)
    gateways = registry.build(settings)
    slowest = max((settings.lease_s(gateway.deadline_s) for gateway in gateways), default=0.0)
    lease_s = max(settings.seconds(IDEMPOTENCY_LEASE_S), slowest)
    idempotency = Idempotency(database, lease_s=lease_s, now=now)
    gateway_log = GatewayLog(database, now)
    repository = PaymentRepository(database)
    verifier = Verifier(repository, gateways, gateway_log, settings, now)
    processor = RefundProcessor(repository, gateways, gateway_log, settings, now)
    payments = PaymentService(repository, gateways, idempotency, gateway_log, verifier, processor, settings, now)
    reads = RefundRepository(database)
    refunds = RefundService(reads, repository, processor, gateways, idempotency, settings, now)
    webhooks = WebhookService(Inbox(database), payments, gateways, settings, now)
    keys = ApiKeyService(database, settings.mode, now)
    return Services(settings, database, gateways, idempotency, keys, payments, refunds, webhooks, gateway_log)
