"""A taken port is named together with who has it."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.run import port
from tests.ports import free_port


@contextmanager
def listening(address: str, number: int) -> Iterator[None]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as taken:
        taken.bind((address, number))
        taken.listen()
        yield


def test_a_free_port_is_no_problem() -> None:
    assert port.problem("", free_port()) is None
    assert port.problem("127.0.0.1", free_port()) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_stranger_on_one_of_the_two_addresses_is_named(address: str) -> None:
    number = free_port()
    with listening(address, number):
        problem = port.problem("", number)
    assert problem is not None
    assert f"Port {number} on {address} is taken by" in problem
    assert f"(pid {os.getpid()})" in problem
    assert f"make run PORT={number + 1}" in problem


def test_a_stranger_elsewhere_does_not_matter_when_an_address_is_named() -> None:
    number = free_port()
    with listening("::1", number):
        assert port.problem("127.0.0.1", number) is None


def test_several_addresses_are_named_with_commas() -> None:
    number = free_port()
    with listening("::1", number):
        problem = port.problem("127.0.0.1, ::1", number)
    assert f"Port {number} on ::1 is taken" in (problem or "")
    assert port.own_address("0.0.0.0, ::") == "127.0.0.1"


def test_all_addresses_are_taken_when_one_is() -> None:
    number = free_port()
    with listening("127.0.0.1", number):
        assert "is taken by" in (port.problem("0.0.0.0", number) or "")  # noqa: S104 (only asked)


def test_an_address_that_is_not_ours_is_said_to_be_wrong() -> None:
    problem = port.problem("192.0.2.1", free_port())
    assert problem is not None
    assert "Cannot listen on 192.0.2.1" in problem
    assert "HOST" in problem


def test_a_port_just_left_by_a_listener_is_free() -> None:
    number = free_port()
    with listening("127.0.0.1", number), socket.create_connection(("127.0.0.1", number)):
        pass
    assert port.problem("", number) is None


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 (only asked)
        ("::", "::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("pings.example.org", "pings.example.org"),
    ],
)
def test_the_machine_reaches_itself(host: str, address: str) -> None:
    assert port.own_address(host) == address
