"""`.env.example`: every setting, each with its comment, and examples that the settings take."""

import re
from io import StringIO
from itertools import pairwise

import pytest
from dotenv import dotenv_values

from app.paths import ROOT
from app.settings import Settings
from tests.deployment.files import setting_names, variables_of_compose
from tests.deployment.test_compose import SECRETS

TEXT = (ROOT / ".env.example").read_text()
LINE = re.compile(r"^#?([A-Z_0-9]+)=", flags=re.MULTILINE)


def test_it_lists_every_setting_and_nothing_unknown() -> None:
    names = LINE.findall(TEXT)
    assert len(names) == len(set(names))
    assert set(names) - {"COMPOSE_PROFILES"} == setting_names() | variables_of_compose()


def test_every_variable_has_one_line_of_comment_before_it() -> None:
    lines = TEXT.splitlines()
    for before, line in pairwise(lines):
        if LINE.match(line):
            assert re.match(r"# \S.*\.$", before), line


def test_its_examples_are_settings_that_work(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = re.sub(r"^#(?=[A-Z_0-9]+=)", "", TEXT, flags=re.MULTILINE)
    for name, value in (dotenv_values(stream=StringIO(everything)) | SECRETS).items():
        monkeypatch.setenv(name, value or "")
    settings = Settings()
    assert settings.model_fields_set == set(Settings.model_fields)
    for manifest, account in settings.accounts():
        assert account.model_fields_set == set(manifest.fields())


def test_a_fresh_copy_lacks_the_secrets_and_only_those() -> None:
    assert {name for name, value in dotenv_values(stream=StringIO(TEXT)).items() if not value} == set(SECRETS)
