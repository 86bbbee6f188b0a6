"""`fab doctor` on real Debian hosts: each fault is made once, and told."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.doctor.certificates import PATH
from provisioning.dsn import PASSWORD_FILE
from provisioning.fleet import Fleet
from provisioning.flows import POSTGRESQL
from provisioning.releases import MARK
from tests.ops.operator import copied, fab
from tests.ops.rehearsal import Rehearsal
from tests.ops.self_signed import certificate

pytestmark = pytest.mark.lab
Told = list[dict[str, str]]
SMTP_SINK = (
    "import socketserver\n"
    "class Sink(socketserver.StreamRequestHandler):\n"
    "    def handle(self):\n"
    "        self.wfile.write(b'220 sink\\r\\n')\n"
    "        for line in self.rfile:\n"
    "            self.wfile.write(b'221 bye\\r\\n' if line[:4] == b'QUIT' else b'250 sink\\r\\n')\n"
    "socketserver.ThreadingTCPServer(('', 2525), Sink).serve_forever()\n"
)


def told(fleet: Fleet | Path | str, status: int | None = None) -> Told:
    """Return all lines; the exit status is 1 exactly when one is red."""
    path = fleet.path if isinstance(fleet, Fleet) else fleet
    done = fab("doctor", "--fleet", str(path), "--json")
    assert done.stdout, done.stderr
    lines: Told = json.loads(done.stdout)
    assert done.returncode == int(any(line["level"] == "red" for line in lines)), done.stderr
    assert status in (None, done.returncode), lines
    return lines


def said(lines: Told, subject: str, host: str, level: str = "red") -> str:
    """Return the words of a level about a subject of a host, of all its lines together."""
    return "\n".join(
        line["words"]
        for line in lines
        if (line["subject"], line["host"], line["level"]) == (subject, host, level)
    )


@contextmanager
def kept(rehearsal: Rehearsal, host: str, path: str) -> Iterator[None]:
    """Put a file back afterwards as it was, or away when there was none."""
    rehearsal.run(host, ["sh", "-c", f"[ ! -e {path} ] || cp -a {path} {path}.kept"])
    try:
        yield
    finally:
        back = f"if [ -e {path}.kept ]; then mv {path}.kept {path}; else rm -rf {path}; fi"
        rehearsal.run(host, ["sh", "-c", back])


def write(rehearsal: Rehearsal, host: str, path: str, text: str) -> None:
    program = f"mkdir -p $(dirname {path}) && cat > {path} <<'END'\n{text}END\n"
    rehearsal.run(host, ["sh", "-c", program])


def test_an_applied_fleet_has_nothing_red_about_its_hosts(applied: Fleet) -> None:
    lines = told(applied)
    for subject in ("hosts", "clock", "disk", "units"):
        levels = {line["host"]: line["level"] for line in lines if line["subject"] == subject}
        assert levels == {host.name: "green" for host in applied.hosts}, subject


def test_the_lines_are_for_people_too(applied: Fleet) -> None:
    done = fab("doctor", "--fleet", str(applied.path))
    assert re.search(r"^ok    hosts +lb1 +answers, applied, Debian 1\d$", done.stdout, re.MULTILINE)
    assert re.search(r"\d+ red, \d+ to note, \d+ ok on 8 hosts in [\d.]+ s\.", done.stderr)


def test_units_disks_and_marks_that_are_wrong_are_red(applied: Fleet, rehearsal: Rehearsal) -> None:
    """Each on a host of its own, so that one look sees them all."""
    full, crowded = "/var/lib/stillhere-full", "/srv/stillhere-crowded"
    mark, unit = "/var/lib/stillhere/applied.json", "stillhere-test-fails"
    script = ["sh", "-c", "echo 'no such luck'; exit 3"]
    try:
        rehearsal.run("app1", ["systemd-run", "--quiet", f"--unit={unit}", *script])
        rehearsal.run(
            "app1", ["sh", "-c", f"until systemctl is-failed -q {unit}; do sleep 0.1; done"]
        )
        mount = f"mkdir -p {full} && mount -t tmpfs -o size=1m none {full}"
        rehearsal.run("app2", ["sh", "-c", f"{mount} && head -c 1000k /dev/zero > {full}/zeros"])
        mount = f"mkdir -p {crowded} && mount -t tmpfs -o nr_inodes=20 none {crowded}"
        rehearsal.run("app3", ["sh", "-c", f"{mount} && cd {crowded} && touch $(seq 19)"])
        rehearsal.run("obs1", ["mv", mark, f"{mark}.away"])
        lines = told(applied, status=1)
    finally:
        rehearsal.run("app1", ["systemctl", "reset-failed", unit])
        rehearsal.run("app2", ["sh", "-c", f"umount {full}; rmdir {full}"])
        rehearsal.run("app3", ["sh", "-c", f"umount {crowded}; rmdir {crowded}"])
        rehearsal.run("obs1", ["mv", f"{mark}.away", mark])
    assert f"{unit}.service has failed: no such luck." in said(lines, "units", "app1")
    assert f"{full} has 24 KiB free (2%)" in said(lines, "disk", "app2")
    assert f"{crowded} has 0% of its inodes free" in said(lines, "disk", "app3")
    assert "was never applied" in said(lines, "hosts", "obs1")
    assert said(lines, "disk", "db1", "green")


@pytest.mark.long
def test_a_host_that_is_down_is_one_line_and_the_others_are_examined(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("app3")
    try:
        lines = told(applied, status=1)
    finally:
        rehearsal.start("app3")
    assert [line["subject"] for line in lines if line["host"] == "app3"] == ["hosts"]
    assert "Nothing else is said about it." in said(lines, "hosts", "app3")
    assert said(lines, "units", "app1", "green") == "none has failed"


def test_certificates_that_are_wrong_are_red(applied: Fleet, rehearsal: Rehearsal) -> None:
    both = (applied.site, applied.pings)
    expired, soon = certificate(-1, *both), certificate(10, *both)
    good, half = certificate(60, *both), certificate(60, applied.site)
    strange = good.partition("-----BEGIN PRIVATE")[0] + half[half.index("-----BEGIN PRIVATE") :]
    found, folder = [], str(Path(PATH).parent)
    rehearsal.run("lb1", ["mkdir", "-p", folder])
    for ecdsa, rsa in ((expired, soon), (good, half), (strange, "")):
        with kept(rehearsal, "lb1", f"{PATH}.ecdsa"), kept(rehearsal, "lb1", f"{PATH}.rsa"):
            write(rehearsal, "lb1", f"{PATH}.ecdsa", ecdsa)
            write(rehearsal, "lb1", f"{PATH}.rsa", rsa)
            if not rsa:
                rehearsal.run("lb1", ["rm", f"{PATH}.rsa"])
            lines = told(applied, status=1)
            found.append(said(lines, "certificate", "lb1").splitlines())
    rehearsal.run("lb1", ["rmdir", "-p", "--ignore-fail-on-non-empty", folder])
    assert [f"{PATH}.ecdsa has expired on " in found[0][0], len(found[0])] == [True, 2]
    assert f"{PATH}.rsa expires in 10 days" in found[0][1]
    assert f"{PATH}.rsa is not for {applied.pings}. Have it made for them." in found[1]
    assert "has a key that is not the certificate's" in found[2][0]
    assert found[2][1] == f"{PATH}.rsa is not there: fab apply."


def test_names_that_lead_elsewhere_are_red(applied: Fleet, tmp_path: Path) -> None:
    lines = told(copied(applied, tmp_path, f'site = "{applied.site}"', 'site = "localhost"'), 1)
    assert "localhost leads to 127.0.0.1" in said(lines, "names", "fleet")
    assert applied.pings in said(lines, "names", "fleet", "note")


@pytest.mark.long
def test_a_mail_server_that_does_not_answer_is_red(
    applied: Fleet, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    world = rehearsal.lab.address(rehearsal.lab.host("world"))
    text = applied.path.read_text("utf-8")
    old = next((line for line in text.splitlines() if line.startswith("mail_server")), "lab = true")
    new = "" if old.startswith("mail_server") else f"{old}\n"
    copy = copied(applied, tmp_path, old, f'{new}mail_server = "{world}:2525"')
    unit = "stillhere-test-sink"
    refused = told(copy, status=1)
    start = ["systemd-run", "--quiet", f"--unit={unit}", "python3", "-c", SMTP_SINK]
    rehearsal.run("world", start)
    try:
        waits = f"until python3 -c 'import socket; socket.create_connection((\"{world}\", 2525))'"
        rehearsal.run("world", ["sh", "-c", f"{waits} 2>/dev/null; do sleep 0.1; done"])
        answered = told(copy)
    finally:
        rehearsal.run("world", ["systemctl", "stop", unit])
    for host in ("app1", "app2", "app3"):
        assert f"{world}:2525 does not answer" in said(refused, "mail", host)
        assert said(answered, "mail", host, "green") == f"{world}:2525 answers"


def test_an_application_server_that_is_not_well_is_red(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """A release that says nothing, as far as one can see from outside."""
    socket_unit = "stillhere-pages.socket"
    has_units = f"systemctl cat {socket_unit} >/dev/null 2>&1"
    assert "no release is there yet" in said(told(applied), "health", "app1", "note")
    try:
        rehearsal.run("app1", ["sh", "-c", f"! {has_units} || systemctl stop {socket_unit}"])
        write(rehearsal, "app1", MARK, "{}\n")
        lines = told(applied, status=1)
    finally:
        rehearsal.run("app1", ["rm", "-r", str(Path(MARK).parent)])
        rehearsal.run("app1", ["sh", "-c", f"! {has_units} || systemctl start {socket_unit}"])
    words = said(lines, "health", "app1").splitlines()
    assert len(words) == 5
    assert words[0].startswith("8080 /-/pages is not well: ")
    assert words[4].startswith("8101 /-/accepting is not well: ")
    assert "no release is there yet" in said(lines, "health", "app2", "note")


def test_every_application_server_logs_in_and_one_database_is_primary(
    applied: Fleet,
) -> None:
    lines = told(applied)
    assert said(lines, "database", "fleet", "green").startswith("db1 is primary, db2 standby")
    for host in ("app1", "app2", "app3"):
        assert said(lines, "database", host, "green") == "logs in at db1 and db2"


def test_a_wrong_password_a_wrong_port_and_a_missing_program_are_red(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """The last one is the incident: db1's firewall has 4322 for 5432, for one server."""
    port = str(POSTGRESQL.port)
    wrong = f"sed -i 's/[^:]*$/wrong/' {PASSWORD_FILE}"
    address = applied.host("app3").address
    rule = ["nft", "insert", "rule", "inet", "stillhere", "input", "ip", "saddr", address]
    psql = "/usr/bin/psql"
    with kept(rehearsal, "app1", PASSWORD_FILE), kept(rehearsal, "app2", psql):
        try:
            rehearsal.run("app1", ["sh", "-c", wrong])
            rehearsal.run("app2", ["rm", psql])
            rehearsal.run("db1", [*rule, "tcp", "dport", port, "drop"])
            lines = told(applied, status=1)
        finally:
            rehearsal.run("db1", ["nft", "--file", "/etc/nftables.conf"])
    assert "password authentication failed" in said(lines, "database", "app1")
    assert "psql (postgresql-client) is missing here" in said(lines, "database", "app2")
    assert f"does not get through to port {port} of db1" in said(lines, "database", "app3")


@pytest.mark.long
def test_a_database_that_was_stopped_is_red_everywhere(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.run("db1", ["systemctl", "stop", "postgresql@*"])
    try:
        lines = told(applied, status=1)
    finally:
        rehearsal.run("db1", ["systemctl", "restart", "postgresql"])  # it wants its clusters
    assert "PostgreSQL does not answer" in said(lines, "database", "db1")
    assert said(lines, "database", "fleet").startswith("none takes writes; db1 could not be asked")
    assert "nobody listens on port 5432 of db1" in said(lines, "database", "app2")
