"""What the documents show in fences is well formed, in every language for which there is a reader."""

import ast
import configparser
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Parser

from tests.documents.markdown import DOCUMENTS, KOREAN, Block, Document, everywhere, read
from tests.documents.test_typescript import WORLDS as COMPILED

GRAMMARS = {"kotlin": Language(tree_sitter_kotlin.language()), "swift": Language(tree_sitter_swift.language())}


def _json(text: str) -> None:
    json.loads(text)


def _shell(text: str) -> None:
    subprocess.run(["sh", "-n"], input=text.encode(), check=True, capture_output=True)


def _xml(text: str) -> None:
    ElementTree.fromstring(f'<document xmlns:android="a">{text}</document>')  # noqa: S314  our own text


def _ini(text: str) -> None:
    configparser.ConfigParser(interpolation=None).read_string(text)


def _python(text: str) -> None:
    ast.parse(text)


def _javascript(text: str) -> None:
    with TemporaryDirectory() as room:
        script = Path(room, "block.mjs")
        script.write_text(text, "utf-8")
        subprocess.run(["node", "--check", str(script)], check=True, capture_output=True)


def _grammar(language: str) -> Callable[[str], None]:
    def read_it(text: str) -> None:
        tree = Parser(GRAMMARS[language]).parse(text.encode())
        assert not tree.root_node.has_error, str(tree.root_node)

    return read_it


READERS: dict[str, Callable[[str], None]] = {
    "json": _json,
    "sh": _shell,
    "xml": _xml,
    "html": _xml,
    "ini": _ini,
    "python": _python,
    "js": _javascript,
    **{language: _grammar(language) for language in GRAMMARS},
}
DAMAGED = {
    "json": '{"a": 1,}',
    "sh": "if true; then",
    "xml": "<activity>",
    "html": "<script></scrip>",
    "ini": "[pgbouncer",
    "python": "def f(:",
    "js": "const a = ;",
    "kotlin": "fun f( {",
    "swift": "func f( {",
}
BUILT = "docs/gateways/adding-one.md"
"""tests/example_gateway builds what it shows: excerpts, which are no programs by themselves."""
READ_ELSEWHERE = {
    (BUILT, "python"),
    (BUILT, "diff"),
    *((name, language) for name in COMPILED for language in ("ts", "tsx")),
    *((name.replace(".md", f"{KOREAN}.md"), language) for name in COMPILED for language in ("ts", "tsx")),
}
"""Page and language: by tests/example_gateway, and by test_typescript.py, whose Korean pages show the same by test_korean.py."""
READ_BY_NOBODY = {"", "text", "mermaid", "nginx"}
"""Pictures, and lines of another program's settings."""
READ = [(name, block) for name, block in everywhere(*READERS) if (name, block.language) not in READ_ELSEWHERE]


def _reader(language: str) -> object:
    return pytest.param(language, marks=pytest.mark.node) if language == "js" else language


@pytest.mark.parametrize(
    ("document", "block"),
    [
        pytest.param(
            name, block, marks=[pytest.mark.node] if block.language == "js" else [], id=f"{name}-{block.language}"
        )
        for name, block in READ
    ],
)
def test_it_is_well_formed(document: str, block: Block) -> None:
    READERS[block.language](block.text)


@pytest.mark.parametrize("language", [_reader(language) for language in READERS])
def test_what_is_damaged_would_be_seen(language: str) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError, configparser.Error, subprocess.CalledProcessError)):
        READERS[language](DAMAGED[language])


@pytest.mark.parametrize("language", READERS)
def test_there_is_something_to_read(language: str) -> None:
    assert any(block.language == language for _, block in READ)


def test_no_language_is_forgotten() -> None:
    """A language that nothing here reads is listed, by page, with who reads it, or with why nobody does."""
    found = {(name, block.language) for name, block in everywhere()}
    here = {(name, language) for name, language in found if language in READERS.keys() | READ_BY_NOBODY}
    assert found - here - READ_ELSEWHERE == set()


@pytest.mark.parametrize("name", ["clients/python/README.md", "clients/typescript/README.md", "examples/README.md"])
def test_the_pages_beside_the_code_are_read_too(name: str) -> None:
    assert name in {document.name for document in DOCUMENTS}


def test_a_fence_is_not_prose() -> None:
    document = Document(read("README.md").path, "# A\n\nb\n\n```sh\n# no heading\n```\n\n## C\n")
    assert document.headings == ["# A", "## C"]
    assert document.blocks("sh") == [Block("sh", "# no heading\n")]
