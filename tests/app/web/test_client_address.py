"""Who asks."""

import pytest
from django.test import RequestFactory

from app.web.client_address import client_address, network_of_client


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("", "203.0.113.5", "203.0.113.5"),
        ("", "10.0.0.1, 203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "1.2.3.4,203.0.113.5", "203.0.113.5"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("198.51.100.7", "203.0.113.5", "198.51.100.7"),
        ("", "", ""),
        ("not an address", "203.0.113.5", "not an address"),
    ],
)
def test_the_last_entry_counts_when_our_relay_set_it(
    peer: str, forwarded: str, address: str
) -> None:
    request = RequestFactory(REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded).get("/")
    assert client_address(request) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("unknown", "unknown"),
    ],
)
def test_a_host_with_a_whole_network_of_addresses_counts_once(address: str, network: str) -> None:
    request = RequestFactory(REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=address).get("/")
    assert network_of_client(request) == network
