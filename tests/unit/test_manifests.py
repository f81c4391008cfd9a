"""Every manifest is whole, and what is made from the manifests has not drifted from them."""

import ast
from typing import Any

import pytest

from app.gateways.manifest import GatewaySettings, Manifest
from app.gateways.port import Capturing, Refunding, SendsWebhooks, Voiding
from app.gateways.registry import MANIFESTS, NAMES
from app.gateways.values import Capability
from app.paths import ROOT, STATIC
from app.payments.schemas import CompletePayment
from app.services import build_gateways
from app.settings import Settings
from scripts.from_manifests import PARTS, capability_table, capability_table_ko, made_anew

every_manifest = pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest.name)
FOLDERS = ROOT / "app" / "gateways"
FIRST = ("manifest.py", "adapter.py", "wire.py", "codes.py")
BY_CAPABILITY = frozenset(
    {
        "session.py",
        "lookup.py",
        "capture.py",
        "refund_policy.py",
        "refunds.py",
        "webhook_parser.py",
        "webhook_signature.py",
        "request_signature.py",
        "client.py",
        "response.py",
        "login.py",
    }
)
"""The further files of a gateway: one idea each, under one name everywhere."""

READ_OTHERWISE = Capability.WEBHOOKS | Capability.PARTIAL_REFUND | Capability.ASYNC_REFUND | Capability.VIRTUAL_ACCOUNTS
"""Services ask whether a gateway `SendsWebhooks`, and read the `RefundPolicy` and the status of each payment; the contract
holds these flags to them."""


def settings_with(manifest: Manifest[Any]) -> Settings:
    return Settings.model_validate({"routing": [], manifest.name: manifest.example()})


def test_every_folder_is_registered() -> None:
    assert sorted(path.parent.name for path in FOLDERS.glob("*/adapter.py")) == sorted(NAMES)
    assert tuple(manifest.name for manifest in MANIFESTS) == NAMES


@every_manifest
def test_every_folder_has_the_same_files(manifest: Manifest[Any]) -> None:
    files = {path.name for path in (FOLDERS / manifest.name).glob("*.py")} - {"__init__.py"}
    assert set(FIRST) <= files
    assert files - set(FIRST) <= BY_CAPABILITY, "name it as the other gateways do, or add the new idea to the list"
    can = manifest.capabilities(manifest.example())
    assert ("refund_policy.py" in files) == (Capability.REFUND in can)
    assert ("webhook_parser.py" in files) == (Capability.WEBHOOKS in can)


@every_manifest
async def test_the_least_account_turns_it_on_and_it_can_do_what_it_says(manifest: Manifest[Any]) -> None:
    registry = build_gateways(settings_with(manifest))
    (gateway,) = registry
    assert (gateway.name, gateway.title) == (manifest.name, manifest.title)
    assert gateway.capabilities == manifest.capabilities(manifest.example())
    for flag, protocol in (
        (Capability.CAPTURE, Capturing),
        (Capability.REFUND, Refunding),
        (Capability.VOID, Voiding),
        (Capability.WEBHOOKS, SendsWebhooks),
    ):
        assert isinstance(gateway, protocol) == (flag in gateway.capabilities)
    await registry.close()


@every_manifest
def test_every_setting_is_described_and_its_example_is_taken(manifest: Manifest[Any]) -> None:
    for name, field in manifest.fields().items():
        assert field.description, name
        assert field.description.endswith("."), name
        assert field.examples or not field.is_required(), f"{name} needs an example"
    assert issubclass(manifest.settings, GatewaySettings)
    assert set(manifest.needed()) <= set(manifest.simulated), "the twin's account must turn it on"
    assert set(manifest.needed_in_live_mode) <= set(manifest.fields())


@every_manifest
def test_the_api_takes_what_its_browser_side_yields(manifest: Manifest[Any]) -> None:
    taken = {field.alias or name for name, field in CompletePayment.model_fields.items()}
    assert set(manifest.browser_fields) <= taken


@every_manifest
def test_its_adapter_reads_every_field_of_its_browser_side(manifest: Manifest[Any]) -> None:
    tree = ast.parse((FOLDERS / manifest.name / "adapter.py").read_text("utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    assert set(manifest.browser_fields) <= texts


@every_manifest
def test_the_checkout_page_knows_its_next_action(manifest: Manifest[Any]) -> None:
    assert f"  {manifest.next_action}:" in (STATIC / "checkout" / "checkout.js").read_text("utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_what_is_made_from_the_code_has_not_drifted(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    assert text == made_anew(name, text), f"{name} drifted: make docs"


@pytest.mark.parametrize("name", PARTS)
def test_a_document_without_the_marks_is_refused(name: str) -> None:
    begin, end, _ = PARTS[name]
    for text in ("", begin, end):
        with pytest.raises(ValueError, match="has no"):
            made_anew(name, text)


def test_no_capability_is_claimed_that_nothing_reads() -> None:
    files = [path for path in (ROOT / "app").rglob("*.py") if FOLDERS not in path.parents]
    sources = "".join(path.read_text("utf-8") for path in files)
    claimed = {flag for each in MANIFESTS for flag in each.capabilities(each.example())}
    assert {
        flag.name for flag in claimed if flag not in READ_OTHERWISE and f"Capability.{flag.name}" not in sources
    } == set()
    assert capability_table().count("\n") == capability_table_ko().count("\n") == len(MANIFESTS) + 1
