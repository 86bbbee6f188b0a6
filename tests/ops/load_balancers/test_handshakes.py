"""Which clients get through: keys they know, names they say, versions they speak."""

import re

import pytest

from tests.ops.load_balancers.stand import SITE, Stand

pytestmark = pytest.mark.lab

ECDSA, RSA, REFUSED = "256 bit", "2048 bit", ""
CLIENTS = {
    "any client, TLS 1.3": ("-tls1_3",),
    "any client, TLS 1.2": ("-tls1_2",),
    "knows ECDSA only, TLS 1.3": ("-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"),
    "knows ECDSA only, TLS 1.2": ("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    "knows RSA only, TLS 1.3": ("-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256"),
    "knows RSA only, TLS 1.2": ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
}
# By client: the key that it is shown when it names the host, and when it names none.
HAPROXY_3_0 = {
    "any client, TLS 1.3": (ECDSA, ECDSA),
    "any client, TLS 1.2": (ECDSA, ECDSA),
    "knows ECDSA only, TLS 1.3": (ECDSA, ECDSA),
    "knows ECDSA only, TLS 1.2": (ECDSA, ECDSA),
    "knows RSA only, TLS 1.3": (RSA, RSA),
    "knows RSA only, TLS 1.2": (RSA, RSA),
}
# It shows one certificate to all who name no host: the one that every real client can use.
HAPROXY_2_6 = HAPROXY_3_0 | {
    "any client, TLS 1.3": (ECDSA, RSA),
    "any client, TLS 1.2": (ECDSA, RSA),
    "knows ECDSA only, TLS 1.3": (ECDSA, REFUSED),
    "knows ECDSA only, TLS 1.2": (ECDSA, REFUSED),
}
EXPECTED = {13: HAPROXY_3_0, 12: HAPROXY_2_6}
HANDSHAKE = 'openssl s_client -connect "$0" "$@" </dev/null 2>&1'


@pytest.mark.parametrize("family", [4, 6])
def test_every_client_is_shown_the_key_that_it_knows(stand: Stand, family: int) -> None:
    found = {
        client: (
            shown_key(stand, family, "-servername", SITE, *options),
            shown_key(stand, family, "-noservername", *options),
        )
        for client, options in CLIENTS.items()
    }
    assert found == EXPECTED[stand.debian]


def shown_key(stand: Stand, family: int, *options: str) -> str:
    address = stand.address("lb1", family)
    where = f"[{address}]:443" if family == 6 else f"{address}:443"
    said = stand.run("client", "sh", "-c", HANDSHAKE, where, *options)
    assert "CONNECTED" in said
    key = re.search(r"Server public key is (\d+ bit)", said)
    return key[1] if key and "Cipher is (NONE)" not in said else REFUSED


@pytest.mark.parametrize("old", ["-tls1", "-tls1_1"])
def test_what_is_broken_is_not_spoken(stand: Stand, old: str) -> None:
    assert shown_key(stand, 4, old, "-cipher", "ALL:@SECLEVEL=0") == REFUSED


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_every_version_of_http_reaches_the_receivers(
    stand: Stand, scheme: str, family: int
) -> None:
    url = f"{scheme}://{SITE}/ping/abc"
    spoken = {
        option: stand.curl(url, option, family=family).version
        for option in ("--http1.0", "--http1.1", "--http2")
    }
    # In the clear nobody offers HTTP/2.
    newest = "2" if scheme == "https" else "1.1"
    assert spoken == {"--http1.0": "1.1", "--http1.1": "1.1", "--http2": newest}
    for option in spoken:
        assert stand.echoed(url, option, family=family)["path"] == "/ping/abc"
