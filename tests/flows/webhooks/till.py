"""A till: orders are sold, their money goes back, and gateways, time and our own process go wrong meanwhile.

A machine of hypothesis. `test_machine` runs it, and a larger one that is built upon it.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import event, note
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from tests.flows.webhooks.books import WHOLE_ONLY
from tests.flows.webhooks.counter import Counter
from tests.flows.webhooks.letters import Asked, Letter, Order
from tests.flows.webhooks.trouble import BROKEN, CANCELS, SELLERS

PARTS = (8, 4, 2, None, 8, 4, 1)
"""Refunds are of all that is left, or of the order's amount divided by so much: equal ones happen."""

TO_ACCOUNT = {"bank": "SHINHAN", "number": "110-123-456789", "holder": "Minji Kim", "phone": "010-5555-7788"}

WAITS = (1, 6, 61, 301, 901, 3601, 86_400, 3 * 86_400)

AT_ONCE = ("sync", "sweep", "work", "cancel", "again", "refunds", "refund_again")

indexes = st.integers(0, 3)
waits_to_live = st.integers(1, 60)


class Till(Counter):
    """Money that was taken, on its way back: every step ends with true books."""

    orders = Counter.orders

    # --- money back ----------------------------------------------------------------------------------------------

    @rule(order=orders, part=st.sampled_from(PARTS), fault=st.sampled_from(CANCELS), expects=st.booleans())
    def refund(self, order: Order, part: int | None, fault: str | None, expects: bool) -> None:
        """The shop gives money back, and the gateway may fail us."""
        self._refund(order, part, fault, expects=expects)

    @rule(order=orders, part=st.sampled_from(PARTS), fault=st.sampled_from(CANCELS), waits=waits_to_live)
    def refund_and_die(self, order: Order, part: int | None, fault: str | None, waits: int) -> None:
        self._refund(order, part, fault, dies_after=waits)

    def _refund(
        self, order: Order, part: int | None, fault: str | None, *, expects: bool = False, dies_after: int | None = None
    ) -> None:
        order = self._refundable(order)
        asked = self._new_refund(order, part, expects=expects)
        if asked is None:
            return
        gateway = self.house.run(self.house.attempts(order))[0]["gateway"]
        if fault and (gateway, "cancel", fault) in BROKEN:
            self._break(gateway, "cancel", fault, 1)
        order.refunds.append(asked)
        self._ask(asked, dies_after)

    @rule(which=indexes, seconds=st.sampled_from([0, 901]), waits=st.sampled_from([None, None, 10, 20]))
    def refund_again(self, which: int, seconds: int, waits: int | None) -> None:
        """The shop repeats one of its last calls with the same key, at once or when nobody works on the first any more."""
        asked = [each for order in self.placed for each in order.refunds]
        if asked:
            self.house.run(self.house.advance(seconds))
            self._ask(asked[-1 - which % len(asked)], waits)

    @rule(order=orders, which=indexes, part=st.sampled_from(PARTS), kind=st.sampled_from(["console", "chargeback"]))
    def refund_past_us(self, order: Order, which: int, part: int | None, kind: str) -> None:
        """Somebody at the shop gives money back in the gateway's console, or the buyer's bank takes it."""
        house = self.house
        attempts = house.run(house.attempts(order))
        if not attempts:
            return
        attempt = attempts[which % len(attempts)]
        body = {"gateway": attempt["gateway"], "reference": attempt["reference"]}
        if part is not None and attempt["gateway"] not in WHOLE_ONLY:
            body["amount"] = order.body["amount"] // part
        if attempt["gateway"] == "portone_v2":  # the one that tells of chargebacks
            body["kind"] = kind
        if house.run(house.refund_in_console(body)):
            house.run(house.letters())
            event(f"refunded past us {body['gateway']} {'part' if 'amount' in body else 'whole'}")

    @rule()
    def explain(self) -> None:
        """A person says which cancels of a gateway's list are our refunds."""
        self.house.run(self.house.explain())

    @rule(order=orders, action=st.sampled_from(["refund", "accept", "close"]))
    def resolve(self, order: Order, action: str) -> None:
        """A person decides about a payment; where it calls nobody, or a look-up says otherwise, nothing happens."""
        if order.id is None:
            return
        body = {"action": action, "note": "seen in the gateway's console"}
        answer = self.house.run(self.house.do(self.house.call("POST", f"/payments/{order.id}/resolve", body)))
        if answer is not None:
            told = answer.json()
            event(
                f"resolve {action} {answer.status_code} {told.get('code') or told['status']} {told.get('obstacle', '')}"
            )
            assert answer.status_code in {200, 404, 409, 503}, told

    def _refundable(self, order: Order) -> Order:
        """The order, or where nothing of it can be given back, another one of which something can."""
        for each in (order, *reversed(self.placed)):
            payment = self.house.run(self.house.payment(each))
            if payment and payment["captured_minor"] > payment["refunded_minor"] + payment["refunding_minor"]:
                return each
        return order

    def _new_refund(self, order: Order, part: int | None, *, expects: bool = False) -> Asked | None:
        """What the shop would ask for; a deposit goes back to an account that it names."""
        house = self.house
        payment = house.run(house.payment(order))
        if payment is None or order.id is None:
            return None
        body: dict[str, Any] = {"reason": "returned"}
        if part is not None:
            body["amount"] = order.body["amount"] // part
        if expects:
            body["expected_refundable"] = (
                payment["captured_minor"] - payment["refunded_minor"] - payment["refunding_minor"]
            )
        if any(row["is_deposit"] for row in house.run(house.attempts(order))):
            body["refund_account"] = TO_ACCOUNT
        return Asked(f"/payments/{order.id}/refunds", body, {"Idempotency-Key": f"machine-{next(self.numbers)}"})

    def _ask(self, asked: Asked, dies_after: int | None = None) -> None:
        self.house.run(self.house.do(self._asking(asked), dies_after=dies_after))

    async def _asking(self, asked: Asked) -> None:
        """Call, and hold the answer against what earlier calls with this key have said: it stands for one refund."""
        answer = await self.house.call("POST", asked.path, asked.body, **asked.key)
        told = answer.json()
        event(f"refund {told.get('gateway')} {answer.status_code} {told.get('code') or told['status']}")
        named = told["id"] if answer.status_code in {201, 202} else told.get("refund_id")
        is_held = told.get("code") == "idempotency_key_in_use"
        assert asked.id in {None, named} or is_held, f"one key, and not one refund: {asked.id}, then {told}"
        asked.id = asked.id or named

    # --- webhooks ------------------------------------------------------------------------------------------------

    @rule(which=indexes, stays=st.booleans())
    def deliver(self, which: int, stays: bool) -> None:
        """One of the webhooks arrives, in whatever order; one that stays will arrive again."""
        if not (box := self.house.box):
            return
        at = which % len(box)
        answer = self._deliver(self.house.signed_now(box[at] if stays else box.pop(at)))
        event(f"webhook {answer}")

    @rule(which=indexes)
    def drop(self, which: int) -> None:
        if self.house.box:
            self.house.box.pop(which % len(self.house.box))

    def _deliver(self, letter: Letter) -> int:
        """Hand it in; by itself it never changes any payment."""
        house = self.house
        before = house.run(house.read()).standing()
        answer = house.run(house.do(house.deliver(letter)))
        assert answer is not None
        assert house.run(house.read()).standing() == before, "a webhook changed a payment"
        return answer.status_code

    # --- the worker, time and trouble ----------------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        """The jobs of the webhooks that are kept."""
        self.house.run(self.house.do(self.house.apply_waiting()))

    @rule()
    def sweep(self) -> None:
        self.house.run(self.house.do(self.house.worker.sweep()))

    @rule(waits=waits_to_live, seconds=st.sampled_from([0, *WAITS]))
    def sweep_and_die(self, waits: int, seconds: int) -> None:
        self.house.run(self.house.advance(seconds))
        self.house.run(self.house.do(self.house.worker.sweep(), dies_after=waits))

    @rule(seconds=st.sampled_from(WAITS), is_swept=st.booleans())
    def wait(self, seconds: int, is_swept: bool) -> None:
        self.house.run(self.house.advance(seconds))
        if is_swept:
            self.sweep()

    @rule(broken=st.sampled_from(BROKEN), times=st.integers(1, 2))
    def break_gateway(self, broken: tuple[str, str, str], times: int) -> None:
        """The next such call of that gateway goes wrong."""
        self._break(*broken, times)

    @rule(order=orders)
    def lie(self, order: Order) -> None:
        self._lie(order)

    @rule()
    def restart(self) -> None:
        self.house.run(self.house.restart())

    @rule(gateway=st.sampled_from(SELLERS), is_removed=st.booleans())
    def lose_gateway(self, gateway: str, is_removed: bool) -> None:
        """It leaves the settings, or another account of it takes its place."""
        self.house.run(self.house.lose(gateway, is_removed=is_removed))
        event(f"{gateway} {'left' if is_removed else 'is another account'}")

    @rule()
    def find_gateways_again(self) -> None:
        if self.house.lost:
            self.house.run(self.house.find_again())

    @rule(order=orders, others=st.sets(st.sampled_from(AT_ONCE), min_size=1), part=st.sampled_from(PARTS))
    def all_at_once(self, order: Order, others: set[str], part: int | None) -> None:
        """The browser, the shop and the worker at the same moment, in two processes."""
        house = self.house
        if order.id is None:
            return
        proof = self._proof(order, order, "own")
        fields = {name: value for name, value in proof.items() if name in {"signature", "imp_uid", "txId"}}
        path = f"/payments/{order.id}"
        works: list[Coroutine[Any, Any, Any]] = [
            house.call("POST", "/payments/complete", {"payment_id": order.id} | fields)
        ]
        for name in sorted(others):
            if name == "sweep":
                works.append(house.worker.sweep())
            elif name == "work":
                works.append(house.apply_waiting())
            elif name == "again":
                works.append(house.call("POST", f"{path}/attempts", {"gateway": order.body["gateway"]}))
            elif name.startswith("refund"):
                works += [
                    self._asking(asked) for asked in self._two_refunds(order, part, is_same=name == "refund_again")
                ]
            else:
                works.append(house.call("POST", f"{path}/{name}"))

        async def together() -> None:
            await asyncio.gather(*works)

        house.run(house.do(together()))

    def _two_refunds(self, order: Order, part: int | None, *, is_same: bool) -> list[Asked]:
        """Two of one amount, or one whose call is doubled on its way."""
        new = [asked for _ in range(1 if is_same else 2) if (asked := self._new_refund(order, part))]
        order.refunds += new
        return new * 2 if is_same else new

    # --- what holds ----------------------------------------------------------------------------------------------

    @invariant()
    def books_are_true(self) -> None:
        self.is_sound = False
        books = self.house.run(self.house.read())
        note(f"    {[(row['order_id'], row['status'], row['attention']) for row in books.payments]}")
        books.check()
        self.is_sound = True

    def teardown(self) -> None:
        house = self.house
        try:
            if self.is_sound:  # else a step has failed already, and says more than what follows from it
                house.run(house.fall_quiet())
                books = house.run(house.read())
                books.check()
                books.check_quiet()
        finally:
            house.run(house.end())
