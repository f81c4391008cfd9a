"""A machine that does anything at any time: create, pay, lose, double, forge, cancel, wait, crash. After every step the
books are true (`Books.check`), and in the end, once everything is quiet, they are complete (`Books.check_quiet`).

`MACHINE_EXAMPLES=500 pytest tests/flows/webhooks/test_machine.py` runs it for longer; `MACHINE_STEPS` sets their length.
"""

import asyncio
import os
from collections.abc import Coroutine, Mapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, event, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from app.db.embedded import EmbeddedPostgres
from app.jobs.worker import Worker
from app.main import Parts
from app.simulator.point3.scenarios import RULES as POINT3
from app.simulator.portone_v1.scenarios import RULES as PORTONE_V1
from app.simulator.portone_v2.scenarios import RULES as PORTONE_V2
from app.simulator.scenarios import Rule
from app.simulator.unifi_pay.scenarios import RULES as UNIFI_PAY
from tests.flows.gateways.orders import BUYER, ONE_STEP, Kind
from tests.flows.webhooks.machine import House, Letter, Order, changed
from tests.support import MovableClock, Shop
from tests.unit.properties import thorough

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "10"))
STEPS = int(os.environ.get("MACHINE_STEPS", "30"))

TWINS: Mapping[str, Mapping[str, Rule]] = {
    "point3": POINT3, "portone_v1": PORTONE_V1, "portone_v2": PORTONE_V2, "unifi_pay": UNIFI_PAY,
}  # fmt: skip
CURRENCIES = {"point3": ("KRW",), "portone_v1": ("USD",), "portone_v2": ("KRW", "USD"), "unifi_pay": ("USD",)}
AMOUNTS = {"KRW": 24_000, "USD": 1750}

BUYERS = (
    "paid", "declined", "late_approval", "abandoned", "amount_differs", "lost_webhook", "duplicate_webhook",
    "reordered_webhooks", "contradiction", "success_false", "canceled", "other_orders_signature", "live_channel",
    "wrong_store", "pay_pending", "virtual_account", "underpaid_deposit", "async_cancel", "cancel_failed", "declined",
    "accept_then_hang", "no_lookup_before_confirm", "returns_confirmed_but_failed", "paid_twice_callbacks",
    "refunded_notice", "forged_webhook", "forged_callback", "old_webhooks", "form_webhooks", "discount",
)  # fmt: skip
"""What buyers and their banks do; where a gateway does not know one of these, they simply pay."""

FAULTS = (
    "error_500", "accept_then_hang", "garbage", "slow", "too_many_requests", "token_expired", "unknown_status", "sparse",
    "amount_differs",
)  # fmt: skip
OPENING = {"point3": "token", "portone_v1": "prepare", "portone_v2": "prepare", "unifi_pay": "create"}
ASKING = ("lookup", "confirm", "cancel")


def _broken(gateway: str, call: str) -> list[str]:
    """What can go wrong there with this call."""
    return [fault for fault in FAULTS if call in getattr(TWINS[gateway].get(fault), "allowed", ())]


BROKEN = [
    (gateway, call, fault)
    for gateway in TWINS
    for call in (OPENING[gateway], *ASKING)
    for fault in _broken(gateway, call)
]

WINDOW_CLOSES = timedelta(hours=23)
"""How long after a payment's expiry its buyer may still pay in a window that was left open. Money that comes more than a day
after expiry is looked for no more: only its webhook, or the reconciliation, finds it."""

WAITS = (1, 6, 61, 301, 901, 3601, 86_400, 3 * 86_400)

indexes = st.integers(0, 3)
waits_to_live = st.integers(1, 60)


class Till(RuleBasedStateMachine):
    """Shops, buyers, gateways and time around one product.

    What hypothesis draws never depends on what the house did: a rule for which there is nothing to do does nothing.
    """

    orders = Bundle("orders")

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self.numbers = count(1)
        self.is_sound = False
        house.run(house.begin())

    # --- the shop ------------------------------------------------------------------------------------------------

    @initialize(target=orders, gateway=st.sampled_from(sorted(TWINS)))
    def first(self, gateway: str) -> Order:
        return self._place(gateway, "one", 0, 1800)

    @rule(
        target=orders,
        gateway=st.sampled_from(sorted(TWINS)),
        name=st.sampled_from(["one", "two", "three"]),
        currency=st.integers(0, 1),
        expires_in_s=st.sampled_from([1800, 120, 7200, 3 * 86_400]),
    )
    def create(self, gateway: str, name: str, currency: int, expires_in_s: int) -> Order:
        return self._place(gateway, name, currency, expires_in_s)

    @rule(
        target=orders,
        gateway=st.sampled_from(sorted(TWINS)),
        name=st.sampled_from(["one", "two", "three"]),
        waits=waits_to_live,
    )
    def create_and_die(self, gateway: str, name: str, waits: int) -> Order:
        return self._place(gateway, name, 0, 1800, dies_after=waits)

    def _place(self, gateway: str, name: str, currency: int, expires_in_s: int, dies_after: int | None = None) -> Order:
        currencies = CURRENCIES[gateway]
        unit = currencies[currency % len(currencies)]
        body = {
            "order_id": f"order-{name}",
            "order_name": "Mug",
            "amount": AMOUNTS[unit],
            "currency": unit,
            "gateway": gateway,
            "customer": BUYER,
            "expires_in_s": expires_in_s,
        }
        order = Order(body, {"Idempotency-Key": f"machine-{next(self.numbers)}"})
        self._create(order, dies_after)
        return order

    def _create(self, order: Order, dies_after: int | None = None) -> None:
        house = self.house
        answer = house.run(house.do(house.call("POST", "/payments", order.body, **order.key), dies_after=dies_after))
        if answer is None:
            event("died in create")
            return
        told = answer.json()
        if answer.status_code == 201:
            assert order.id in {None, told["id"]}, "one key, one payment"
        named = told["id"] if answer.status_code == 201 else told.get("payment_id")
        if named and told.get("code") != "order_taken":
            order.id = named

    @rule(target=orders, gateway=st.sampled_from(sorted(TWINS)), name=st.sampled_from(["one", "two"]), which=indexes)
    def create_in_trouble(self, gateway: str, name: str, which: int) -> Order:
        """The gateway does not open the attempt, or does and does not say so."""
        faults = _broken(gateway, OPENING[gateway])
        self._break(gateway, OPENING[gateway], faults[which % len(faults)], 1)
        return self._place(gateway, name, 0, 1800)

    @rule(order=orders)
    def create_again(self, order: Order) -> None:
        """The shop repeats its call with the same key."""
        self.house.run(self.house.find(order))
        self._create(order)

    @rule(order=orders, gateway=st.sampled_from(sorted(TWINS)))
    def try_again(self, order: Order, gateway: str) -> None:
        """A further attempt, here or at another gateway."""
        if order.id is not None:
            self.house.run(
                self.house.do(self.house.call("POST", f"/payments/{order.id}/attempts", {"gateway": gateway}))
            )

    @rule(order=orders)
    def cancel(self, order: Order) -> None:
        self._do(order, "cancel")

    @rule(order=orders)
    def sync(self, order: Order) -> None:
        self._do(order, "sync")

    def _do(self, order: Order, what: str, dies_after: int | None = None) -> None:
        if order.id is None:
            return
        house = self.house
        house.run(house.do(house.call("POST", f"/payments/{order.id}/{what}"), dies_after=dies_after))

    # --- the buyer -----------------------------------------------------------------------------------------------

    @rule(order=orders, which=indexes, scenario=st.sampled_from(BUYERS))
    def pay(self, order: Order, which: int, scenario: str) -> None:
        """The buyer acts in the window of one of the attempts that were opened for them."""
        self._pay(order, which, scenario)

    @rule(order=orders, scenario=st.sampled_from(BUYERS))
    def pay_and_return(self, order: Order, scenario: str) -> None:
        """The usual way: pay in the newest window, and come back at once."""
        if self._pay(order, -1, scenario):
            self._complete(order, order.proofs[-1])

    @rule(
        order=orders,
        scenario=st.sampled_from(BUYERS),
        call=st.sampled_from(ASKING),
        fault=st.sampled_from(FAULTS),
        waits=st.sampled_from([None, 5, 10, 20, 30, 40]),
    )
    def pay_and_return_in_trouble(self, order: Order, scenario: str, call: str, fault: str, waits: int | None) -> None:
        """The buyer pays, and the gateway, or our process too, fails us when we ask."""
        if self._pay(order, -1, scenario):
            gateway = self.house.run(self.house.attempts(order))[-1]["gateway"]
            if (gateway, call, fault) in BROKEN:
                self._break(gateway, call, fault, 1)
            self._complete(order, order.proofs[-1], dies_after=waits)

    def _pay(self, order: Order, which: int, scenario: str) -> bool:
        house = self.house
        opened = [row for row in house.run(house.attempts(order)) if row["next_action"] is not None]
        if not opened:
            return False
        attempt = opened[which % len(opened)]
        created = house.run(house.attempts(order))[0]["created_at"]
        if house.clock() > created + timedelta(seconds=order.body["expires_in_s"]) + WINDOW_CLOSES:
            return False
        scenario = scenario if scenario in TWINS[attempt["gateway"]] else "paid"
        body = {"gateway": attempt["gateway"], "reference": attempt["reference"], "scenario": scenario}
        proof = house.run(house.sim("POST", "/_sim/pay", body, may_refuse=True))
        house.run(house.letters())
        event(f"pay {attempt['gateway']} {scenario if proof else 'refused'}")
        if proof is None:
            return False
        order.proofs.append(proof)
        return True

    @rule(order=orders, other=orders, proof=st.sampled_from(["own", "none", "older", "foreign", "forged"]))
    def complete(self, order: Order, other: Order, proof: str) -> None:
        """A browser says that it is done, with what it received, or with something else."""
        self._complete(order, self._proof(order, other, proof))

    @rule(order=orders, waits=waits_to_live)
    def complete_and_die(self, order: Order, waits: int) -> None:
        self._complete(order, self._proof(order, order, "own"), dies_after=waits)

    def _proof(self, order: Order, other: Order, kind: str) -> dict[str, Any]:
        if kind == "forged":
            return {
                "signature": "sigforged",
                "imp_uid": "imp_000",
                "txId": "tx-forged",
                "transactionId": "unifi-forged",
            }
        proofs = other.proofs if kind == "foreign" else order.proofs
        if kind == "none" or not proofs:
            return {}
        return proofs[0 if kind == "older" else -1]

    def _complete(self, order: Order, proof: Mapping[str, Any], dies_after: int | None = None) -> None:
        if order.id is None:
            return
        house = self.house
        fields = ("signature", "imp_uid", "merchant_uid", "paymentId", "txId", "transactionId")
        body = {"payment_id": order.id} | {name: proof[name] for name in fields if proof.get(name)}
        answer = house.run(house.do(house.call("POST", "/payments/complete", body), dies_after=dies_after))
        if answer is None:
            event("died in complete")
        elif answer.status_code == 200:
            event(f"complete {answer.json()['status']}")

    @rule(order=orders, which=indexes)
    def cancel_in_console(self, order: Order, which: int) -> None:
        """Somebody at the shop gives the money back in the gateway's console, past us."""
        house = self.house
        attempts = [row for row in house.run(house.attempts(order)) if row["gateway"] in {"portone_v1", "portone_v2"}]
        if not attempts:
            return
        attempt = attempts[which % len(attempts)]
        gateway, reference = attempt["gateway"], attempt["reference"]
        body = {"gateway": gateway, "reference": reference, "scenario": "console_cancel"}
        if house.run(house.sim("POST", "/_sim/pay", body, may_refuse=True)) is not None:
            rows = house.run(house.sim("GET", f"/_sim/journal?gateway={gateway}"))
            refs = {(gateway, row["gateway_ref"]) for row in rows if row["reference"] == reference and row["cancels"]}
            house.canceled_in_console |= refs
            house.run(house.letters())
            event("canceled in console")

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

    @rule(which=indexes, order=orders)
    def forge(self, which: int, order: Order) -> None:
        """A webhook comes with another payment in it: whoever signs finds out, and V1's is a hint like any other."""
        house = self.house
        if not house.box:
            return
        attempts = house.run(house.attempts(order))
        reference = attempts[-1]["reference"] if attempts else "0" * 32 + "a1"
        forged = changed(house.signed_now(house.box[which % len(house.box)]), reference)
        before = house.run(house.inbox_size())
        status = self._deliver(forged)
        is_unsigned = forged.path.endswith("portone-v1")
        assert (status == 200) == is_unsigned, (status, forged)
        assert is_unsigned or house.run(house.inbox_size()) == before

    @rule(path=st.sampled_from(["portone-v1", "portone-v2", "unifi-pay"]), order=orders)
    def invent(self, path: str, order: Order) -> None:
        """A webhook out of nothing, unsigned."""
        body = (
            b'{"imp_uid": "imp_123456789012", "merchant_uid": "nobody", "status": "paid", "transactionId": "none",'
            b' "orderId": "nobody", "type": "Transaction.Paid", "data": {"paymentId": "nobody"}}'
        )
        self._deliver(Letter(f"/webhooks/{path}", {"content-type": "application/json"}, body))

    def _deliver(self, letter: Letter) -> int:
        """Hand it in; by itself it never changes any payment."""
        house = self.house
        before = house.run(house.read()).standing()
        answer = house.run(house.do(house.deliver(letter)))
        assert answer is not None
        assert house.run(house.read()).standing() == before, "a webhook changed a payment"
        return answer.status_code

    @rule(which=indexes, waits=waits_to_live)
    def deliver_and_die(self, which: int, waits: int) -> None:
        """The process dies while it takes a webhook in: without its 200, the gateway sends it again."""
        house = self.house
        if not house.box:
            return
        letter = house.box[which % len(house.box)]
        answer = house.run(house.do(house.deliver(house.signed_now(letter)), dies_after=waits))
        if answer is not None and answer.status_code == 200:
            house.box.remove(letter)

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

    def _break(self, gateway: str, call: str, fault: str, times: int) -> None:
        body = {"gateway": gateway, "scenario": fault, "call": call, "times": times}
        self.house.run(self.house.sim("POST", "/_sim/scenario", body))
        event(f"broken {gateway} {call} {fault}")

    @rule()
    def restart(self) -> None:
        self.house.run(self.house.restart())

    @rule(order=orders, others=st.sets(st.sampled_from(["sync", "sweep", "work", "cancel", "again"]), min_size=1))
    def all_at_once(self, order: Order, others: set[str]) -> None:
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
            else:
                works.append(house.call("POST", f"{path}/{name}"))

        async def together() -> None:
            await asyncio.gather(*works)

        house.run(house.do(together()))

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


@pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)
async def test_a_refusal_that_turns_into_money_after_the_shop_canceled_goes_back(
    shop: Shop, kind: Kind, parts: Parts, clock: MovableClock
) -> None:
    """The machine found it: canceling an order took the last look at its failed attempt away, for good."""
    payment = await shop.create(expires_in_s=7200, **kind.order)
    await shop.complete(payment, **await shop.buyer_pays(payment, "late_approval"))
    answer = await shop.client.post(f"/payments/{payment['id']}/cancel")
    assert answer.json()["attempts"][0]["status"] == "failed"
    await shop.sim("POST", "/_sim/advance", {"seconds": 3601})
    clock.advance(3601)
    await Worker(parts).sweep()
    stored = await shop.get(payment)
    assert stored["attempts"][0]["status"] == "rejected"
    truth = await shop.journal(payment)
    assert truth["refunded"] == (truth["amount"] if kind.can_refund else 0)
    assert stored["status"] == ("canceled" if kind.can_refund else "review")


def test_the_books_are_true_whatever_happens(postgres: EmbeddedPostgres) -> None:
    with House(postgres, "machine") as house:
        thoroughly = settings(
            thorough, max_examples=EXAMPLES, stateful_step_count=STEPS, suppress_health_check=list(HealthCheck)
        )

        class Here(Till):
            def __init__(self) -> None:
                super().__init__(house)

        run_state_machine_as_test(Here, settings=thoroughly)
