import struct

import pytest

from tests.torture.commit_relay import Messages, has_commit

STARTUP = struct.pack("!II", 9, 196608) + b"\0"
SSL_REQUEST = struct.pack("!II", 8, 80877103)


def query(text: str) -> bytes:
    return b"Q" + struct.pack("!I", 5 + len(text)) + text.encode() + b"\0"


def test_messages_are_cut_however_they_arrive() -> None:
    sent = [SSL_REQUEST, STARTUP, query("BEGIN"), query("COMMIT")]
    messages = Messages()
    found = [message for byte in b"".join(sent) for message in messages.feed(bytes([byte]))]
    assert found == sent


@pytest.mark.parametrize(
    ("text", "commits"),
    [
        ("COMMIT", True),
        ("EXECUTE write_pings(1); COMMIT; BEGIN", True),
        ("SET synchronous_commit TO local", False),
        ("ROLLBACK", False),
    ],
)
def test_a_commit_is_known(text: str, commits: bool) -> None:
    assert has_commit(query(text)) is commits
