"""Misbehaviour on order: what a scenario is, and the plan of which coming calls follow one."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

FOREVER = -1
"""`times` of an entry that stays until it is cleared."""
LOOKUP, CONFIRM, CANCEL, PAY = "lookup", "confirm", "cancel", "pay"
"""Kinds of call that gateways share. `pay` is the buyer in the gateway's window, not an API call."""
NEXT_CALL = frozenset({"slow", "error_500", "too_many_requests", "garbage", "accept_then_hang", "lost_request"})
"""Given to pay, these change a later call of the payment."""
WEBHOOK_MODES: Mapping[str, str] = MappingProxyType(
    {"duplicate_webhook": "duplicate", "reordered_webhooks": "reorder", "lost_webhook": "lose"}
)
"""Scenarios of pay that say how this payment's webhooks are delivered: the sender's mode for each."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One scenario of one gateway: what it means, and which calls it can change."""

    about: str
    calls: frozenset[str]
    """The calls it changes when the tester does not narrow it to one."""
    also: frozenset[str] = frozenset()
    """Further calls that it may be narrowed to."""

    @property
    def allowed(self) -> frozenset[str]:
        """Every call that this scenario can change."""
        return self.calls | self.also


def of_pay(**about: str) -> dict[str, Rule]:
    """Scenarios that the buyer follows."""
    return {name: Rule(text, frozenset({PAY})) for name, text in about.items()}


def of_call(call: str, **about: str) -> dict[str, Rule]:
    """Scenarios of one kind of call, which the buyer may order for it too."""
    return {name: Rule(text, frozenset({call}), frozenset({PAY})) for name, text in about.items()}


def of_webhooks() -> dict[str, Rule]:
    """Those of WEBHOOK_MODES."""
    return of_pay(
        duplicate_webhook="Paid; each webhook of the payment comes twice.",
        reordered_webhooks="Paid; the webhooks of the payment come in the wrong order.",
        lost_webhook="Paid; no webhook of the payment comes.",
    )


def faults(api_calls: frozenset[str], losing: frozenset[str]) -> dict[str, Rule]:
    """Those of NEXT_CALL: of any call. The two without an answer change the calls `losing` when not narrowed to another."""
    pay = frozenset({PAY})
    return {
        "slow": Rule("The work is done at once, the answer comes some seconds later.", api_calls, pay),
        "error_500": Rule("The call answers 500 and nothing was done.", api_calls, pay),
        "too_many_requests": Rule("The call answers 429 with Retry-After and nothing was done.", api_calls, pay),
        "garbage": Rule("The work is done, the answer's body is not JSON (text and HTML in turn).", api_calls, pay),
        "accept_then_hang": Rule("The work is done, the answer never comes.", losing, api_calls | pay),
        "lost_request": Rule(
            "The request is lost on its way: nothing is done, no answer comes.", losing, api_calls | pay
        ),
    }


@dataclass(slots=True)
class Planned:
    """The next `times` calls of these kinds, about this reference (None: about any), follow the scenario."""

    scenario: str
    calls: frozenset[str]
    reference: str | None
    times: int


class Plan:
    """Which coming calls misbehave. An entry for a reference goes before one for all; older goes before newer."""

    def __init__(self) -> None:
        self._entries: dict[str | None, list[Planned]] = {}

    def add(self, scenario: str, calls: Iterable[str], reference: str | None = None, times: int = 1) -> Planned:
        """Have the next `times` matching calls follow `scenario` (FOREVER: until cleared)."""
        if times < 1 and times != FOREVER:
            raise ValueError(f"times must be at least 1, or {FOREVER} for until cleared, got {times}")
        entry = Planned(scenario, frozenset(calls), reference, times)
        self._entries.setdefault(reference, []).append(entry)
        return entry

    def take(self, call: str, references: Collection[str], among: Collection[str]) -> str | None:
        """Use up the first entry for this call whose scenario is one of `among`; None when nothing is planned."""
        for entry in self._matching(call, references, among):
            self._use(entry)
            return entry.scenario
        return None

    def take_all(
        self, call: str, references: Collection[str], among: Collection[str]
    ) -> frozenset[tuple[str, str | None]]:
        """Use up one entry of every (scenario, reference) that matches this call, and return those pairs."""
        taken: dict[tuple[str, str | None], Planned] = {}
        for entry in self._matching(call, references, among):
            taken.setdefault((entry.scenario, entry.reference), entry)
        for entry in taken.values():
            self._use(entry)
        return frozenset(taken)

    def clear(self, scenario: str, reference: str | None = None, call: str | None = None) -> int:
        """Forget the entries of a scenario, all of them or those for one reference or call; return how many."""
        found = [
            entry
            for entries in self._entries.values()
            for entry in entries
            if entry.scenario == scenario
            and (reference is None or entry.reference == reference)
            and (call is None or call in entry.calls)
        ]
        for entry in found:
            self._drop(entry)
        return len(found)

    def entries(self) -> list[Planned]:
        """What is planned, in no promised order."""
        return [entry for entries in self._entries.values() for entry in entries]

    def reset(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _matching(self, call: str, references: Collection[str], among: Collection[str]) -> list[Planned]:
        if not self._entries:
            return []
        keys: list[str | None] = [*dict.fromkeys(references), None]
        return [
            entry
            for key in keys
            for entry in self._entries.get(key, ())
            if call in entry.calls and entry.scenario in among
        ]

    def _use(self, entry: Planned) -> None:
        if entry.times == FOREVER:
            return
        entry.times -= 1
        if entry.times == 0:
            self._drop(entry)

    def _drop(self, entry: Planned) -> None:
        entries = self._entries[entry.reference]
        entries[:] = [kept for kept in entries if kept is not entry]
        if not entries:
            del self._entries[entry.reference]
