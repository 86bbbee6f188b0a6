"""What a load balancer says, as far as it can be judged without one."""

import re
from pathlib import Path

import pytest

from haproxy import keep_state
from haproxy.config import connections
from ops.agent import balancing
from provisioning.roles import load_balancer

ERRORS = Path(keep_state.__file__).with_name("errors")
BUFFER_BYTES = 16_384  # HAProxy keeps an answer of its own in one buffer, with its headers


@pytest.mark.parametrize(
    ("wanted", "open_files", "given"),
    [(8_000, 524_288, 8_000), (50_000, 20_000, 9_500), (8_000, 1_024, 12), (8_000, 500, 1)],
)
def test_no_more_connections_than_files_that_can_be_open(
    wanted: int, open_files: int, given: int
) -> None:
    assert connections(wanted, open_files) == given


def test_all_speak_of_the_same_socket_and_the_same_script() -> None:
    """The agent is sent alone and can import neither."""
    assert balancing.HAPROXY == keep_state.SOCKET
    assert load_balancer.KEEP_STATE in balancing.KEEP_STATE
    assert keep_state.CONFIG == load_balancer.CONFIG


@pytest.mark.parametrize("name", load_balancer.ERROR_FILES)
def test_an_error_page_needs_nothing_else(name: str) -> None:
    text = (ERRORS / name).read_text("utf-8")
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|//", text)
    assert len(text.encode()) < BUFFER_BYTES / 2
