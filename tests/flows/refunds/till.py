"""A till that gives money back: what the tests of refunds do and ask again and again."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from app.db.database import Database
from app.domain import ids
from app.domain.states import RefundStatus
from app.jobs.history import check
from app.jobs.worker import Worker
from app.ledger.model import Payment, Refund, total
from app.services import Services
from tests.flows.gateways.orders import BY_NAME, Kind
from tests.support import MovableClock, Shop, key

POINT3, V1, V2, UNIFI = (BY_NAME[name] for name in ("point3", "portone_v1", "portone_v2", "unifi_pay"))
DOLLARS = {"currency": "USD", "amount": 1750}
ACCOUNT = {"bank": "SHINHAN", "number": "110-123-456789", "holder": "김민지", "phone": "010-5555-7788"}
BATCH_S = 300.0
"""Between two of Point3's batches; as long as every gateway's asynchronous cancel takes here."""
SCHEDULE = (6, 16, 61, 301, 901, 3601)
"""Pauses after which a refund that is looked for is due again and again."""
MOST_SWEEPS = 10
UNDECIDED = {"created", "unknown", "pending"}

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Till:
    """One shop's money on its way back, seen through the API, the gateways' truth and the database."""

    shop: Shop
    parts: Services
    database: Database
    clock: MovableClock

    async def sold(self, kind: Kind, scenario: str = "paid", **changes: Any) -> Json:
        """A payment that is paid."""
        payment = await self.shop.create(**kind.order | changes)
        answer = await self.shop.complete(payment, **await self.shop.buyer_pays(payment, scenario))
        assert answer.json()["status"] == "paid", answer.text
        return dict(answer.json())

    async def sold_by_deposit(self) -> Json:
        """A payment that came by a transfer to an account of the buyer's own."""
        payment = await self.shop.create(method="VIRTUAL_ACCOUNT", **V2.order)
        await self.shop.complete(payment, **await self.shop.buyer_pays(payment, "virtual_account"))
        await self.shop.buyer_pays(payment, "lost_webhook")
        answer = await self.shop.sync(payment)
        assert answer.json()["status"] == "paid", answer.text
        return dict(answer.json())

    async def refund(
        self, payment: Json, amount: int | None = None, *, headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        """The shop asks for money back: a part, or all that is left."""
        body = {"reason": "broken", "amount": amount} | fields
        body = {name: value for name, value in body.items() if value is not None}
        return await self.shop.client.post(f"/payments/{payment['id']}/refunds", json=body, headers=headers or key())

    async def gave(self, payment: Json, amount: int | None = None, **fields: Any) -> Json:
        """As `refund`, and the gateway did it at once."""
        answer = await self.refund(payment, amount, **fields)
        assert (answer.status_code, answer.json()["status"]) == (201, "succeeded"), answer.text
        return dict(answer.json())

    async def refunds(self, payment: Json) -> list[Json]:
        """All refunds of a payment."""
        answer = await self.shop.client.get(f"/payments/{payment['id']}/refunds")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["data"])

    async def read(self, refund: Json) -> Json:
        """One refund."""
        answer = await self.shop.client.get(f"/refunds/{refund['id']}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def status(self, refund: Json) -> str:
        """Where a refund stands."""
        return str((await self.read(refund))["status"])

    async def past_us(self, payment: Json, amount: int | None = None, **fields: Any) -> None:
        """Somebody gives money back in the gateway's console, or a bank takes it."""
        attempt = payment["attempts"][-1]
        body = {"gateway": attempt["gateway"], "reference": attempt["reference"]} | fields
        await self.shop.sim("POST", "/_sim/refund", body | ({"amount": amount} if amount else {}))

    async def asked(self, payment: Json) -> int:
        """How often the payment's gateway was asked to give money back, lost requests included."""
        return await self._calls(payment, "cancel")

    async def looks(self, payment: Json) -> int:
        """How often the payment's gateway was asked what it holds."""
        return await self._calls(payment, "lookup")

    async def until_called(self, payment: Json, kind: str, before: int = 0) -> None:
        """A further call of this kind has reached the payment's gateway."""
        deadline = time.monotonic() + 60
        while await self._calls(payment, kind) <= before:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    async def _calls(self, payment: Json, kind: str) -> int:
        gateway = payment["attempts"][-1]["gateway"]
        return sum(call["call"] == kind for call in await self.shop.sim("GET", f"/_sim/calls?gateway={gateway}"))

    async def journal(self, gateway: str, reference: str) -> list[Json]:
        """What really happened to all that the gateway has under a reference of ours."""
        rows = await self.shop.sim("GET", f"/_sim/journal?gateway={gateway}")
        return [row for row in rows if row["reference"] == reference]

    async def wait(self, seconds: float) -> None:
        """Time passes, here and at the gateways, and the worker looks at all that is due."""
        await self.shop.sim("POST", "/_sim/advance", {"seconds": seconds})
        self.clock.advance(seconds)
        await self.sweep()

    async def sweep(self) -> None:
        """The worker looks until nothing is due."""
        for _ in range(MOST_SWEEPS):
            if not await Worker(self.parts).sweep():
                return
        raise AssertionError("something is due for ever")

    async def wait_until_decided(self, payment: Json) -> None:
        """As much time as the schedule takes for every refund of a payment to be decided."""
        for seconds in SCHEDULE:
            if not UNDECIDED & {refund["status"] for refund in await self.refunds(payment)}:
                return
            await self.wait(seconds)
        assert not UNDECIDED & {refund["status"] for refund in await self.refunds(payment)}, "not decided in an hour"

    async def has_given(self, payment: Json, refunded: int, *, cancels: int) -> None:
        """So much is back of a paid payment, in so many parts, by the API's word and by the gateway's."""
        stored, truth = await self.shop.get(payment), await self.shop.journal(payment)
        whole = payment["amount"]
        status = "paid" if not refunded else "refunded" if refunded == whole else "partially_refunded"
        assert (truth["refunded"], truth["cancels"]) == (refunded, cancels)
        assert (stored["status"], stored["captured_amount"], stored["refunded_amount"]) == (status, whole, refunded)
        reserved = sum(each["amount"] for each in await self.refunds(payment) if each["status"] in UNDECIDED)
        assert stored["refundable_amount"] == whole - refunded - reserved

    async def load(self, payment: Json) -> Payment:
        """The payment as the services know it."""
        return await self.parts.payments.get(ids.read(ids.Prefix.PAYMENT, payment["id"]), None)

    async def audit(self) -> None:
        """Every payment's trail holds, its sums are those of its refunds, and what is decided is the gateway's truth."""
        for payment_id in await self.parts.repository.every_id(None, 1000):
            assert await check(self.parts, payment_id) == []
            await self._audit_sums(payment_id)

    async def _audit_sums(self, payment_id: UUID) -> None:
        payment = await self.parts.payments.get(payment_id, None)
        kept = payment.captured_attempt
        own = payment.refunds_of(kept.id) if kept else []
        assert payment.refunded_minor == total(each for each in own if each.status is RefundStatus.SUCCEEDED)
        assert payment.refunding_minor == total(each for each in own if each.is_undecided)
        assert [each.number for each in payment.refunds] == list(range(1, len(payment.refunds) + 1))
        for attempt in payment.attempts:
            refunds, rows = payment.refunds_of(attempt.id), await self.journal(attempt.gateway, attempt.reference)
            if any(each.is_undecided or _is_by_hand(each) for each in refunds):
                continue
            truth = sum(row["refunded"] for row in rows)
            if attempt.id == (kept and kept.id):
                assert total(each for each in refunds if each.status is RefundStatus.SUCCEEDED) == truth
            elif refunds:  # it must not be kept, so all that came is back, whoever gave it
                assert truth == sum(row["amount"] for row in rows if row["captures"]) > 0


def _is_by_hand(refund: Refund) -> bool:
    """Whether money may have gone another way than through the gateway: done without a yes of the gateway's."""
    return refund.status is RefundStatus.SUCCEEDED and refund.accepted_at is None and refund.gateway_ref is None
