"""Whatever gateways list, and whatever happens in between, our refunds become theirs and none is done twice."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.attention import Attention
from app.domain.states import RefundStatus
from app.gateways.values import GatewayPayment, GatewayRefund, RefundState
from app.ledger.model import BY_GATEWAY, Payment, Refund, total
from app.ledger.transitions import refund_step
from app.refunds.matching import Doubt, Move
from tests.unit.factories import NOW, held
from tests.unit.properties import thorough
from tests.unit.refund_looks import (
    DONE,
    FAILED,
    GOING,
    WHOLE,
    H,
    R,
    applied,
    cancel,
    difference,
    kept,
    refund,
    won,
)


@dataclass
class World:
    """A payment, and a gateway that gives money back when it is asked, when it wants, or when somebody else asks it.

    `tells` is how much its look-ups say at a time: every refund, those that are done, or the sum alone.
    """

    tells: str
    payment: Payment = field(default_factory=kept)
    refunds: list[GatewayRefund] = field(default_factory=list)
    late: list[tuple[int, int, int]] = field(default_factory=list)
    """Calls that are still on their way: of which refund, how much, and the balance that they name."""
    owners: dict[str, int] = field(default_factory=dict)
    """Which refund of ours a cancel was carried out for."""
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def left(self) -> int:
        return WHOLE - sum(each.amount.minor for each in self.refunds if each.state is not FAILED)

    def back(self) -> int:
        return sum(each.amount.minor for each in self.refunds if each.state is DONE)

    def give(self, amount: int, state: RefundState, owner: int | None = None) -> str:
        ref = f"c{next(self.numbers)}"
        self.refunds.append(GatewayRefund(won(amount), state, ref, is_by_api=owner is not None))
        if owner is not None:
            self.owners[ref] = owner
        return ref

    def look(self) -> GatewayPayment:
        back = self.back()
        going = sum(each.amount.minor for each in self.refunds if each.state is GOING)
        status = H.CANCELED if back == WHOLE else H.REFUND_PENDING if going and back + going == WHOLE else H.CAPTURED
        listed = {
            "all": self.refunds,
            "done": [each for each in self.refunds if each.state is DONE],
            "sum": [],
        }[self.tells]
        if self.tells != "all" and status is H.REFUND_PENDING:
            status = H.CAPTURED
        return held(status, amount=won(WHOLE), refunded=won(back), refunds=tuple(listed))

    def compare(self) -> bool:
        """Store every difference, one by one; it must come to an end. False: a person must say which refund is which."""
        for _ in range(3 * (len(self.payment.refunds) + len(self.refunds)) + 3):
            found = difference(self.payment, self.look())
            if found is None:
                return True
            if found == Doubt(Attention.UNEXPLAINED_REFUND):
                return False
            assert not isinstance(found, Doubt), found
            self.payment = applied(self.payment, found, self.numbers)
            self.check()
        raise AssertionError("it does not come to an end")

    def person(self) -> None:
        """Somebody sees at the gateway whether the refund without an answer was done, and for how much."""
        lost = next(each for each in self.payment.refunds if each.status is R.UNKNOWN)
        own = [each for each in self.refunds if each.ref and self.owners.get(each.ref) == lost.number]
        if not own:
            self.move(lost, R.FAILED)
        elif own[0].state is DONE:
            self.move(lost, R.SUCCEEDED, returned_minor=own[0].amount.minor)

    def check(self) -> None:
        paid = self.payment
        assert 0 <= paid.refunded_minor <= paid.refunded_minor + paid.refunding_minor <= WHOLE
        assert paid.refunded_minor <= self.back(), "nothing is told as given back that was not"
        refs = [each.gateway_ref for each in paid.refunds if each.gateway_ref]
        assert len(refs) == len(set(refs)), "no two refunds are the same one at the gateway"

    def reserve(self, amount: int, *, is_bound: bool) -> None:
        if amount <= self.payment.refundable_minor:
            made = refund(len(self.payment.refunds) + 1, amount, R.CREATED)
            made = replace(made, expected_minor=self.payment.refundable_minor if is_bound else None)
            self.move(made, R.CREATED)

    def ask(self, how: str) -> None:
        """Look, then have the gateway asked for the first refund that is not decided."""
        if not self.compare():
            return
        waiting = [each for each in self.payment.refunds if each.is_undecided]
        if not waiting or waiting[0].status is R.PENDING:
            return
        first = waiting[0]
        balance = WHOLE - self.payment.refunded_minor
        self.move(first, R.UNKNOWN, refund_attempts=first.refund_attempts + 1)
        if how == "late":
            self.late.append((first.number, first.amount.minor, balance))
            return
        if balance != self.left() or how == "refused":
            if how not in {"lost", "adjusted_lost"}:
                failure = '{"code":"refund_declined","raw_code":"-1"}'
                # A refusal of a call that repeats a lost one is believed only once the look-up does not show it.
                self.compare()
                if self.now(first).status is R.UNKNOWN:
                    self.move(first, R.FAILED, is_answered=True, failure=failure)
            return
        given = max(1, first.amount.minor * 92 // 100) if how.startswith("adjusted") else first.amount.minor
        ref = self.give(given, GOING if how == "going" else DONE, owner=first.number)
        if how not in {"lost", "adjusted_lost"}:
            to = R.PENDING if how == "going" else R.SUCCEEDED
            told = {"returned_minor": given} if given != first.amount.minor else {}
            self.move(first, to, is_answered=True, gateway_ref=None if self.tells == "sum" else ref, **told)

    def arrive(self) -> None:
        """A call that was long on its way is carried out, if the balance that it names is right by then."""
        if self.late:
            number, amount, balance = self.late.pop(0)
            if balance == self.left():
                self.give(amount, DONE, owner=number)

    def settle(self, state: RefundState) -> None:
        """The oldest cancel that was under way ends."""
        for at, each in enumerate(self.refunds):
            if each.state is GOING:
                self.refunds[at] = replace(each, state=state)
                return

    def now(self, known: Refund) -> Refund:
        found = self.payment.refund(known.id)
        assert found is not None
        return found

    def move(self, known: Refund, to: RefundStatus, **fields: object) -> None:
        stored = self.payment.refund(known.id) or known
        is_yes = fields.get("is_answered") and to is not R.FAILED
        done = refund_step(
            self.payment,
            replace(stored, accepted_at=NOW if is_yes else stored.accepted_at),
            to,
            at=NOW,
            trigger="api",
            reason="asked",
            evidence={},
            next_check_at=NOW,
            **fields,  # type: ignore[arg-type]
        )
        self.payment = done.after
        self.check()


TELLS = ["all", "done", "sum"]
amounts = st.sampled_from([1, 100, 100, 250, 400, WHOLE])
events = st.one_of(
    st.tuples(st.just("reserve"), amounts, st.booleans()),
    st.tuples(
        st.just("ask"), st.sampled_from(["done", "going", "lost", "late", "refused", "adjusted", "adjusted_lost"])
    ),
    st.tuples(st.just("console"), amounts, st.sampled_from([GOING, DONE])),
    st.tuples(st.just("settle"), st.sampled_from([DONE, FAILED])),
    st.tuples(st.just("arrive")),
    st.tuples(st.just("tells"), st.sampled_from(TELLS)),
    st.tuples(st.just("compare")),
)


def happens(world: World, event: Sequence[object]) -> None:
    match event:
        case ("reserve", int(amount), bool(is_bound)):
            world.reserve(amount, is_bound=is_bound)
        case ("ask", str(how)):
            world.ask(how)
        case ("console", int(amount), RefundState() as state):
            if amount <= world.left():
                world.give(amount, state)
        case ("settle", RefundState() as state):
            world.settle(state)
        case ("tells", str(tells)):
            world.tells = tells
        case ("arrive",):
            world.arrive()
        case _:
            world.compare()


def test_a_refund_that_was_known_by_its_sum_is_not_taken_for_a_lost_one_when_the_gateway_names_it() -> None:
    known = kept(refund(1, 100, R.UNKNOWN), refund(2, 100, R.SUCCEEDED, initiator=BY_GATEWAY))
    look = held(H.CAPTURED, amount=won(WHOLE), refunded=won(100), refunds=(cancel(100),))
    move = difference(known, look)
    assert isinstance(move, Move)
    assert (move.refund.number, move.to, move.gateway_ref) == (2, R.SUCCEEDED, "c1")


@settings(thorough, max_examples=200)
@given(st.sampled_from(TELLS), st.lists(events, max_size=25))
def test_whatever_happens_the_sums_become_the_gateways_and_no_refund_is_done_twice(
    tells: str, trail: list[tuple[object, ...]]
) -> None:
    world = World(tells)
    for event in trail:
        happens(world, event)
        done_for = [world.owners[each.ref] for each in world.refunds if each.state is DONE and each.ref in world.owners]
        assert len(done_for) == len(set(done_for)), "money went back twice for one refund"
    while any(each.state is GOING for each in world.refunds) or world.late:
        world.settle(DONE)
        world.arrive()
    while not world.compare():
        world.person()
    assert world.payment.refunded_minor == world.back()
    assert difference(world.payment, world.look()) is None


@settings(thorough, max_examples=200)
@given(
    st.lists(
        st.tuples(amounts, st.sampled_from([R.CREATED, R.UNKNOWN, R.PENDING, R.FAILED]), st.booleans()), max_size=5
    ),
    st.lists(st.tuples(amounts, st.sampled_from(list(RefundState)), st.booleans()), max_size=6),
)
def test_any_list_is_stored_in_a_few_steps_and_never_as_more_than_was_captured(
    ours: list[tuple[int, RefundStatus, bool]], theirs: list[tuple[int, RefundState, bool]]
) -> None:
    """Also lists that no gateway should show: beyond what was captured, a person is called and nothing is stored."""
    refunds: list[Refund] = []
    for amount, status, is_lost in ours:
        live = total(each for each in refunds if each.is_undecided)
        is_second = any(each.status is R.UNKNOWN for each in refunds) and status is R.UNKNOWN
        if not is_second and (status is R.FAILED or live + amount <= WHOLE):
            refunds.append(refund(len(refunds) + 1, amount, status, is_lost=is_lost and status is R.FAILED))
    world = World("all", kept(*refunds))
    world.refunds = [
        GatewayRefund(won(amount), state, f"c{number}" if named else None)
        for number, (amount, state, named) in enumerate(theirs)
    ]
    look = replace(world.look(), status=H.CAPTURED)
    for _ in range(3 * (len(refunds) + len(theirs)) + 3):
        found = difference(world.payment, look)
        if found is None or isinstance(found, Doubt):
            break
        world.payment = applied(world.payment, found, world.numbers)
        assert world.payment.refunded_minor + world.payment.refunding_minor <= WHOLE
    else:
        raise AssertionError("it does not come to an end")
    if found is None:
        assert world.payment.refunded_minor == world.back()
