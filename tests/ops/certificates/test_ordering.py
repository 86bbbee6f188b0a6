from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ops.certificates.ordering import Pairs, due, order_of
from ops.certificates.pair import Kind
from ops.errors import InventoryError, VaultError
from ops.inventory import read_fleet
from ops.secrets import Secret
from provisioning.fleet import Certificates, Fleet
from provisioning.programs.certifying import reason
from tests.ops.certificates.authorities import (
    NAMES,
    NOW,
    Authority,
    ecdsa_key,
    key_text,
    rsa_key,
)
from tests.ops.inventories import inventory

SETTINGS = Certificates("https://acme.example.org/dir", "me@example.org", "rfc2136")


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    authority = Authority()
    return {Kind.ECDSA: authority.pair(ecdsa_key()), Kind.RSA: authority.pair(rsa_key())}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory())
    return replace(read_fleet(path), certificates=SETTINGS)


def test_only_what_expires_soon_is_due(pairs: Pairs) -> None:
    assert due(pairs, NAMES, NOW, 30) == {}
    assert due(pairs, NAMES, NOW + timedelta(days=60), 30) == {}
    later = NOW + timedelta(days=60, seconds=1)
    assert due(pairs, NAMES, later, 30) == dict.fromkeys(Kind, "expires in 29 days")


def test_what_is_missing_or_broken_or_for_other_names_is_due_at_once(pairs: Pairs) -> None:
    ecdsa = pairs[Kind.ECDSA]
    assert due({Kind.ECDSA: ecdsa}, NAMES, NOW, 0) == {Kind.RSA: "is not there yet"}
    assert set(due(pairs | {Kind.ECDSA: ecdsa[:-50]}, NAMES, NOW, 0)) == {Kind.ECDSA}
    more = due(pairs, (*NAMES, "new.example.org"), NOW, 0)
    assert more == dict.fromkeys(Kind, "is not for new.example.org")
    fewer = due(pairs, NAMES[:1], NOW, 0)
    assert fewer == dict.fromkeys(Kind, "is also for ping.example.org")


def test_the_vaults_entries_become_legos_environment_and_print_nothing(fleet: Fleet) -> None:
    secrets = {"dns_cf_dns_api_token": Secret("s3cr3t"), "canary": Secret("other")}
    order = order_of(fleet, secrets)
    assert order.environment == {"CF_DNS_API_TOKEN": "s3cr3t"}
    assert order.names == ("still.example.org", "ping.example.org")
    assert "s3cr3t" not in repr(order)


def test_what_is_not_described_is_asked_for(fleet: Fleet) -> None:
    with pytest.raises(InventoryError, match=r"has no \[certificates\]"):
        order_of(replace(fleet, certificates=None), {})
    with pytest.raises(VaultError, match="lego dnshelp --code rfc2136"):
        order_of(fleet, {"canary": Secret("other")})
    no_file = replace(SETTINGS, authority="ca.pem")
    with pytest.raises(InventoryError, match=r"ca\.pem"):
        order_of(replace(fleet, certificates=no_file), {"dns_x": Secret("y")})


def test_legos_reason_is_what_it_says_without_small_talk_and_secrets() -> None:
    begin = "2026/03/01 12:00:00"
    said = f"{begin} [INFO] use dns-01\n{begin} Could not:\n\terror: key tok3n bad\n"
    assert reason(said, {"TOKEN": "tok3n"}) == "Could not: error: key <TOKEN> bad"
    assert reason("[INFO] only this\n", {}) == "[INFO] only this"


def test_a_key_is_not_taken_for_a_certificate() -> None:
    assert due({Kind.RSA: key_text(rsa_key())}, NAMES, NOW, 0)[Kind.RSA].startswith(
        "has no certificate"
    )
