"""Who may read metrics (app/metrics/access.py)."""

import pytest

from app.metrics.access import may_scrape


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        ("127.0.0.1", "", True),
        ("127.9.9.9", "", True),
        ("::1", "", True),
        ("::ffff:127.0.0.1", "", True),
        ("127.0.0.1", "203.0.113.9", False),
        ("10.0.0.1", "", False),
        ("::ffff:10.0.0.1", "", False),
        ("", "", False),
        ("nonsense", "", False),
    ],
)
def test_without_a_token_only_this_machine(peer: str, forwarded_for: str, expected: bool) -> None:
    allowed = may_scrape("", peer=peer, forwarded_for=forwarded_for, authorization="Bearer ")
    assert allowed is expected


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer s3cret", True),
        ("bearer s3cret", True),
        ("Bearer  s3cret", True),
        ("Bearer s3cre", False),
        ("Bearer s3crett", False),
        ("Bearer", False),
        ("Basic s3cret", False),
        ("s3cret", False),
        ("Bearer \xff", False),
        ("", False),
    ],
)
def test_with_a_token_whoever_shows_it(authorization: str, expected: bool) -> None:
    for peer in ("127.0.0.1", "203.0.113.9"):
        allowed = may_scrape(
            "s3cret", peer=peer, forwarded_for="203.0.113.9", authorization=authorization
        )
        assert allowed is expected
