"""A counter: a shop places orders, and its buyers pay them, well or badly. A machine of hypothesis; see `till`."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import count
from typing import Any

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from tests.flows.gateways.orders import BUYER
from tests.flows.webhooks.house import House
from tests.flows.webhooks.letters import Order
from tests.flows.webhooks.trouble import AMOUNTS, BROKEN, CANCELS, CURRENCIES, SELLERS, TWINS

WINDOW_CLOSES = timedelta(hours=23)
"""How long after a payment's expiry its buyer may still pay in a window that was left open. Money that comes more than a day
after expiry is looked for no more: only its webhook, or the reconciliation, finds it."""


class Counter(RuleBasedStateMachine):
    """Orders are placed, sold and asked about.

    What hypothesis draws never depends on what the house did: a rule for which there is nothing to do does nothing.
    """

    orders = Bundle("orders")

    def __init__(self, house: House) -> None:
        super().__init__()
        self.house = house
        self.numbers = count(1)
        self.placed: list[Order] = []
        self.is_sound = False

    # --- the shop and its buyers ---------------------------------------------------------------------------------

    @initialize(
        target=orders,
        gateway=st.sampled_from(SELLERS),
        currency=st.integers(0, 1),
        pg=st.sampled_from(["paymentwall", "other"]),
    )
    def begin(self, gateway: str, currency: int, pg: str) -> Order:
        self.house.run(self.house.begin(pg))
        return self._sell(gateway, "one", currency, "paid")

    @rule(
        target=orders,
        gateway=st.sampled_from(SELLERS),
        name=st.sampled_from(["one", "two", "three", "four"]),
        currency=st.integers(0, 1),
        how=st.sampled_from(["paid", "deposit"]),
    )
    def sell(self, gateway: str, name: str, currency: int, how: str) -> Order:
        """An order that is created, paid and known to be paid: something that can be given back."""
        return self._sell(gateway, name, currency, how)

    def _sell(self, gateway: str, name: str, currency: int, how: str) -> Order:
        order = self._place(gateway, name, currency, 1800)
        if how == "deposit":
            self._pay(order, -1, "virtual_account")
            how = "paid"
        if self._pay(order, -1, how):
            self._complete(order, order.proofs[-1])
        return order

    @rule(
        target=orders,
        gateway=st.sampled_from(SELLERS),
        currency=st.integers(0, 1),
        is_charged=st.booleans(),
        fault=st.sampled_from(CANCELS),
        waits=st.sampled_from([None, None, 10, 20, 30, 40]),
    )
    def take_wrong_money(
        self, gateway: str, currency: int, is_charged: bool, fault: str | None, waits: int | None
    ) -> Order:
        """Another amount than was ordered is charged, or shown once: it must go back, and the gateway may fail us again."""
        order = self._place(gateway, f"wrong-{next(self.numbers)}", currency, 1800)
        if self._pay(order, -1, "amount_differs" if is_charged else "paid"):
            if not is_charged:
                self._lie(order)
            if fault and (gateway, "cancel", fault) in BROKEN:
                self._break(gateway, "cancel", fault, 1)
            self._complete(order, order.proofs[-1], dies_after=waits)
        return order

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
        self.placed.append(order)
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

    @rule(order=orders)
    def sync(self, order: Order) -> None:
        self._do(order, "sync")

    def _do(self, order: Order, what: str, dies_after: int | None = None) -> None:
        if order.id is None:
            return
        house = self.house
        house.run(house.do(house.call("POST", f"/payments/{order.id}/{what}"), dies_after=dies_after))

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

    def _break(self, gateway: str, call: str, fault: str, times: int) -> None:
        body = {"gateway": gateway, "scenario": fault, "call": call, "times": times}
        self.house.run(self.house.sim("POST", "/_sim/scenario", body))
        event(f"broken {gateway} {call} {fault}")

    def _lie(self, order: Order) -> None:
        """The next look-up of what it was paid with shows another amount. No gateway lies twice about the same order."""
        attempts = self.house.run(self.house.attempts(order))
        if attempts and not order.is_lied_about:
            order.is_lied_about = True
            about = {"gateway": attempts[-1]["gateway"], "reference": attempts[-1]["reference"]}
            body = about | {"scenario": "amount_differs", "call": "lookup"}
            self.house.run(self.house.sim("POST", "/_sim/scenario", body))
