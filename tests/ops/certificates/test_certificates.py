"""From the order to what clients get: lego, pebble, knot and two HAProxies, and what goes wrong."""

import json

import pytest

from ops.certificates.pair import Kind
from ops.errors import ChangeFailed
from ops.reading import sessions_with
from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from provisioning.programs.certifying import KEPT, LIVE
from tests.ops.certificates.conftest import BALANCERS, Client, kept_pairs
from tests.ops.operator import EMPTY, FAILED, fab, shown_plan, watched_processes
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab

_NO_AUTHORITY = (
    "table inet no_authority {\nchain out {\ntype filter hook output priority 0\n"
    "tcp dport 14000 reject with tcp reset\n}\n}"  # pebble, on world
)


def test_clients_of_both_kinds_verify_what_both_balancers_show(client: Client) -> None:
    for name in (client.fleet.site, client.fleet.pings):
        for kind in Kind:
            serials = {client.serial(balancer, kind, name) for balancer in BALANCERS}
            assert len(serials) == 1, (name, kind)
    assert len(set(client.serials().values())) == len(Kind)


def test_all_is_well_afterwards_and_nothing_is_left_to_do(client: Client) -> None:
    path = str(client.fleet.path)
    status = fab("certs.status", "--fleet", path, "--json")
    assert status.returncode == 0, status.stderr
    found = json.loads(status.stdout)
    assert [(one["host"], one["kind"]) for one in found] == [
        (host, kind) for host in ("obs1", *BALANCERS) for kind in Kind
    ]
    shown = {(one["host"], one["kind"]): one["about"]["serial"] for one in found}
    assert {key: shown[key] for key in client.serials()} == client.serials()
    assert shown_plan(client.fleet).returncode == EMPTY
    again = fab("certs.renew", "--fleet", path)
    assert again.returncode == 0
    assert "No certificate has to be ordered." in again.stderr
    assert again.stderr.count("shows them already") == len(BALANCERS)


def test_only_root_reads_keys(issued: Fleet, rehearsal: Rehearsal) -> None:
    ask = "find {0} -printf '%m %u %y %P\\n' | grep -v 'd accounts'"
    for host, folder in (("obs1", KEPT), ("lb1", LIVE)):
        said = rehearsal.run(host, ["sh", "-c", ask.format(folder)])
        lines = [line for line in said.splitlines() if " accounts/" not in line]
        assert lines[0].startswith("700 root d")
        assert {line.rsplit(" ", 1)[0] for line in lines[1:]} == {"600 root f"}
        assert {line.rsplit(" ", 1)[1] for line in lines[1:]} == {"site.pem.ecdsa", "site.pem.rsa"}


def test_a_forced_renewal_changes_what_is_shown_and_no_server_forgets_that_it_is_drained(
    client: Client,
) -> None:
    before = client.serials()
    _say_to_balancers(client.fleet, "set server pages/app1 state drain")
    secret = read_vault(vault_of(client.fleet.path))["dns_rfc2136_tsig_secret"].reveal()
    try:
        with watched_processes(secret, ("cmdline",)) as seen:
            done = fab("certs.renew", "--force", "--fleet", str(client.fleet.path))
        assert done.returncode == 0, done.stderr
        assert seen == []
        assert secret not in done.stdout + done.stderr
        after = client.serials()
        assert not set(before.values()) & set(after.values())
        for said in _say_to_balancers(client.fleet, "show servers state pages"):
            assert [line.split()[6] for line in said.splitlines() if " app1 " in line] == ["8"]
    finally:
        _say_to_balancers(client.fleet, "set server pages/app1 state ready")


def test_a_pair_that_was_cut_is_refused_and_the_old_one_goes_on(
    client: Client, rehearsal: Rehearsal
) -> None:
    before = client.serials()
    path = f"{KEPT}/site.pem.rsa"
    rehearsal.run("obs1", ["cp", "--archive", path, f"{path}.whole"])
    try:
        rehearsal.run("obs1", ["truncate", "--size=-300", path])
        refused = fab("certs.install", "--fleet", str(client.fleet.path))
        assert refused.returncode == FAILED
        assert "rsa has no private key, not one" in refused.stderr
        assert "fab certs.issue orders new ones" in refused.stderr
    finally:
        rehearsal.run("obs1", ["mv", f"{path}.whole", path])
    assert client.serials() == before


def test_a_balancer_takes_no_pair_that_haproxy_refuses(
    client: Client, rehearsal: Rehearsal
) -> None:
    before = client.serials()
    files = ["sh", "-c", f"sha256sum {LIVE}/*; ls -a {LIVE} /etc/haproxy"]
    there = rehearsal.run("lb1", files)
    pairs = {str(kind): text for kind, text in kept_pairs(client.fleet).items()}
    with sessions_with(client.fleet) as sessions:
        session = sessions.of(client.fleet.host("lb1"))
        broken = pairs | {"rsa": pairs["rsa"][:-300]}
        with pytest.raises(ChangeFailed, match="haproxy -c"):
            session.ask("install_certificates", pairs=broken, audit="a test")
    left = rehearsal.run("lb1", files).replace("certificates.before\n", "")
    assert left == there.replace("certificates.before\n", "")
    assert client.serials() == before


def test_when_lego_fails_all_stays_as_it_was_and_its_reason_is_said(
    client: Client, rehearsal: Rehearsal
) -> None:
    before, kept = client.serials(), kept_pairs(client.fleet)
    secret = read_vault(vault_of(client.fleet.path))["dns_rfc2136_tsig_secret"].reveal()
    rehearsal.run("obs1", ["nft", _NO_AUTHORITY])
    try:
        failed = fab("certs.renew", "--force", "--fleet", str(client.fleet.path))
    finally:
        rehearsal.run("obs1", ["nft", "delete table inet no_authority"])
    assert failed.returncode == FAILED
    assert "lego got no certificate" in failed.stderr
    assert "connection refused" in failed.stderr
    assert failed.stderr.count("\n") < 8
    assert secret not in failed.stdout + failed.stderr
    assert client.serials() == before
    assert kept_pairs(client.fleet) == kept


@pytest.mark.long
def test_an_authority_that_has_forgotten_us_gets_another_account(
    client: Client, rehearsal: Rehearsal
) -> None:
    path = f"{KEPT}/accounts"
    forget = f"sed -i 's#my-account/[0-9a-f]*#my-account/0123456789#' {path}/*/*/account.json"
    rehearsal.run("obs1", ["sh", "-c", forget])
    done = fab("certs.renew", "--force", "--fleet", str(client.fleet.path))
    assert done.returncode == 0, done.stderr
    rehearsal.run("obs1", ["sh", "-c", f"rm -r {path}.unknown-*"])


@pytest.mark.long
def test_a_balancer_whose_clients_do_not_get_them_keeps_the_old_and_the_next_is_not_touched(
    client: Client, rehearsal: Rehearsal
) -> None:
    before, path = client.serials(), str(client.fleet.path)
    files = ["sh", "-c", f"sha256sum {LIVE}/*"]
    there = rehearsal.run("lb1", files)
    # A reload that says that all went well, and did nothing.
    drop_in = "/run/systemd/system/haproxy.service.d/zz-deaf.conf"
    deaf = f"mkdir -p {drop_in.rpartition('/')[0]}; echo '[Service]\nExecReload=' > {drop_in}"
    reread = "systemctl daemon-reload"
    rehearsal.run("lb1", ["sh", "-c", f"{deaf}; echo ExecReload=true >> {drop_in}; {reread}"])
    try:
        failed = fab("certs.renew", "--force", "--fleet", path)
    finally:
        rehearsal.run("lb1", ["sh", "-c", f"rm {drop_in}; {reread}"])
    assert failed.returncode == FAILED
    assert "lb1: clients do not get them" in failed.stderr
    assert "The old ones were put back." in failed.stderr
    assert "lb2: was not touched" in failed.stderr
    assert rehearsal.run("lb1", files) == there
    assert client.serials() == before
    wrong = fab("certs.status", "--fleet", path)
    assert wrong.returncode == FAILED
    assert "lb2 rsa: is not what the observer keeps: fab certs.install" in wrong.stderr
    assert fab("certs.install", "--fleet", path).returncode == 0
    assert not set(before.values()) & set(client.serials().values())


@pytest.mark.long
def test_a_balancer_that_is_off_or_shows_nothing_holds_up_no_other(
    client: Client, rehearsal: Rehearsal
) -> None:
    path = str(client.fleet.path)
    before = client.serials()
    rehearsal.run("lb1", ["systemctl", "stop", "haproxy"])
    try:
        half = fab("certs.renew", "--force", "--fleet", path)
    finally:
        rehearsal.run("lb1", ["systemctl", "start", "haproxy"])
    assert half.returncode == FAILED
    assert "1 of 2 load balancers show them" in half.stderr
    assert "lb1: shows nothing to the observer" in half.stderr
    rehearsal.kill("lb1")
    try:
        half = fab("certs.install", "--fleet", path)
    finally:
        rehearsal.start("lb1")
    assert half.returncode == FAILED
    assert "lb1 (" in half.stderr
    assert "lb2: shows them already" in half.stderr
    done = fab("certs.install", "--fleet", path)
    assert done.returncode == 0, done.stderr
    assert not set(before.values()) & set(client.serials().values())


def _say_to_balancers(fleet: Fleet, command: str) -> list[str]:
    audit = "a test" if command.startswith("set ") else ""
    with sessions_with(fleet) as sessions:
        return [
            sessions.of(fleet.host(name)).ask("haproxy", commands=[command], audit=audit)[
                "answers"
            ][0]
            for name in BALANCERS
        ]
