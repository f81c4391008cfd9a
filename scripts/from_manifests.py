"""The parts of documents that follow from the code: from the gateways' manifests, and from the events that a shop is told.

`make docs` writes them between their marks; a test finds a document that drifted.
"""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.gateways.manifest import Manifest, example_of
from app.gateways.registry import MANIFESTS
from app.gateways.values import Capability
from app.ledger.outbox import EVENT_TYPES
from app.paths import ROOT

_COLUMNS = (
    ("we capture", "승인 확정", Capability.CAPTURE),
    ("refund", "환불", Capability.REFUND),
    ("in parts", "부분 환불", Capability.PARTIAL_REFUND),
    ("refund later", "비동기 환불", Capability.ASYNC_REFUND),
    ("webhooks", "웹훅", Capability.WEBHOOKS),
    ("virtual accounts", "가상계좌", Capability.VIRTUAL_ACCOUNTS),
    ("close unpaid", "미결제 건 취소", Capability.VOID),
)


def capability_table() -> str:
    """What each gateway can do with its least account, as a Markdown table."""
    return _capability_table("gateway", [english for english, _, _ in _COLUMNS], "yes")


def capability_table_ko() -> str:
    """The same in Korean."""
    return _capability_table("결제사", [korean for _, korean, _ in _COLUMNS], "지원")


def _capability_table(gateway: str, columns: list[str], yes: str) -> str:
    lines = [f"| {gateway} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for manifest in MANIFESTS:
        can = manifest.capabilities(manifest.example())
        cells = [yes if flag in can else "–" for _, _, flag in _COLUMNS]
        lines.append(f"| {manifest.title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def example_variables() -> str:
    """Every setting of every gateway as a line of an env file that sets nothing, with its comment."""
    return "\n\n".join(_example_variables(manifest) for manifest in MANIFESTS)


def _example_variables(manifest: Manifest[Any]) -> str:
    needed = [name.upper() for name in manifest.needed()]
    note = textwrap.wrap(f"Against Compose's simulator: {manifest.at_compose}.", 120, break_on_hyphens=False)
    lines = [f"# ---- {manifest.title}: on when {', '.join(needed)} are set. ----", *(f"# {line}" for line in note), ""]
    for name, setting in manifest.fields().items():
        value = example_of(setting)
        lines.append(f"# {setting.description}")
        lines.append(f"#{manifest.variable(name)}=" + (f'"{value}"' if " " in value else value))
    return "\n".join(lines)


def compose_variables() -> str:
    """Every variable of every gateway, as Compose passes it on when it is set."""
    return "\n".join(f"  {manifest.variable(name)}:" for manifest in MANIFESTS for name in manifest.fields())


def event_table() -> str:
    """Every event that a shop is told, as a Markdown table."""
    says = (
        f"| `{kind}` | {text.replace('docs/states.md', '[states.md](states.md)')} |"
        for kind, text in EVENT_TYPES.items()
    )
    return "\n".join(["| type | says |", "|---|---|", *says])


PARTS: dict[str, tuple[str, str, Callable[[], str]]] = {
    "README.md": ("<!-- gateways -->", "<!-- /gateways -->", capability_table),
    "README.ko.md": ("<!-- gateways -->", "<!-- /gateways -->", capability_table_ko),
    ".env.example": ("# ==== Gateways, from their manifests ====", "# ==== end of gateways ====", example_variables),
    "docs/notifications.md": ("<!-- events -->", "<!-- /events -->", event_table),
    "docker-compose.yml": ("  # gateways, from their manifests", "  # end of gateways", compose_variables),
}
"""By document: the marks around the part that is made, and what makes it."""


def made_anew(name: str, text: str) -> str:
    """The document with its part made anew. Raises ValueError when its marks are missing."""
    begin, end, make = PARTS[name]
    if begin not in text or end not in text:
        raise ValueError(f"{name} has no {begin} … {end}")
    blank = "\n" if name == ".env.example" else ""
    fresh = f"{begin}\n{blank}{make()}\n{blank}{end}"
    return re.sub(f"{re.escape(begin)}.*{re.escape(end)}", lambda _: fresh, text, flags=re.DOTALL)


def write(root: Path) -> None:
    """Write all of them."""
    for name in PARTS:
        (root / name).write_text(made_anew(name, (root / name).read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    write(ROOT)
