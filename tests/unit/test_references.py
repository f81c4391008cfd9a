"""What a text of the repository cites is in the repository: a law, a page, its section, a file."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")

NOT_OURS = ("static/vendor/", "tests/simulator/openapi/", "docs/openapi.json", "requirements", "migrations/frozen/")
TEXTS = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in TRACKED
    if Path(name).suffix in {".py", ".md", ".js", ".html", ".css", ".toml", ".yml", ".json", ".sh", ".sql", ""}
    and (ROOT / name).is_file()
    and not name.startswith(NOT_OURS)
    and name != "tests/unit/test_references.py"
}
PAGES = {name: text for name, text in TEXTS.items() if name.endswith(".md")}
LAWS = re.findall(r"^(\d+)\. \*\*", PAGES["docs/architecture.md"], re.MULTILINE)

OTHERS = {"standard-webhooks.md"}
"""Pages of other people, cited as the source of a rule."""
FACTS = {f"docs/gateways/{name}.md" for name in ("point3", "portone-v1", "portone-v2", "unifi-pay", "go-live")}
"""Their sources are pages of other people."""
MADE = ("acmepay", "docs/gateways/newpay")
"""Files that the example of a further gateway makes."""

PAGE = re.compile(r"[\w./-]*[\w-]\.md\b(?! summary)")
SECTIONS = re.compile(r"([\w./-]+\.md) (§[\w.]*\w(?:(?:, | and |-)§[\w.]*\w)*)")
FILE = re.compile(
    r"(?<![\w/.-])(?:app|simulator|tests|docs|migrations|scripts|static|templates|benchmarks)/[\w./-]+"
    r"\.(?:py|md|js|json|sql|html|css|ya?ml)\b"
)
LAW = re.compile(r"\blaws? (\d+)")
ELSEWHERE = re.compile(
    r"\bcontract(?:'s|,)? ?§|(?<!tests/)\bcontracts?/\w+[\w-]*\.md|\bdesign,? (?:§|law|point)|performance notes|\bstyle §"
    r"|(?:^|[\s\"'`(])/(?:home|root|workspace|work)/|\.\./shared/",
    re.IGNORECASE | re.MULTILINE,
)


def _page(cited: str, by: str) -> str | None:
    """The page that a text means: from the root, from its own folder, or by its name alone under docs/."""
    beside = (ROOT / by).parent.joinpath(cited).resolve()
    candidates = [cited, str(beside.relative_to(ROOT)) if beside.is_relative_to(ROOT) else cited]
    candidates += [name for name in PAGES if name.startswith("docs/") and Path(name).name == cited]
    return next((name for name in candidates if name in PAGES), None)


def _headings(page: str) -> set[str]:
    return set(re.findall(r"^#{2,4} (\d+[a-z]?(?:\.\d+)?)\.? ", PAGES[page], re.MULTILINE))


def test_what_a_text_cites_is_there() -> None:
    missing = {name: found for name, text in TEXTS.items() if (found := _missing(name, text))}
    assert not missing


def _missing(name: str, text: str) -> list[str]:
    missing = [f"law {number}" for number in LAW.findall(text) if number not in LAWS]
    if name not in FACTS:
        missing += [page for page in PAGE.findall(text) if page not in OTHERS and _page(page, name) is None]
    for cited, sections in SECTIONS.findall(text):
        page = _page(cited, name)
        numbers = re.findall(r"§([\w.]*\w)", sections)
        missing += [f"{cited} §{number}" for number in numbers if page and number not in _headings(page)]
    missing += [
        path for path in FILE.findall(text) if not (ROOT / path).exists() and not any(made in path for made in MADE)
    ]
    return missing + [f"a page that is elsewhere: {found.strip()}" for found in ELSEWHERE.findall(text)]


def test_the_laws_are_numbered_from_one_to_eighteen() -> None:
    assert [str(number) for number in range(1, 19)] == LAWS


def test_every_decision_has_a_number_of_its_own_and_says_it() -> None:
    decisions = sorted(name for name in PAGES if name.startswith("docs/decisions/"))
    numbers = [Path(name).name[:4] for name in decisions]
    assert len(set(numbers)) == len(numbers)
    for name, number in zip(decisions, numbers, strict=True):
        assert PAGES[name].startswith(f"# {number}"), name
