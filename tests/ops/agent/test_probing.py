"""Probing and what listens, against real sockets of this machine."""

import socket
from collections.abc import Iterator

import pytest

from ops.agent import probing

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 0B014D0A:238C 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   3: 0B014D0A:0016 0229004D:C001 01 00000000:00000000 00:00000000 00000000     0        0 1 1
"""
TABLE6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0
   1: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0 0
   2: 0000000000000000FFFF00000100007F:1F91 00000000000000000000000000000000:0000 0A 0 0
   3: 0000000000000000FFFF00000B014D0A:1F92 00000000000000000000000000000000:0000 0A 0 0
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as line:
        yield line


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as line:
        return int(line.getsockname()[1])


def test_only_what_others_can_reach_is_listening() -> None:
    assert probing.listening_ports(TABLE) == {22, 9100}
    assert probing.listening_ports(TABLE6) == {80, 8082}


def test_this_machines_own_table_is_read(listener: socket.socket) -> None:
    with open("/proc/net/tcp") as file:  # noqa: PTH123 (as the agent does)
        table = file.read()
    assert listener.getsockname()[1] not in probing.listening_ports(table)


def test_a_listener_is_open_and_a_reset_is_a_refusal(
    listener: socket.socket, closed_port: int
) -> None:
    port = listener.getsockname()[1]
    doors = [("127.0.0.1", port), ("127.0.0.1", closed_port), ("127.0.0.1", port)]
    assert probing.probe(doors, 1.0, 2)["answers"] == ["open", "refused", "open"]


def test_more_doors_than_may_be_tried_at_once_are_all_tried(
    listener: socket.socket, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "MOST_AT_ONCE", 3)
    listener.listen(64)
    port = listener.getsockname()[1]
    doors = [("127.0.0.1", port if number % 2 else closed_port) for number in range(20)]
    answers = probing.probe(doors, 1.0, 1)["answers"]
    assert answers == ["open" if number % 2 else "refused" for number in range(20)]


def test_a_door_to_which_there_is_no_way_is_closed() -> None:
    assert probing.probe([("255.255.255.255", 22)], 0.2, 2)["answers"] == ["prohibited"]


def test_nothing_to_try_is_no_error() -> None:
    assert probing.probe([], 1.0, 2) == {"answers": []}
