"""A document as its tests see it: headings, what stands in fences, what stands in backticks, and where its links lead."""

import re
from dataclasses import dataclass
from pathlib import Path

from app.paths import ROOT

KOREAN = ".ko"
"""Stands before the ending of a document that is in Korean."""

_FENCE = re.compile(r"^```(?P<language>\w*)[^`\n]*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE_NAME = re.compile(r"// (\S+\.tsx?)\n")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands in one fence."""

    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The file that a TypeScript block is, by its first line."""
        named = _FILE_NAME.match(self.text)
        return named[1] if named else None


@dataclass(frozen=True, slots=True)
class Document:
    path: Path
    text: str

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def topic(self) -> str:
        """The name without its endings: the same in every language."""
        return self.name.removesuffix(self.path.suffix).removesuffix(KOREAN)

    @property
    def is_korean(self) -> bool:
        return KOREAN in self.path.suffixes

    @property
    def prose(self) -> str:
        """The text around the fences."""
        return _FENCE.sub("", self.text)

    def blocks(self, *languages: str) -> list[Block]:
        found = [Block(match["language"], match["text"]) for match in _FENCE.finditer(self.text)]
        return [block for block in found if not languages or block.language in languages]

    @property
    def headings(self) -> list[str]:
        return re.findall(r"^#+ .+$", self.prose, re.MULTILINE)

    @property
    def sections(self) -> list[str]:
        """The prose under each heading, before the first one too."""
        return re.split(r"^#+ .+$", self.prose, flags=re.MULTILINE)

    @property
    def links(self) -> list[str]:
        """Where the document leads to, by relative addresses."""
        return [link for link in re.findall(r"\]\(([^)\s]+)\)", self.prose) if "://" not in link]


def read(path: str | Path) -> Document:
    full = Path(ROOT, path)
    return Document(full, full.read_text("utf-8"))


FOLDERS = ("*.md", "docs/**/*.md", "clients/*.md", "clients/*/*.md", "examples/*.md", "examples/*/*.md")
DOCUMENTS = [read(path) for path in sorted({path for folder in FOLDERS for path in ROOT.glob(folder)})]
"""Every document of the product, in every language."""


def everywhere(*languages: str) -> list[tuple[str, Block]]:
    """The blocks of these languages, each with its document's name."""
    return [(document.name, block) for document in DOCUMENTS for block in document.blocks(*languages)]
