"""The list of API calls that arrived: enough to count them, nothing that would have to be kept secret."""

from collections import deque
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from simulator.clock import SimClock

KEPT = 100_000
"""Calls kept; older ones are forgotten, so a load test does not fill the memory."""


@dataclass(slots=True)
class CallRow:
    """One call. `path` is the route's pattern, because real paths carry signatures."""

    at: str
    gateway: str
    method: str
    path: str
    call: str
    reference: str | None = None
    scenario: str | None = None
    status: int | None = None
    """The HTTP status answered; None while there is no answer, and when there never was one."""


class CallLog:
    """The calls of one gateway, oldest first."""

    def __init__(self, gateway: str, clock: SimClock) -> None:
        self._gateway = gateway
        self._clock = clock
        self._rows: deque[CallRow] = deque(maxlen=KEPT)

    def arrived(self, method: str, path: str, call: str) -> CallRow:
        """Note a call; the caller fills in the rest when it is known."""
        row = CallRow(self._clock.now().isoformat(), self._gateway, method, path, call)
        self._rows.append(row)
        return row

    def rows(self, last: int = KEPT) -> list[dict[str, Any]]:
        """The `last` calls as JSON-ready objects, oldest first."""
        return [asdict(row) for row in islice(self._rows, max(0, len(self._rows) - last), None)]

    def reset(self) -> None:
        """Forget them."""
        self._rows.clear()
