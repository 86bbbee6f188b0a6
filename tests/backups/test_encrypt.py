"""Recipients, with a real gpg: which keys are taken, and what is said of the others."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups.encrypt import keyring
from backups.errors import RecipientError
from tests.backups.keys import key_pair, make_key_pair

# A past that gpg is told of, so that a key is expired without waiting.
LONG_AGO = "20200101T000000"


def encrypted(paths: list[Path], plain: bytes, *, is_compressed: bool = False) -> bytes:
    out: list[bytes] = []
    with keyring(paths, datetime.now(UTC)) as keys:
        keys.encrypt(io.BytesIO(plain), out.append, is_compressed=is_compressed)
    return b"".join(out)


def why_not(path: Path) -> str:
    with pytest.raises(RecipientError) as caught, keyring([path], datetime.now(UTC)):
        pass
    return str(caught.value)


@pytest.mark.parametrize("is_compressed", [True, False])
def test_each_recipient_alone_can_decrypt(is_compressed: bool) -> None:
    ada, drill = key_pair("ada"), key_pair("drill")
    plain = bytes(range(256)) * 5_000
    secret = encrypted([ada.public, drill.public], plain, is_compressed=is_compressed)
    assert ada.decrypt(secret) == drill.decrypt(secret) == plain
    assert (len(secret) < len(plain)) is not is_compressed


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "absent.asc cannot be read" in why_not(tmp_path / "absent.asc")


def test_a_file_without_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty.asc").write_text("not a key")
    assert "has no public key" in why_not(tmp_path / "empty.asc")


def test_an_expired_key_is_refused_with_its_date(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "old", expires="1y", now=LONG_AGO)
    assert "expired on 2020-12-31" in why_not(pair.public)


def test_a_key_that_only_signs_is_refused(tmp_path: Path) -> None:
    pair = make_key_pair(tmp_path / "signer", usage="sign")
    assert "Nothing can be encrypted" in why_not(pair.public)


def test_a_private_key_is_refused(tmp_path: Path) -> None:
    private = tmp_path / "private.asc"
    private.write_bytes(key_pair("ada").export_private())
    assert "has a private key" in why_not(private)


def test_nobody_is_no_recipient() -> None:
    with pytest.raises(RecipientError, match="No recipients"), keyring([], datetime.now(UTC)):
        pass


def test_what_the_source_raises_is_raised() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise ConnectionError(f"half way to {size} bytes")

    with (
        keyring([key_pair("ada").public], datetime.now(UTC)) as keys,
        pytest.raises(ConnectionError, match="half way"),
    ):
        keys.encrypt(Broken(), lambda _: None, is_compressed=False)


def test_what_the_sink_raises_is_raised_and_ends_the_reading() -> None:
    class Endless:
        blocks = 0

        def read(self, size: int, /) -> bytes:
            self.blocks += 1
            return bytes(size)

    def full(_: bytes) -> None:
        raise ConnectionError("full")

    endless = Endless()
    with (
        keyring([key_pair("ada").public], datetime.now(UTC)) as keys,
        pytest.raises(ConnectionError, match="full"),
    ):
        keys.encrypt(endless, full, is_compressed=True)
    assert endless.blocks < 1_000
