"""What the terminal prints can be typed into the next command, and is what stands in the row."""

import pytest
import typer
from typer.testing import CliRunner

from app.api.problems import PROBLEMS
from app.cli import app
from app.cli.terminal import run_to_end, show
from app.domain.errors import InvalidRequest, OnetillError
from tests.unit.test_errors import FILLED_BY, WITH_CODE

KEY = "key_01a21f55065f7c0b8e2b31c7f0a9d2e4"


@pytest.mark.parametrize("columns", [40, 80, 110])
def test_no_id_is_cut(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    show([{"id": KEY, "name": "the order service " * 3, "scopes": ["payments:read", "payments:write"]}], as_json=False)
    assert KEY in capsys.readouterr().out


@pytest.mark.parametrize("text", ["[/x]", "[bold]no[/bold]", "[link=https://evil.example]here[/link]", "[red]"])
def test_text_from_outside_is_no_markup(capsys: pytest.CaptureFixture[str], text: str) -> None:
    show([{"kind": text}], as_json=False)
    assert text in capsys.readouterr().out


@pytest.mark.parametrize("note", ["", "  ", "\u200b", "…"])
@pytest.mark.parametrize(
    "command",
    [
        ["payments", "resolve", "pay_" + "0" * 32, "close"],
        ["refunds", "done", "ref_" + "0" * 32],
        ["refunds", "failed", "ref_" + "0" * 32],
        ["refunds", "ask-again", "ref_" + "0" * 32],
        ["inbox", "dismiss", "whi_" + "0" * 32],
    ],
    ids=" ".join,
)
def test_a_note_says_something(command: list[str], note: str) -> None:
    done = CliRunner().invoke(app, [*command, "--note", note])
    assert done.exit_code == 2
    assert "say in words why" in " ".join(done.output.split())


@pytest.mark.parametrize("kind", [each for each in WITH_CODE if each is not InvalidRequest], ids=lambda each: each.code)
def test_an_error_is_told_in_the_apis_sentence(kind: type[OnetillError], capsys: pytest.CaptureFixture[str]) -> None:
    details = dict.fromkeys(FILLED_BY.get(kind.code, ()), "[told]")

    async def fails() -> None:
        raise kind(**details)

    with pytest.raises(typer.Exit) as end:
        run_to_end(fails())
    assert end.value.exit_code == 2
    said = capsys.readouterr().err.strip()
    assert said == f"{kind.code}: {PROBLEMS[kind.code].detail.format(**details)}"
