"""The causes for which a person is called."""

from app.domain.attention import Attention


def test_every_cause_has_a_sentence_of_its_own() -> None:
    sentences = [cause.sentence for cause in Attention]
    assert all(sentences)
    assert len(set(sentences)) == len(sentences)


def test_what_another_release_stored_is_read_all_the_same() -> None:
    assert Attention("a_cause_of_tomorrow") is Attention.OTHER
    assert Attention("undecided") is Attention.UNDECIDED
