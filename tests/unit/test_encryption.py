"""What is sealed opens in its place, under a key that is there, and nowhere else."""

import pytest

from app.domain.errors import EncryptionKeyMissing
from app.encryption import Encryption
from app.ledger.history_keys import HistoryKey

OLD, NEW = HistoryKey("k1", b"1" * 32), HistoryKey("k2", b"2" * 32)


def test_it_opens_in_its_place_only() -> None:
    encryption = Encryption([NEW])
    sealed = encryption.seal("whsec_x", "nep_1")
    assert encryption.open(sealed, "nep_1") == "whsec_x"
    with pytest.raises(EncryptionKeyMissing):
        encryption.open(sealed, "nep_2")


def test_the_first_key_writes_and_all_read() -> None:
    before = Encryption([OLD]).seal("whsec_x", "nep_1")
    both = Encryption([NEW, OLD])
    assert both.open(before, "nep_1") == "whsec_x"
    after = both.seal("whsec_x", "nep_1")
    assert (before.partition(".")[0], after.partition(".")[0]) == ("k1", "k2")
    with pytest.raises(EncryptionKeyMissing):
        Encryption([NEW]).open(before, "nep_1")
    with pytest.raises(EncryptionKeyMissing):
        Encryption([HistoryKey("k1", b"3" * 32)]).open(before, "nep_1")


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(EncryptionKeyMissing) as caught:
        Encryption([]).seal("whsec_x", "nep_1")
    assert caught.value.details == {"setting": "ONETILL_ENCRYPTION_KEYS"}


def test_the_same_text_is_never_sealed_alike_and_is_not_in_it() -> None:
    encryption = Encryption([NEW])
    sealed = {encryption.seal("whsec_x", "nep_1") for _ in range(100)}
    assert len(sealed) == 100
    assert not [each for each in sealed if "whsec" in each]
