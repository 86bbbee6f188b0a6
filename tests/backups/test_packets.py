import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backups import packets

PKESK_BODY = bytes([3]) + bytes.fromhex("0123456789ABCDEF") + bytes([18]) + b"secret"
DATA = b"\xd2\xff\x00\x00\xff\xff" + bytes(200)


def _pkesk(form: str, body: bytes = PKESK_BODY) -> bytes:
    size = len(body)
    headers = {
        "old, one byte": bytes([0x84, size & 0xFF]),
        "old, two bytes": bytes([0x85]) + size.to_bytes(2, "big"),
        "old, four bytes": bytes([0x86]) + size.to_bytes(4, "big"),
        "new, one byte": bytes([0xC1, size & 0xFF]),
        "new, five bytes": bytes([0xC1, 255]) + size.to_bytes(4, "big"),
    }
    return headers[form] + body


FORMS = ("old, one byte", "old, two bytes", "old, four bytes", "new, one byte", "new, five bytes")


@given(st.lists(st.sampled_from(FORMS), min_size=1, max_size=6), st.integers(0, 40))
def test_the_head_ends_a_margin_behind_the_last_session_key(
    forms: list[str], body_more: int
) -> None:
    keys = b"".join(_pkesk(form, PKESK_BODY + bytes(body_more)) for form in forms)
    assert packets.head(keys + DATA) == (keys + DATA)[: len(keys) + packets.HEAD_MARGIN_BYTES]
    assert packets.recipients(keys + DATA) == ("0123456789ABCDEF",) * len(forms)


def test_a_length_of_two_bytes_in_the_new_format_is_understood() -> None:
    body = PKESK_BODY + bytes(400)
    size = len(body) - 192
    keys = bytes([0xC1, 192 + (size >> 8), size & 0xFF]) + body
    assert packets.head(keys + DATA) == (keys + DATA)[: len(keys) + packets.HEAD_MARGIN_BYTES]


def test_a_sample_has_the_data_in_one_piece_of_its_true_length() -> None:
    """Blocks of gpg's are announced by their own length, here 8192 bytes (0xED)."""
    keys, content = _pkesk("new, one byte"), b"\x01" + bytes(62)
    told = packets.sample(keys + b"\xd2\xed" + content)
    assert told == keys + b"\xd2\xff" + len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize("cut", range(len(_pkesk("old, two bytes"))))
def test_what_ends_before_its_session_keys_is_refused(cut: int) -> None:
    with pytest.raises(ValueError, match="ends before"):
        packets.head(_pkesk("old, two bytes")[:cut])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"plain text", "not made by gpg"),
        (DATA, "not encrypted to any public key"),
        (_pkesk("new, one byte") + b"\xc3\x04abcd" + DATA, "tag 3"),  # a passphrase opens it, too
        (_pkesk("new, one byte") + b"\xc9\x04abcd", "tag 9"),  # no integrity check
    ],
)
def test_what_is_not_sealed_to_keys_alone_with_a_check_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        packets.head(data)
    with pytest.raises(ValueError, match=why):
        packets.sample(data)


@given(st.binary(max_size=300))
def test_whatever_comes_is_a_head_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert data.startswith(packets.head(data))
        assert packets.recipients(data)
