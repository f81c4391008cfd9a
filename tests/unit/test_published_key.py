"""The secret key that stands in the source code, so that the demo starts: it serves this machine and nobody else."""

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.setting_types import listens_here
from app.settings import PUBLISHED
from tests.unit.test_live_mode import STRONG, refusal


class TestTheSecretKeyOfTheSourceCode:
    @pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"])
    def test_starts_on_this_machine(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        assert refusal(monkeypatch, {"ONETILL_PUBLIC_URL": url}, {}) == ""

    @pytest.mark.parametrize("url", ["http://pay.shop.example", "https://staging.shop.example", "http://192.168.0.7"])
    @pytest.mark.parametrize("key", [None, *sorted(PUBLISHED)])
    def test_is_refused_where_others_reach_it(self, monkeypatch: pytest.MonkeyPatch, url: str, key: str | None) -> None:
        variables = {"ONETILL_PUBLIC_URL": url} | ({"ONETILL_SECRET_KEY": key} if key else {})
        said = refusal(monkeypatch, variables, {})
        assert "ONETILL_SECRET_KEY is the published one" in said
        assert "openssl rand -hex 32" in said
        assert refusal(monkeypatch, variables | {"ONETILL_SECRET_KEY": STRONG}, {}) == ""

    @pytest.mark.parametrize("empty", ["", " ", ",", " , "])
    def test_is_not_what_an_empty_one_means(self, monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
        assert "ONETILL_SECRET_KEY is empty" in refusal(monkeypatch, {"ONETILL_SECRET_KEY": empty}, {})

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "192.168.0.7", "pay.shop.example", "[::]"])  # noqa: S104
    def test_is_not_served_to_others(self, host: str) -> None:
        done = CliRunner().invoke(app, ["serve", "--host", host])
        assert done.exit_code == 2
        assert "ONETILL_SECRET_KEY is the published one" in done.output

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
    def test_may_be_served_to_this_machine(self, host: str) -> None:
        assert listens_here(host)
