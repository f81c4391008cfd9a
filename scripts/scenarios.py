"""Writes the simulator's scenarios for the pytest plugin of clients/python, which knows them before any simulator runs."""

import json
from typing import Any

from app.paths import ROOT
from simulator.scenarios import PAY
from simulator.server import twins

FILE = ROOT / "clients/python/onetill_client/scenarios.json"


def current() -> str:
    """Every scenario by gateway: what it means, the calls it changes, and whether the buyer may bring it about."""
    found: dict[str, dict[str, Any]] = {}
    for twin in twins():
        found[twin.name] = {
            name: {
                "about": rule.about,
                "calls": [call for call in twin.calls if call in rule.calls],
                "by_buyer": PAY in rule.allowed,
            }
            for name, rule in twin.rules.items()
        }
    return json.dumps(found, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(current(), encoding="utf-8")
