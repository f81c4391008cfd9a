"""The README's table is what the adapters' flags say."""

import pytest

from app.gateways.capabilities import BEGIN, END, every_gateway, table, with_table
from app.gateways.port import Capability
from app.paths import ROOT


def test_the_readmes_table_is_made_of_the_flags() -> None:
    text = (ROOT / "README.md").read_text()
    assert text == with_table(text), "README.md drifted: python -m app.gateways.capabilities"


def test_a_changed_flag_changes_the_table() -> None:
    registry = every_gateway()
    before = table(registry)
    unifi = registry.named("unifi_pay")
    assert Capability.REFUND not in unifi.capabilities
    unifi.capabilities = unifi.capabilities | Capability.REFUND  # on the instance: the class stays as it is
    assert table(registry) != before


def test_a_document_without_the_marks_is_refused() -> None:
    for text in ("", BEGIN, END):
        with pytest.raises(ValueError, match="capabilities"):
            with_table(text)
