"""Two machines that do anything at any time, over all four gateways. After every step the books are true (`Books.check`), and
in the end, once everything is quiet, they are complete (`Books.check_quiet`).

At size 1 the examples are the same every time, so that no verdict depends on luck; at a larger one (docs/soak.md) every run
tries others.
"""

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from app.jobs.worker import Worker
from app.services import Services
from tests.flows.gateways.orders import FOUR, ONE_STEP, Kind
from tests.flows.webhooks.house import House, changed
from tests.flows.webhooks.letters import Letter, Order
from tests.flows.webhooks.till import Till, indexes, waits_to_live
from tests.flows.webhooks.trouble import ASKING, BROKEN, BUYERS, FAULTS, OPENING, TWINS, broken
from tests.support import MovableClock, Shop, key
from tests.support.databases import Urls
from tests.unit.properties import thorough

EXAMPLES = 10
"""Of each machine, at size 1."""
STEPS = 30


class Market(Till):
    """Shops, buyers, gateways and time around one product: whatever can happen to an order."""

    orders = Till.orders

    # --- the shop ------------------------------------------------------------------------------------------------

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

    @rule(target=orders, gateway=st.sampled_from(sorted(TWINS)), name=st.sampled_from(["one", "two"]), which=indexes)
    def create_in_trouble(self, gateway: str, name: str, which: int) -> Order:
        """The gateway does not open the attempt, or does and does not say so."""
        faults = broken(gateway, OPENING[gateway])
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

    @rule(order=orders, other=orders, proof=st.sampled_from(["own", "none", "older", "foreign", "forged"]))
    def complete(self, order: Order, other: Order, proof: str) -> None:
        """A browser says that it is done, with what it received, or with something else."""
        self._complete(order, self._proof(order, other, proof))

    @rule(order=orders, waits=waits_to_live)
    def complete_and_die(self, order: Order, waits: int) -> None:
        self._complete(order, self._proof(order, order, "own"), dies_after=waits)

    # --- strangers and crashes -----------------------------------------------------------------------------------

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
        if forged.path.removeprefix("/webhooks/").replace("-", "_") in house.lost:
            return  # nobody takes it, or with other secrets
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


@pytest.mark.parametrize("kind", ONE_STEP, ids=lambda kind: kind.name)
async def test_a_refusal_that_turns_into_money_after_the_shop_canceled_goes_back(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
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


@pytest.mark.parametrize("fault", ["paid", "error_500"], ids=["answered", "unclear"])
@pytest.mark.parametrize("kind", [kind for kind in ONE_STEP if kind.can_refund], ids=lambda kind: kind.name)
async def test_rejected_money_of_which_a_look_up_showed_too_little_goes_back_whole(
    shop: Shop, kind: Kind, fault: str, parts: Services, clock: MovableClock
) -> None:
    """The machine found it: the refund kept the amount that was shown once, and the difference stayed ours, told to nobody."""
    payment = await shop.create(**kind.order)
    proof = await shop.buyer_pays(payment)
    await shop.scenario("amount_differs", kind.name, call="lookup")
    await shop.scenario(fault, kind.name, call="cancel")
    await shop.complete(payment, **proof)
    await _pass_time(shop, parts, clock)
    assert await _is_back_or_told(shop, payment)


@pytest.mark.parametrize("kind", [kind for kind in ONE_STEP if kind.can_refund], ids=lambda kind: kind.name)
async def test_rejected_money_is_not_taken_for_given_back_because_a_look_up_shows_less(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
) -> None:
    """The machine found it: a refund whose answer was lost was done, it seemed, once a look-up showed a lower amount."""
    payment = await shop.create(**kind.order)
    proof = await shop.buyer_pays(payment, "amount_differs")
    await shop.scenario("error_500", kind.name, call="cancel")
    await shop.complete(payment, **proof)
    await shop.scenario("amount_differs", kind.name, call="lookup")
    await shop.sync(payment)
    await _pass_time(shop, parts, clock)
    assert await _is_back_or_told(shop, payment)


@pytest.mark.parametrize("kind", [kind for kind in FOUR if kind.can_refund], ids=lambda kind: kind.name)
async def test_a_refund_that_is_done_does_not_fail_because_a_look_up_shows_another_amount(
    shop: Shop, kind: Kind, parts: Services, clock: MovableClock
) -> None:
    """The machine found it: what was shown as canceled was less than our refund, so our refund was taken for overtaken."""
    payment = await shop.create(**kind.order)
    await shop.complete(payment, **await shop.buyer_pays(payment))
    if kind.refund_s == 0:
        await shop.scenario("garbage", kind.name, call="cancel")
    asked = await shop.client.post(f"/payments/{payment['id']}/refunds", json={"reason": "returned"}, headers=key())
    assert asked.status_code == 202
    await shop.scenario("amount_differs", kind.name, call="lookup")
    for seconds in (700, 3600, 3601):
        await shop.sim("POST", "/_sim/advance", {"seconds": seconds})
        clock.advance(seconds)
        await Worker(parts).sweep()
    listed = (await shop.client.get(f"/payments/{payment['id']}/refunds")).json()["data"]
    assert [(row["id"], row["status"]) for row in listed] == [(asked.json()["id"], "succeeded")]
    assert (await shop.get(payment))["status"] == "refunded"


async def _pass_time(shop: Shop, parts: Services, clock: MovableClock) -> None:
    """Some hours, in which whatever is due is looked at."""
    for seconds in (10, 20, 70, 400, 1000, 4000, 4000, 4000):
        await shop.sim("POST", "/_sim/advance", {"seconds": seconds})
        clock.advance(seconds)
        await Worker(parts).sweep()


async def _is_back_or_told(shop: Shop, payment: dict[str, Any]) -> bool:
    """Whether all of the newest attempt's money went back, or a person is called."""
    truth = await shop.journal(payment)
    listed = await shop.client.get("/payments", params={"needs_attention": "true"})
    return truth["refunded"] == truth["amount"] or payment["id"] in {row["id"] for row in listed.json()["data"]}


@pytest.mark.long
def test_money_goes_back_once_whatever_happens(own_urls: Urls, size: int) -> None:
    _run(own_urls, Till, size)


@pytest.mark.long
def test_the_books_are_true_whatever_happens(own_urls: Urls, size: int) -> None:
    _run(own_urls, Market, size)


def _run(urls: Urls, machine: type[Till], size: int) -> None:
    with House(urls) as house:
        thoroughly = settings(
            thorough,
            max_examples=EXAMPLES * size,
            stateful_step_count=STEPS,
            derandomize=size == 1,
            suppress_health_check=list(HealthCheck),
        )
        factory: Any = partial(machine, house)  # hypothesis takes any factory, and declares a class
        run_state_machine_as_test(factory, settings=thoroughly)
