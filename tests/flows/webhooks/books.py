"""The books of the state machine: Postgres and the gateways' journal at one moment, and the laws that hold between them."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain import ids
from app.domain.attention import Attention
from app.domain.states import (
    ATTEMPT_MOVES,
    ATTEMPT_UNDECIDED,
    PAYMENT_COLLECTED,
    PAYMENT_MOVES,
    PAYMENT_UNPAID,
    REFUND_MOVES,
    REFUND_UNDECIDED,
    AttemptStatus,
    RefundStatus,
)
from app.ledger.model import BY_GATEWAY
from app.ledger.transitions import Event
from tests.support.settings import HISTORY_KEYS

Row = Mapping[str, Any]

WHOLE_ONLY = frozenset({"point3", "unifi_pay"})
"""Gateways that give back everything or nothing: what a cancel names does not say how much goes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What `House.read` has read. `check` holds at any moment, `check_quiet` once nothing happens any more."""

    payments: Sequence[Row]
    attempts: Sequence[Row]
    refunds: Sequence[Row]
    events: Sequence[Row]
    journal: Sequence[Row]
    in_console: Mapping[tuple[str, str], int]
    """How much was given back past us, at once or for the gateway's own time, by (gateway, gateway_ref)."""
    can_refund: set[str]

    def standing(self) -> dict[Any, tuple[Any, ...]]:
        """Every payment's version and status."""
        return {row["id"]: (row["last_seq"], row["status"], row["captured_minor"]) for row in self.payments}

    def check(self) -> None:
        """What holds after every step."""
        attempts, events = _by(self.attempts, "payment_id"), _by(self.events, "payment_id")
        refunds, of_attempt = _by(self.refunds, "payment_id"), _by(self.refunds, "attempt_id")
        for payment in self.payments:
            own = payment["id"]
            _check_trail(payment, attempts[own], refunds[own], events[own])
            self._check_kept(payment, attempts[own], refunds[own])
        for refund in self.refunds:
            assert refund["status"] not in REFUND_UNDECIDED or refund["next_check_at"] is not None, dict(refund)
        for attempt in self.attempts:
            self._check_given_once(attempt, of_attempt[attempt["id"]])
        self._check_journal()
        paid = [
            (row["store"], row["order_id"]) for row in self.payments if row["captured_minor"] > row["refunded_minor"]
        ]
        assert len(paid) == len(set(paid)), f"an order was paid by two payments: {paid}"

    def check_quiet(self) -> None:
        """What holds in addition once every gateway is well and nothing is due: the truth is known, all of it."""
        attempts, refunds = _by(self.attempts, "payment_id"), _by(self.refunds, "payment_id")
        for payment in self.payments:
            own = attempts[payment["id"]]
            references = {(row["gateway"], row["reference"]) for row in own}
            money = [
                row for row in self.journal if row["captures"] and (row["gateway"], row["reference"]) in references
            ]
            self._check_settled(payment, own, refunds[payment["id"]], money)

    def _check_kept(self, payment: Row, attempts: Sequence[Row], refunds: Sequence[Row]) -> None:
        """Paid ⇔ the journal holds exactly this money under the one captured attempt. Never two of them."""
        captured = [row for row in attempts if row["status"] == AttemptStatus.CAPTURED]
        about = (dict(payment), [dict(row) for row in refunds])
        assert len(captured) <= 1, about
        assert payment["captured_minor"] == (payment["amount_minor"] if captured else 0), about
        kept = [row for row in refunds if captured and row["attempt_id"] == captured[0]["id"]]
        given, going = _total(kept, {RefundStatus.SUCCEEDED}), _total(kept, REFUND_UNDECIDED)
        assert (payment["refunded_minor"], payment["refunding_minor"]) == (given, going), about
        assert given + going <= payment["captured_minor"], about
        if not captured:
            assert payment["status"] not in PAYMENT_COLLECTED, about
            return
        by_sums = "paid" if not given else "refunded" if given == payment["captured_minor"] else "partially_refunded"
        # `review` beside a capture: further money came that its gateway cannot give back.
        assert payment["status"] in {by_sums, "review"}, about
        (attempt,) = captured
        truth = self._truth(attempt)
        assert truth is not None, about
        held = (truth["reference"], truth["amount"], truth["currency"], truth["captures"])
        assert held == (attempt["reference"], payment["amount_minor"], payment["currency"], 1), (about, truth)
        assert given <= truth["refunded"], ("we say that more went back than did", about, truth)

    def _check_given_once(self, attempt: Row, refunds: Sequence[Row]) -> None:
        """No money went back but by one asking that stands for it, or past us."""
        truth = self._truth(attempt)
        if truth is None or (attempt["gateway"] in WHOLE_ONLY and attempt["status"] != AttemptStatus.CAPTURED):
            return
        ours = [row for row in refunds if row["initiator"] != BY_GATEWAY and row["refund_attempts"]]
        asked = _total(ours, {RefundStatus.SUCCEEDED, RefundStatus.PENDING, RefundStatus.UNKNOWN})
        past_us = self.in_console.get((truth["gateway"], truth["gateway_ref"]), 0)
        assert truth["refunded"] <= asked + past_us, ("money went back twice", truth, past_us, refunds)

    def _check_journal(self) -> None:
        """Nothing was taken or given back twice, and nothing of a stranger's order was taken."""
        ours = {(row["gateway"], row["reference"]) for row in self.attempts}
        for row in self.journal:
            assert row["captures"] <= 1, row
            assert 0 <= row["refunded"] <= row["amount"], row
            assert row["refunded"] == 0 or row["captures"], row
            assert row["gateway"] not in WHOLE_ONLY or row["cancels"] <= 1, row
            assert (row["gateway"], row["reference"]) in ours or not row["captures"], row

    def _check_settled(
        self, payment: Row, attempts: Sequence[Row], refunds: Sequence[Row], money: Sequence[Row]
    ) -> None:
        about = (dict(payment), [dict(row) for row in attempts], [dict(row) for row in refunds], money)
        must_look = payment["status"] == "review" or payment["attention"] is not None
        kept = [row for row in attempts if row["status"] == AttemptStatus.CAPTURED]
        for attempt in kept:
            truth = self._truth(attempt)
            assert truth is not None, about
            assert payment["refunded_minor"] == truth["refunded"], ("what went back is not known", about)
        for row in money:
            is_back = row["refunded"] == row["amount"]
            if row["gateway_ref"] in {attempt["gateway_ref"] for attempt in kept} or is_back:
                continue
            assert must_look, ("money is neither the payment's, nor back, nor in review", row, about)
            assert payment["status"] == "review" or row["gateway"] in self.can_refund, about
        for refund in refunds:
            assert refund["status"] not in REFUND_UNDECIDED or must_look, ("nobody decides this refund", refund, about)
        for row in attempts:
            if row["status"] in ATTEMPT_UNDECIDED:
                assert row["next_check_at"] is not None, about
                # An account whose deposit has not come is waited for.
                assert must_look or row["status"] == AttemptStatus.AWAITING_DEPOSIT, about
        assert payment["status"] not in PAYMENT_UNPAID or must_look or payment["status"] == "awaiting_deposit", about

    def unexplained(self) -> list[tuple[Row, int]]:
        """The refunds that wait for a person to say which cancel is theirs, with how much went back by them."""
        found: list[tuple[Row, int]] = []
        called = {row["id"] for row in self.payments if row["attention"] == Attention.UNEXPLAINED_REFUND}
        for refund in self.refunds:
            if refund["status"] != RefundStatus.UNKNOWN or refund["payment_id"] not in called:
                continue
            (attempt,) = [row for row in self.attempts if row["id"] == refund["attempt_id"]]
            truth = self._truth(attempt)
            assert truth is not None
            others = [
                row for row in self.refunds if row["attempt_id"] == attempt["id"] and row["initiator"] != BY_GATEWAY
            ]
            past_us = self.in_console.get((truth["gateway"], truth["gateway_ref"]), 0)
            found.append((refund, truth["refunded"] - past_us - _total(others, {RefundStatus.SUCCEEDED})))
        return found

    def _truth(self, attempt: Row) -> Row | None:
        """What its gateway really holds for an attempt; None while it is not bound to anything there."""
        if attempt["gateway_ref"] is None:
            return None
        name = (attempt["gateway"], attempt["gateway_ref"])
        rows = [row for row in self.journal if (row["gateway"], row["gateway_ref"]) == name]
        assert len(rows) <= 1, rows
        return rows[0] if rows else None


def _check_trail(payment: Row, attempts: Sequence[Row], refunds: Sequence[Row], events: Sequence[Row]) -> None:
    """The events are whole, chained, tell exactly how every status came about, and make no move that a table forbids."""
    about = f"{payment['id']} {payment['status']}"
    assert [row["seq"] for row in events] == list(range(1, payment["last_seq"] + 1)), about
    came_from, chained, told, refunded = None, bytes(32), dict[Any, Any](), dict[str, str]()
    for row in events:
        event = Event(**{name: row[name] for name in Event.__slots__})
        assert event.prev_hash == chained, about
        assert event.hash(HISTORY_KEYS.get(row["key_id"])) == row["hash"], about
        assert event.payment_from == came_from, about
        assert event.attempt_from == told.get(event.attempt_id), about
        _check_move(PAYMENT_MOVES, event.payment_from, event.payment_to, about)
        _check_move(ATTEMPT_MOVES, event.attempt_from, event.attempt_to, about)
        came_from, chained = event.payment_to, row["hash"]
        told[event.attempt_id] = event.attempt_to
        if refund := json.loads(event.evidence).get("refund"):
            assert refund["from"] == refunded.get(refund["id"]), (about, refund)
            _check_move(REFUND_MOVES, refund["from"], refund["to"], about)
            refunded[refund["id"]] = refund["to"]
    assert (came_from, chained) == (payment["status"], payment["last_hash"]), about
    assert told == {row["id"]: row["status"] for row in attempts}, about
    assert refunded == {ids.show(ids.Prefix.REFUND, row["id"]): row["status"] for row in refunds}, about


def _check_move(moves: Mapping[Any, Any], source: str | None, target: str | None, about: str) -> None:
    assert source in {None, target} or target in moves[source], (about, source, target)


def _total(refunds: Sequence[Row], statuses: Any) -> int:
    """What they are counted for: a yes may name another amount than was asked."""
    return sum(row["returned_minor"] or row["amount_minor"] for row in refunds if row["status"] in statuses)


def _by(rows: Sequence[Row], name: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found
