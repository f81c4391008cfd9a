"""The documents as plain Markdown, at the addresses that they have in the repository, and `/llms.txt`, which lists them."""

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, PlainTextResponse, RedirectResponse

from app.domain.errors import NotFound
from app.paths import ROOT

router = APIRouter(include_in_schema=False)

_BEGIN = "docs/coding-agents.md"
DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path
    for pattern in ("README*.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/**/*.md")
    for path in sorted(ROOT.glob(pattern))
}
"""Every file that is served here, by its address without the slash in front. No other file can be named."""

_FOR_SHOPS = (
    "coding-agents",
    "quickstart",
    "api",
    "notifications",
    "problems",
    "states",
    "checkout",
    "drop-in",
    "mobile",
)
_SECTIONS: dict[str, Callable[[PurePosixPath], bool]] = {
    "For whoever builds a shop": lambda name: len(name.parts) > 1 and name.parts[1].partition(".")[0] in _FOR_SHOPS,
    "For whoever runs it": lambda name: len(name.parts) < 3,
    "Gateways": lambda name: name.parts[1] == "gateways",
    "Optional": lambda _: True,
}
"""The headings of `/llms.txt`. A document stands below the first that takes it."""


@router.get("/llms.txt")
async def show_llms_txt() -> Response:
    """Where a language model finds what it needs (https://llmstxt.org)."""
    return PlainTextResponse(_LLMS_TXT)


@router.get("/docs/openapi.json")
async def show_openapi() -> Response:
    """The documents link to it beside them; it is made from the code that runs."""
    return RedirectResponse("/openapi.json", 307)


@router.get("/docs/{name:path}")
async def show_document(name: str) -> Response:
    """One document. Raises NotFound for what is none."""
    return _markdown(f"docs/{name}")


@router.get("/{name}.md")
async def show_document_at_the_root(name: str) -> Response:
    """README and its neighbours, whose links lead to the others."""
    return _markdown(f"{name}.md")


def _markdown(name: str) -> Response:
    if name not in DOCUMENTS:
        raise NotFound()
    return FileResponse(DOCUMENTS[name], media_type="text/markdown; charset=utf-8")


def _llms_txt() -> str:
    """Title, summary and a list of links, each with the sentence that its document begins with."""
    sections: dict[str, list[str]] = {heading: [] for heading in _SECTIONS}
    for name, path in sorted(DOCUMENTS.items(), key=_rank):
        heading = next(heading for heading, takes in _SECTIONS.items() if takes(PurePosixPath(name)))
        sections[heading].append(_link(name, path.read_text(encoding="utf-8")))
    head = (
        "# Onetill\n\n"
        "> A merchant's own payment backend: one API between a shop and its payment gateways, and a status that is true "
        "because the gateway was asked.\n\n"
        f"The reference of every call is [openapi.json](/openapi.json). Begin with [For coding agents](/{_BEGIN}).\n"
    )
    return head + "".join(f"\n## {heading}\n\n" + "".join(links) for heading, links in sections.items() if links)


def _rank(document: tuple[str, Path]) -> tuple[int, bool, str]:
    stem = PurePosixPath(document[0]).name.partition(".")[0]
    return (_FOR_SHOPS.index(stem) if stem in _FOR_SHOPS else len(_FOR_SHOPS), ".ko." in document[0], document[0])


def _link(name: str, text: str) -> str:
    title, _, rest = text.removeprefix("# ").partition("\n")
    first = " ".join(rest.strip().partition("\n\n")[0].split())
    sentence = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", re.split(r"(?<=[.!?]) ", first)[0])
    told = f": {sentence}" if re.match(r"\w", sentence) else ""  # no table, picture or heading
    return f"- [{title}](/{name}){told}\n"


_LLMS_TXT = _llms_txt()
