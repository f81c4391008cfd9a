"""The README's table of what each gateway can do, made from the flags: `python -m app.gateways.capabilities` writes it."""

import re
from pathlib import Path

from app.gateways.port import Capability
from app.gateways.registry import Registry, build
from app.settings import Settings

BEGIN, END = "<!-- capabilities -->", "<!-- /capabilities -->"

_COLUMNS = {
    "we confirm": Capability.CAPTURE,
    "refund": Capability.REFUND,
    "in parts": Capability.PARTIAL_REFUND,
    "refund later": Capability.ASYNC_REFUND,
    "webhooks": Capability.WEBHOOKS,
    "virtual accounts": Capability.VIRTUAL_ACCOUNTS,
    "close unpaid": Capability.VOID,
    "saved cards": Capability.SAVED_CARDS,
    "delivery": Capability.DELIVERY,
    "settlement": Capability.SETTLEMENT,
    "secret rotation": Capability.SECRET_ROTATION,
}

_ACCOUNTS = {
    "point3": {"secret": "x", "client_business_num": "1234567890", "client_nickname": "x"},
    "portone_v1": {"imp_key": "x", "imp_secret": "x", "user_code": "imp1", "channel_key": "x"},
    "portone_v2": {"api_secret": "x", "store_id": "x", "channel_key": "x"},
    "unifi_pay": {
        "base_url": "https://unifi.example",
        "app_id": "x",
        "api_key": "x",
        "app_secret": "x",
        "store_id": "x",
    },
}
"""The least that turns each gateway on; nothing is called."""


def every_gateway() -> Registry:
    """All gateways that this product knows, as their default settings make them."""
    return build(Settings.model_validate({"routing": [], **_ACCOUNTS}))


def table(registry: Registry) -> str:
    """The table as Markdown, one gateway a row."""
    lines = [f"| gateway | {' | '.join(_COLUMNS)} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for gateway in registry:
        cells = ["yes" if flag in gateway.capabilities else "–" for flag in _COLUMNS.values()]
        lines.append(f"| {gateway.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def with_table(text: str) -> str:
    """The document with the table between its marks made anew. Raises ValueError when the marks are missing."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"the document has no {BEGIN} … {END}")
    fresh = f"{BEGIN}\n{table(every_gateway())}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: fresh, text, flags=re.DOTALL)


if __name__ == "__main__":
    readme = Path("README.md")
    readme.write_text(with_table(readme.read_text()))
