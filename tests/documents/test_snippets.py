"""What the documents show in fences is well formed, in every language for which there is a reader."""

import json
import subprocess
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
import tree_sitter_kotlin
import tree_sitter_swift
from tree_sitter import Language, Parser

from tests.documents.markdown import Block, Document, everywhere, read

GRAMMARS = {"kotlin": Language(tree_sitter_kotlin.language()), "swift": Language(tree_sitter_swift.language())}


def _json(text: str) -> None:
    json.loads(text)


def _shell(text: str) -> None:
    subprocess.run(["sh", "-n"], input=text.encode(), check=True, capture_output=True)


def _xml(text: str) -> None:
    ElementTree.fromstring(f'<document xmlns:android="a">{text}</document>')  # noqa: S314  our own text


def _grammar(language: str) -> Callable[[str], None]:
    def read_it(text: str) -> None:
        tree = Parser(GRAMMARS[language]).parse(text.encode())
        assert not tree.root_node.has_error, str(tree.root_node)

    return read_it


READERS: dict[str, Callable[[str], None]] = {
    "json": _json,
    "sh": _shell,
    "xml": _xml,
    **{language: _grammar(language) for language in GRAMMARS},
}
DAMAGED = {
    "json": '{"a": 1,}',
    "sh": "if true; then",
    "xml": "<activity>",
    "kotlin": "fun f( {",
    "swift": "func f( {",
}
READ_ELSEWHERE = {"ts", "tsx", "python", "diff"}
"""test_typescript.py; tests/example_gateway, which builds what docs/gateways/adding-one.md shows."""
READ_BY_NOBODY = {"", "text", "mermaid", "html", "js", "ini", "nginx"}
"""Pictures, and lines of other programs' settings."""
READ = everywhere(*READERS)


@pytest.mark.parametrize(("document", "block"), READ, ids=[f"{name}-{block.language}" for name, block in READ])
def test_it_is_well_formed(document: str, block: Block) -> None:
    READERS[block.language](block.text)


@pytest.mark.parametrize("language", READERS)
def test_what_is_damaged_would_be_seen(language: str) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError, subprocess.CalledProcessError)):
        READERS[language](DAMAGED[language])


@pytest.mark.parametrize("language", READERS)
def test_there_is_something_to_read(language: str) -> None:
    assert any(block.language == language for _, block in READ)


def test_no_language_is_forgotten() -> None:
    """A language that nothing here reads is listed, with who reads it or why nobody does."""
    assert {block.language for _, block in everywhere()} <= READERS.keys() | READ_ELSEWHERE | READ_BY_NOBODY


def test_a_fence_is_not_prose() -> None:
    document = Document(read("README.md").path, "# A\n\nb\n\n```sh\n# no heading\n```\n\n## C\n")
    assert document.headings == ["# A", "## C"]
    assert document.blocks("sh") == [Block("sh", "# no heading\n")]
