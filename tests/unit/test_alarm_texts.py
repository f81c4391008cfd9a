"""The texts of mails about alarms say the same in both languages."""

import re
from string import Formatter

import pytest

from app.alarms.korean import SENTENCES
from app.alarms.texts import TEXTS
from app.domain.attention import Attention

HANGUL = re.compile("[가-힣]")
SAME = {"none"}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("name", TEXTS["en"])
def test_a_text_is_there_in_korean_and_names_the_same(name: str) -> None:
    english, korean = TEXTS["en"][name], TEXTS["ko"][name]
    assert fields(english) == fields(korean)
    assert bool(HANGUL.search(korean)) != (name in SAME)
    assert not HANGUL.search(english)


def test_no_text_is_korean_only() -> None:
    assert TEXTS["ko"].keys() == TEXTS["en"].keys()


@pytest.mark.parametrize("cause", Attention)
def test_each_cause_is_said_in_korean(cause: Attention) -> None:
    assert HANGUL.search(SENTENCES[cause])
