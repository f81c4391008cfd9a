"""Push, pull and the audit trail tell the same facts, whatever happens: a machine of hypothesis over all four gateways.

It does to orders what `tests/flows/webhooks/test_machine.py` does, with endpoints that come, go, pause, rotate their secrets,
change what they listen to, fail and are well again, and with processes that die at any of their waits. After every step, the
outbox is what the trail says; in the end each endpoint has taken all that happened while it was there, in order of each payment.
"""

from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from app.domain import ids
from app.domain.states import PAYMENT_UNPAID
from app.ledger.outbox import EVENT_TYPES
from app.settings import NotificationSettings
from tests.flows.webhooks.books import Row
from tests.flows.webhooks.house import House
from tests.flows.webhooks.till import Till, indexes, waits_to_live
from tests.support.databases import Urls
from tests.support.receiver import Received, Receiver, receiving
from tests.unit.properties import thorough

EXAMPLES, STEPS = 10, 30
SOME = ("payment.paid", "refund.succeeded")
TOLD = {
    "paid": "payment.paid", "canceled": "payment.canceled", "expired": "payment.expired", "review": "payment.review",
    "awaiting_deposit": "payment.awaiting_deposit", "processing": "payment.processing",
}  # fmt: skip
FAILED = {"failed", "rejected"}
UNOPENED = {"gateway_unavailable", "gateway_refused", "never_opened"}
"""Why a window did not open: whoever asked for it was told so."""


def expected(events: Sequence[Row]) -> list[tuple[str, int, str]]:
    """Payment, step and type of each event, as the audit trails say: their own reading of the rules, not the product's."""
    found, sums, kept = [], dict[str, tuple[str, int]](), set[str]()
    for row in sorted(events, key=lambda each: (each["payment_id"], each["seq"])):
        payment = ids.show(ids.Prefix.PAYMENT, row["payment_id"])
        came, went = row["payment_from"], row["payment_to"]
        if came == "review" != went and went in {"paid", "partially_refunded", "refunded"} and payment in kept:
            found.append((payment, row["seq"], "payment.review_ended"))
        elif came != went and went in TOLD:
            found.append((payment, row["seq"], TOLD[went]))
        elif (
            went in PAYMENT_UNPAID
            and row["attempt_from"] != row["attempt_to"] in FAILED
            and row["reason"] not in UNOPENED
        ):
            found.append((payment, row["seq"], "payment.failed"))
        elif came not in {None, "open"} and went == "open":
            found.append((payment, row["seq"], "payment.open"))
        kept |= {payment} if went == "paid" else set()
        refund = msgspec.json.decode(row["evidence"]).get("refund")
        if refund:
            now = (refund["to"], refund["amount_minor"])
            if refund["to"] in {"succeeded", "failed"} and sums.get(refund["id"]) != now:
                found.append((payment, row["seq"], f"refund.{refund['to']}"))
            sums[refund["id"]] = now
    return sorted(found)


@dataclass(slots=True)
class Listener:
    """An endpoint of the shop, as the shop knows it."""

    id: str
    path: str
    events: tuple[str, ...]
    secrets: list[str]
    is_well: bool = True
    is_mixed: bool = False
    """It was told older events later: it began to listen to them, or had them sent again."""
    must: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What it has to be told, by id."""


class Town(House):
    """A house with a shop's server beside it."""

    async def _open(self) -> None:
        await super()._open()
        self.settings = self.settings.model_copy(update={"notifications": NotificationSettings(allow_private=True)})
        self.receiver: Receiver = await self._lasting.enter_async_context(receiving())

    async def begin(self, pg: str) -> None:
        self.listeners: list[Listener] = []
        self.gone: set[str] = set()
        self.read_to, self.feed = 0, list[dict[str, Any]]()
        self.receiver.got.clear()
        self.receiver.taken.clear()
        self.receiver.answer = self._answer
        await super().begin(pg)

    def _answer(self, got: Received) -> int:
        listener = next((each for each in self.listeners if got.path == each.path), None)
        return 500 if listener is not None and not listener.is_well else 204

    async def fall_quiet(self) -> None:
        """Every endpoint is well again, too."""
        for listener in self.listeners:
            listener.is_well = True
            await self.call("PATCH", f"/notification-endpoints/{listener.id}", {"paused": False})
        await super().fall_quiet()
        for _ in range(3):
            await self.advance(4000)
            await self.do(self.worker.sweep())
        await self.follow()

    async def outbox(self) -> list[Row]:
        return await self._rows("SELECT * FROM outbox ORDER BY position NULLS LAST, number")

    async def trail(self) -> list[Row]:
        return await self._rows("SELECT * FROM payment_events")

    async def follow(self) -> None:
        """Read the feed on from where it was read to, and note who has to be told what is new."""
        while page := (await self._page())["data"]:
            for each in page:
                for listener in self.listeners:
                    if not listener.events or each["type"] in listener.events:
                        listener.must[each["id"]] = each
            self.feed += page

    async def _page(self) -> dict[str, Any]:
        answer = await self.call("GET", f"/events?after={self.read_to}&limit=7")
        page: dict[str, Any] = answer.json()
        assert page["next_cursor"] >= self.read_to
        self.read_to = page["next_cursor"]
        return page


class Told(Till):
    """Everything that happens at a till, with a shop that listens."""

    house: Town

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.house.run(self.house.do(self.house.call(method, path, body)))
        assert answer is not None
        assert answer.status_code in {200, 201, 202, 204}, answer.text
        return answer.json() if answer.content else None

    def _change(self, which: int, **fields: Any) -> Listener | None:
        if not self.house.listeners:
            return None
        listener = self.house.listeners[which % len(self.house.listeners)]
        if fields:
            self._call("PATCH", f"/notification-endpoints/{listener.id}", fields)
        return listener

    @rule(wants=st.sampled_from([(), SOME]), is_well=st.booleans())
    def come(self, wants: tuple[str, ...], is_well: bool) -> None:
        """A new endpoint: it is told what happens from now on, and what nobody was told yet."""
        if len(self.house.listeners) < 4:
            path = f"/events/{next(self.numbers)}"
            url = self.house.receiver.url.removesuffix("/events") + path
            made = self._call("POST", "/notification-endpoints", {"url": url, "events": list(wants)})
            self.house.listeners.append(Listener(made["id"], path, wants, [made["secret"]], is_well))

    @rule(which=indexes)
    def go(self, which: int) -> None:
        if listener := self._change(which):
            self._call("DELETE", f"/notification-endpoints/{listener.id}")
            self.house.listeners.remove(listener)
            self.house.gone.add(listener.path)

    @rule(which=indexes, wants=st.sampled_from([(), SOME]))
    def listen_to(self, which: int, wants: tuple[str, ...]) -> None:
        if listener := self._change(which, events=list(wants)):
            listener.events, listener.is_mixed = wants, True

    @rule(which=indexes, paused=st.booleans())
    def pause(self, which: int, paused: bool) -> None:
        self._change(which, paused=paused)

    @rule(which=indexes, days=st.sampled_from([0, 1, 7]))
    def rotate(self, which: int, days: int) -> None:
        if listener := self._change(which):
            made = self._call("POST", f"/notification-endpoints/{listener.id}/rotate-secret", {"overlap_days": days})
            listener.secrets.append(made["secret"])

    @rule(which=indexes, is_well=st.booleans())
    def fail(self, which: int, is_well: bool) -> None:
        if listener := self._change(which):
            listener.is_well = is_well

    @rule(waits=waits_to_live)
    def tell_and_die(self, waits: int) -> None:
        """The worker dies while it hands on or sends; what it had under way waits for its lease."""
        self.house.run(self.house.do(self.house.worker.sweep(), dies_after=waits))

    @rule(which=indexes)
    def replay(self, which: int) -> None:
        if listener := self._change(which):
            body = {"endpoint_id": listener.id, "since": "2026-01-01T00:00:00Z"}
            count = self._call("POST", "/notifications/replay", body | {"preview": True})["count"]
            assert self._call("POST", "/notifications/replay", body)["count"] == count
            wanted = [each for each in self.house.feed if not listener.events or each["type"] in listener.events]
            assert count == len(wanted)
            listener.must |= {each["id"]: each for each in wanted}
            listener.is_mixed = True

    @invariant()
    def the_outbox_is_what_the_trail_says(self) -> None:
        house = self.house
        house.run(house.follow())
        rows, trail = house.run(house.outbox()), house.run(house.trail())
        told = sorted(
            (ids.show(ids.Prefix.PAYMENT, row["payment_id"]), row["sequence"] // 2, row["type"]) for row in rows
        )
        assert told == expected(trail)
        assert {row["type"] for row in rows} <= EVENT_TYPES.keys()
        assert [msgspec.json.decode(row["body"]) for row in rows if row["position"] is not None] == house.feed

    def teardown(self) -> None:
        super().teardown()
        if not self.is_sound:
            return
        house = self.house
        bodies = {each["id"]: msgspec.json.encode(each) for each in house.feed}
        for got in house.receiver.got:
            assert got.body == bodies[got.headers["webhook-id"]], "push and pull tell the same"
        for listener in house.listeners:
            self._check(listener)

    def _check(self, listener: Listener) -> None:
        taken = [each for each in self.house.receiver.taken if each.path == listener.path]
        first: dict[str, list[int]] = defaultdict(list)
        seen = set[str]()
        for got in taken:
            assert any(got.was_signed_with(secret) for secret in listener.secrets)
            if got.headers["webhook-id"] not in seen:
                seen.add(got.headers["webhook-id"])
                first[got.event["payment_id"]].append(got.event["sequence"])
        assert seen == listener.must.keys(), Counts(self.house.receiver.types())
        if not listener.is_mixed:
            assert all(each == sorted(each) for each in first.values()), "in order of each payment"


@pytest.mark.long
def test_push_pull_and_trail_tell_the_same(own_urls: Urls, size: int) -> None:
    with Town(own_urls) as town:
        thoroughly = settings(
            thorough,
            max_examples=EXAMPLES * size,
            stateful_step_count=STEPS,
            derandomize=size == 1,
            suppress_health_check=list(HealthCheck),
        )
        factory: Any = partial(Told, town)
        run_state_machine_as_test(factory, settings=thoroughly)
