"""The TypeScript of the documents compiles, as strictly as it can, against the types of React Native and of our own script."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.paths import ROOT
from tests.documents.markdown import DOCUMENTS, Document, read

MODULES = ROOT / ".venv/documents/node_modules"
OPTIONS: dict[str, Any] = {
    "strict": True,
    "noEmit": True,
    "noUnusedLocals": True,
    "noUnusedParameters": True,
    "noImplicitReturns": True,
    "exactOptionalPropertyTypes": True,
    "skipLibCheck": True,
    "jsx": "react-jsx",
    "module": "esnext",
    "moduleResolution": "bundler",
    "target": "es2022",
}
BROWSER = {"lib": ["es2022", "dom"], "types": ["node"]}
APP = {"lib": ["es2022"], "types": ["react-native"]}
WORLDS = {"docs/mobile/react-native.md": APP, "docs/mobile/react.md": BROWSER}
"""What is there besides the language: React Native has no DOM."""

pytestmark = pytest.mark.node


def compiled(document: Document, room: Path, **replaced: str) -> str:
    """What the compiler complains about in the document's files, each with `replaced` texts in place."""
    for block in document.blocks("ts", "tsx"):
        assert block.file_name, f"the first line names the file: {block.text[:60]}"
        text = block.text
        for before, after in replaced.items():
            text = text.replace(before, after)
        (room / block.file_name).write_text(text, "utf-8")
    (room / "node_modules").symlink_to(MODULES)
    (room / "types").mkdir()
    shutil.copy(ROOT / "static/onetill.d.ts", room / "types/onetill.d.ts")
    config = {"compilerOptions": {**OPTIONS, **WORLDS[document.name]}, "include": ["*.ts", "*.tsx", "types/*"]}
    (room / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    compiler = ["node", str(MODULES / "typescript/bin/tsc"), "--project", str(room), "--pretty", "false"]
    done = subprocess.run(compiler, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr  # what Node itself says, too: where there is no compiler, nothing compiles


@pytest.mark.parametrize("name", WORLDS)
def test_it_compiles(name: str, tmp_path: Path) -> None:
    assert compiled(read(name), tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "wrong", "complaints"),
    [
        (
            "docs/mobile/react-native.md",
            {"checkout_url }}": "checkoutUrl }}", "event.nativeEvent.data": "event.data"},
            ["Property 'checkoutUrl' does not exist", "Property 'data' does not exist"],
        ),
        (
            "docs/mobile/react.md",
            {"result.payment_status": "result.paymentStatus"},
            ["'paymentStatus' does not exist"],
        ),
    ],
    ids=WORLDS,
)
def test_a_wrong_name_would_be_seen(name: str, wrong: dict[str, str], complaints: list[str], tmp_path: Path) -> None:
    said = compiled(read(name), tmp_path, **wrong)
    assert [each for each in complaints if each not in said] == []


def test_every_document_with_typescript_is_compiled() -> None:
    found = {document.name for document in DOCUMENTS if document.blocks("ts", "tsx") and not document.is_korean}
    assert found == WORLDS.keys()
