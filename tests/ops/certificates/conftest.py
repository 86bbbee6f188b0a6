"""A fleet with certificates of the lab's own authority, and clients that look at them."""

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.certificates.ordering import Pairs, read_pairs
from ops.certificates.pair import Kind, shown
from ops.reading import sessions_with
from provisioning.fleet import Fleet

CIPHERS = {Kind.ECDSA: "ECDHE-ECDSA-AES128-GCM-SHA256", Kind.RSA: "ECDHE-RSA-AES128-GCM-SHA256"}
BALANCERS = ("lb1", "lb2")


@dataclass(frozen=True)
class Client:
    """Somebody outside who trusts the lab's authority and nobody else."""

    fleet: Fleet
    roots: Path

    def serial(self, balancer: str, kind: Kind, name: str) -> str:
        """Return what the balancer shows after a handshake in which all was verified."""
        context = ssl.create_default_context(cafile=str(self.roots))
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS[kind])
        address = (self.fleet.host(balancer).address, 443)
        with (
            socket.create_connection(address, 5) as line,
            context.wrap_socket(line, server_hostname=name) as tls,
        ):
            about = shown(ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b""))
        assert about is not None
        return about.serial

    def serials(self) -> dict[tuple[str, Kind], str]:
        """Return by balancer and kind what is shown for the site's name."""
        return {
            (balancer, kind): self.serial(balancer, kind, self.fleet.site)
            for balancer in BALANCERS
            for kind in Kind
        }


@pytest.fixture(scope="session")
def client(issued: Fleet, roots: Path) -> Client:
    return Client(issued, roots)


def kept_pairs(fleet: Fleet) -> Pairs:
    """Return what the observer keeps."""
    with sessions_with(fleet) as sessions:
        return read_pairs(sessions.of(fleet.host("obs1")))
