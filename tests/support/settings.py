"""The product's settings in a test, with the imitated gateways for real ones."""

from typing import Any

from app.demo.run import accounts
from app.ledger.history_keys import HistoryKeys
from app.settings import Settings
from simulator.server import Simulator
from tests.support.databases import Urls

SECRET_KEY = "a key of the tests, which nobody has published"
HISTORY_KEYS = HistoryKeys.of_test_mode(SECRET_KEY)
"""What seals the audit trails of every product here."""

PATIENCE_S = 2.0
"""What a call to a gateway may take: longer than a slow answer, and not long for one that is lost."""


def every_account(simulator: Simulator, timeout_s: float = PATIENCE_S) -> dict[str, dict[str, Any]]:
    """The settings of all gateways of a running simulator, as keyword arguments of `Settings`."""
    found: dict[str, dict[str, Any]] = {}
    for variable, value in accounts(simulator).items():
        gateway, _, name = variable.removeprefix("ONETILL_").lower().partition("__")
        found.setdefault(gateway, {"timeout_s": timeout_s})[name] = value
    return found


def settings_for(urls: Urls, simulator: Simulator, **changes: Any) -> Settings:
    """The product on a test's database with every gateway of the simulator. `changes` are settings; None: not set."""
    settings: dict[str, Any] = {
        "database_url": urls.app,
        "database_owner_url": urls.owner,
        "public_url": "http://testserver",
        "secret_key": SECRET_KEY,
        "log_level": "error",
        "confirm_wait_s": 5,
        **every_account(simulator),
        **changes,
    }
    return Settings.model_validate({name: value for name, value in settings.items() if value is not None})
