"""What the host's files say of its database."""

from pathlib import Path

import pytest

from ops.agent import seeing


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ""),
        ('{"role": "primary", "since": "2026-11-21T22:00:00+00:00"}', "primary"),
        ('{"role": "fenced"}', "fenced"),
        ("", "unreadable: ''"),
        ("[]", "unreadable: '[]'"),
        ('{"role', "unreadable: '{\"role'"),
    ],
)
def test_a_marker_that_is_garbage_is_neither_a_role_nor_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, expected: str
) -> None:
    marker = tmp_path / "database-role.json"
    monkeypatch.setattr(seeing, "ROLE_MARKER", str(marker))
    if text is not None:
        marker.write_text(text)
    assert seeing.marked_role() == expected
