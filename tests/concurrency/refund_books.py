"""Money on its way back while processes are killed: the roads that it takes, and our books held against the gateway's."""

from collections.abc import Sequence, Set
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from app.db.database import Database
from app.domain import ids
from app.domain.states import RefundStatus
from app.ledger.audit_trail import faults_of
from app.ledger.model import Payment
from app.ledger.repository import PaymentRepository
from simulator.server import Simulator
from simulator.twin import JournalRow
from tests.concurrency.forked import Forked
from tests.concurrency.victims import WAIT_S, Victim, environment_of, until, victim
from tests.flows.gateways.orders import BY_NAME
from tests.support import Shop
from tests.support.settings import HISTORY_KEYS

TIME_SCALE = "100"
"""Of the product: it waits 3 s for one of Point3's batches then."""
QUICK = "300"
"""Of the worker that takes over: it waits a second."""
HURRY = "1000"
"""In place of it where an hour of vain looks must pass."""
BATCH_S = 300
PATIENCE_S = 0.8
"""What a call to a gateway may take."""
NOTE = "not in Paymentwall's list"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Road:
    """One gateway that can refund, and how the product is set up for it."""

    gateway: str
    settings: tuple[tuple[str, str], ...] = ()
    part: int | None = None
    """How much is refunded: a part, where the gateway would give it twice; None for the whole."""
    ends_at_a_person: bool = False
    """A refund of a part whose answer was lost, and that no look-up shows, is never asked for again by itself."""
    time_scale: str = QUICK
    """Of the worker that takes over."""

    def process(
        self, command: str, database_url: str, simulator: Simulator, **more: str
    ) -> AbstractAsyncContextManager[Victim]:
        """The product's process with short leases; `more` are more settings, or other ones."""
        return victim(command, database_url, simulator, self.gateway, **(self._variables | more))

    async def ask_again(self, database_url: str, simulator: Simulator, refund: str) -> None:
        """What an operator does who has seen that the gateway did nothing."""
        environment = environment_of(database_url, simulator, self.gateway, **self._variables)
        command = Forked(["refunds", "ask-again", refund, "--note", NOTE], environment)
        assert await command.ended(WAIT_S) == 0

    async def sold(self, shop: Shop) -> Json:
        """A payment that is paid."""
        payment = await shop.create(**BY_NAME[self.gateway].order)
        scenario = "paid" if self.gateway == "point3" else "lost_webhook"
        answer = await shop.complete(payment, **await shop.buyer_pays(payment, scenario))
        assert answer.json()["status"] == "paid", answer.text
        return dict(answer.json())

    @property
    def _variables(self) -> dict[str, str]:
        quick = {"TIME_SCALE": TIME_SCALE, f"{self.gateway.upper()}__TIMEOUT_S": str(PATIENCE_S)}
        return quick | dict(self.settings)


POINT3 = Road("point3")
POINT3_BLIND = Road("point3", (("POINT3__LOOK_UP", "after"),))
"""Its money is taken before anybody can see how much that is, so that it may have to go back."""
V1_PAYMENTWALL = Road("portone_v1", part=700, ends_at_a_person=True)
V1_PAYMENTWALL_WHOLE = Road("portone_v1", time_scale=HURRY)
"""The whole cannot go back twice: it is asked for again after a quiet hour."""
V1_OTHER = Road("portone_v1", (("PORTONE_V1__PG", "other"),), part=700)
V2 = Road("portone_v2", part=700)
ROADS = {"point3": POINT3, "portone_v1-paymentwall": V1_PAYMENTWALL, "portone_v1-other": V1_OTHER, "portone_v2": V2}


@dataclass(frozen=True, slots=True)
class Books:
    """What our database says of payments at one gateway, and what that gateway did."""

    database: Database
    simulator: Simulator
    gateway: str

    async def load(self, payment: Json) -> Payment:
        """The payment as the services read it."""
        found = await PaymentRepository(self.database).load(_id(payment))
        assert found is not None
        return found

    def truth(self, payment: Json) -> JournalRow:
        """The gateway's own book."""
        reference = payment["attempts"][-1]["reference"]
        rows = self.simulator.twins[self.gateway].journal()
        (row,) = [row for row in rows if row["reference"] == reference and row["gateway_ref"] is not None]
        return row

    def asked(self, payment: Json) -> int:
        """How often the gateway has received a cancel of this payment."""
        reference = payment["attempts"][-1]["reference"]
        calls = self.simulator.twins[self.gateway].log.rows()
        return sum(row["call"] == "cancel" and row["reference"] == reference for row in calls)

    async def is_lost(self, payment: Json) -> bool:
        """Whether we have committed that we ask, and the gateway never heard of it."""
        refunds = (await self.load(payment)).refunds
        return any(refund.status is RefundStatus.UNKNOWN for refund in refunds) and not self.asked(payment)

    async def until_decided(self, payment: Json, where: str, *, batches: bool = True) -> None:
        """Wait until a refund is there, and none is under way. With `batches`, Point3's come one after the other."""
        decided = frozenset({RefundStatus.SUCCEEDED, RefundStatus.FAILED})
        await self._until(payment, where, decided, batches=batches)

    async def until_answered(self, payment: Json, where: str) -> None:
        """Wait until the gateway has said yes to a refund, or shows it."""
        answered = frozenset({RefundStatus.PENDING, RefundStatus.SUCCEEDED})
        await self._until(payment, where, answered, batches=False)

    async def _until(self, payment: Json, where: str, wanted: Set[RefundStatus], *, batches: bool) -> None:
        async def is_so() -> bool:
            refunds = (await self.load(payment)).refunds
            if batches and self.gateway == "point3":
                self.simulator.clock.advance(BATCH_S)
            return bool(refunds) and all(refund.status in wanted for refund in refunds)

        try:
            await until(is_so, 0.1 if batches else 0.02)
        except TimeoutError:
            raise AssertionError(f"{where}: {await self.load(payment)}, {self.truth(payment)}") from None

    async def until_a_person_is_called(self, payments: Sequence[Json]) -> None:
        """Wait until somebody should look at every one of them."""

        async def is_noted(payment: Json) -> bool:
            return (await self.load(payment)).attention is not None

        for payment in payments:
            await until(partial(is_noted, payment), 0.1)

    async def until_nothing_is_open(self, payment: Json, where: str) -> None:
        """Wait until money that was taken is back, and of money that was not, nobody expects anything or a person does."""

        async def is_closed() -> bool:
            stored = await self.load(payment)
            return stored.attention is not None or not _is_expected(stored)

        if not self.truth(payment)["captures"]:
            try:
                await until(is_closed, 0.1)
            except TimeoutError:
                raise AssertionError(f"{where}: {await self.load(payment)}, {self.truth(payment)}") from None
        if self.truth(payment)["captures"]:
            await self.until_decided(payment, where)

    async def has_nothing_given(self, payment: Json, where: str) -> str:
        """The gateway was never asked, nobody knows that, and a person is called; the refund's id."""
        stored = await self.load(payment)
        (refund,) = stored.refunds
        assert (refund.status, refund.refund_attempts, self.asked(payment)) == (RefundStatus.UNKNOWN, 1, 0), where
        assert stored.attention is not None, where
        assert (self.truth(payment)["cancels"], self.truth(payment)["refunded"]) == (0, 0), where
        await self._assert_trail(stored, where, done=0)
        return refund.public_id

    async def has_taken_nothing(self, payment: Json, where: str) -> None:
        """No money was taken, so none goes back. Where a confirm is on its way for all we know, a person is called."""
        stored, truth = await self.load(payment), self.truth(payment)
        assert (truth["captures"], truth["refunded"]) == (0, 0), where
        assert (stored.refunds, stored.captured_minor) == ((), 0), where
        assert (stored.attention is not None) == _is_expected(stored), f"{where}: {stored}"
        await self._assert_trail(stored, where, done=0)

    async def has_given_once(self, payment: Json, where: str, part: int | None = None) -> None:
        """One refund, here and there, of the same amount; and a trail that tells of it once."""
        stored, truth = await self.load(payment), self.truth(payment)
        told = f"{where}: {stored}, {truth}"
        (refund,) = stored.refunds
        assert refund.status is RefundStatus.SUCCEEDED, told
        assert (truth["captures"], truth["cancels"], truth["refunded"]) == (1, 1, part or truth["amount"]), told
        assert refund.amount.minor == truth["refunded"], told
        is_kept = stored.captured_attempt is not None
        assert stored.captured_minor == (truth["amount"] if is_kept else 0), told
        assert stored.refunded_minor == (truth["refunded"] if is_kept else 0), told
        assert (stored.refunding_minor, stored.refund_count, stored.attention) == (0, 1, None), told
        await self._assert_trail(stored, where, done=1)

    async def _assert_trail(self, stored: Payment, where: str, *, done: int) -> None:
        trail = await PaymentRepository(self.database).events(stored.id, 0, 1000)
        assert [event.seq for event, _ in trail] == list(range(1, len(trail) + 1)), where
        assert faults_of(stored, trail, HISTORY_KEYS) == [], where
        told = [msgspec.json.decode(event.evidence).get("refund") for event, _ in trail]
        assert [each["to"] for each in told if each].count("succeeded") == done, where


def _is_expected(stored: Payment) -> bool:
    """Whether we were told of money that is not decided yet. A window that nobody told us of is only open until its end."""
    attempt = stored.last_attempt
    return attempt.is_undecided and attempt.returned_at is not None


def _id(payment: Json) -> Any:
    return ids.read(ids.Prefix.PAYMENT, payment["id"])
