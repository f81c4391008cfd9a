"""What is written in Korean says the same as the English: headings, code, commands, tables and ways on, section by section."""

import re
from collections import Counter
from fnmatch import fnmatch

import pytest

from tests.documents.markdown import DOCUMENTS, KOREAN, Document, read

IN_KOREAN = ["README", "docs/problems", "docs/checkout", "docs/drop-in", "docs/quickstart", "docs/mobile/*"]
"""What whoever installs this reads first, as far as it is there."""

IN_ENGLISH = {document.topic: document for document in DOCUMENTS if not document.is_korean}
TRANSLATED = {document.topic: document for document in DOCUMENTS if document.is_korean}
PAIRS = pytest.mark.parametrize(
    ("english", "korean"),
    [(IN_ENGLISH[topic], document) for topic, document in TRANSLATED.items()],
    ids=TRANSLATED,
)


def levels(document: Document) -> list[int]:
    return [len(heading) - len(heading.lstrip("#")) for heading in document.headings]


def spans(section: str) -> Counter[str]:
    """What stands in backticks: commands, settings, members, codes. Their order is the language's."""
    return Counter(re.findall(r"`([^`\n]+)`", section))


def rows(section: str) -> int:
    return len(re.findall(r"^\|", section, re.MULTILINE))


def ways(document: Document) -> Counter[str]:
    """Where it leads, in whatever language: a Korean page leads to Korean ones."""
    return Counter(link.replace(f"{KOREAN}.", ".") for link in document.links)


@PAIRS
def test_the_headings_are_the_same_ones(english: Document, korean: Document) -> None:
    assert levels(korean) == levels(english)


@PAIRS
def test_the_code_is_the_same(english: Document, korean: Document) -> None:
    assert korean.blocks() == english.blocks()


@PAIRS
def test_every_section_names_the_same_and_has_as_many_rows(english: Document, korean: Document) -> None:
    for ours, theirs in zip(english.sections, korean.sections, strict=True):
        assert spans(theirs).keys() == spans(ours).keys(), theirs[:80]
        assert rows(theirs) == rows(ours), theirs[:80]


@PAIRS
def test_it_leads_to_the_same_places(english: Document, korean: Document) -> None:
    assert ways(korean) == ways(english)
    there = {name: korean.path.parent / name.partition("#")[0] for name in korean.links}
    assert not [name for name, path in there.items() if not path.exists()]
    in_korean_too = {name for name, path in there.items() if path.with_suffix(f"{KOREAN}.md").exists()}
    assert in_korean_too <= {english.path.name}, (
        "it leads to Korean pages where there are some, and to its own in English"
    )


@PAIRS
def test_it_is_korean_and_polite(english: Document, korean: Document) -> None:
    text = re.sub(r"`[^`\n]*`|\([^)\s]*\)", "", korean.prose)
    for paragraph in re.split(r"\n{2,}", text):
        words = re.findall(r"[A-Za-z가-힣]{2,}", paragraph)
        hangul = re.findall(r"[가-힣]{2,}", paragraph)
        assert len(words) < 12 or len(hangul) > len(words) / 2, paragraph
    assert re.findall(r"\S*[^니\s]다[.\n]", text) == [], "합니다, not 한다"


@pytest.mark.parametrize("pattern", IN_KOREAN)
def test_what_is_read_first_is_there_in_korean(pattern: str) -> None:
    assert {topic for topic in IN_ENGLISH if fnmatch(topic, pattern)} <= TRANSLATED.keys()


def test_what_differs_would_be_seen() -> None:
    page = read("docs/problems.md")
    other = Document(page.path, page.text.replace("## ", "### ").replace("`order_taken`", "`order_token`", 1))
    assert [spans(section).keys() for section in other.sections] != [spans(section).keys() for section in page.sections]
    assert levels(Document(page.path, f"{page.text}\n## More\n")) != levels(page)
