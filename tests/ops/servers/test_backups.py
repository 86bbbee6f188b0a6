"""What hosts have for backups, on real ones: WAL that is kept, keys that are apart, timers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioning import backups
from provisioning.backups import ON_DATABASES, ON_THE_OBSERVER, Timer
from provisioning.fleet import Fleet
from provisioning.programs.reporting import SETTINGS as REPORTS
from provisioning.releases import CURRENT
from tests.ops.deploy.stage import Stage
from tests.ops.operator import EMPTY, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.databases import rows, wait_for

pytestmark = pytest.mark.lab
SPOOLED = f"find {backups.SPOOL} -type f -name '0*' | wc -l"
STANDBY = "SELECT pg_is_in_recovery()"
ARCHIVED = "SELECT archived_count, failed_count FROM pg_stat_archiver"
# In place of a release: says who it is and what it can do, and ends badly.
PRYING = """
import os, pwd, sys
print("I am", pwd.getpwuid(os.getuid()).pw_name, *sys.argv[1:])
for path in ("/etc/stillhere/timers.json", "/etc/shadow"):
    try:
        open(path).close()
        print("read", path)
    except OSError:
        pass
for path in ("/etc/x", "/var/lib/x", "/srv/stillhere/x", "/var/lib/postgresql/stillhere-wal/x"):
    try:
        open(path, "w").close()
        os.unlink(path)
        print("wrote", path)
    except OSError:
        pass
sys.exit(3)
"""
# Stands for the service: keeps the one ping that comes.
LISTENING = """
import http.server
class Ping(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        open("/run/ping.new", "w").write(self.path + "\\n" + said)
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 8999), Ping)
open("/run/ping.new", "w").close()
server.handle_request()
"""


def archived(rehearsal: Rehearsal, host: str) -> tuple[int, int]:
    ((done, failed),) = (line.split("|") for line in rows(rehearsal, host, ARCHIVED))
    return int(done), int(failed)


def test_both_databases_keep_all_wal_for_who_ships_it(applied: Fleet, rehearsal: Rehearsal) -> None:
    """The standby, too: what its primary had not shipped is not lost with it."""
    before = {host: archived(rehearsal, host) for host in ("db1", "db2")}
    rows(rehearsal, "db1", "SELECT pg_switch_wal() FROM pg_logical_emit_message(true, 'a', 'b')")
    for host, (done, failed) in before.items():
        wait_for(lambda h=host, d=done: archived(rehearsal, h)[0] > d, f"WAL of {host}")  # type: ignore[misc]
        assert archived(rehearsal, host)[1] == failed
        assert rehearsal.run(host, ["sh", "-c", SPOOLED]).strip() != "0"
    refused = f"runuser -u stillhere -- ls {backups.SPOOL} 2>&1 || true"
    assert "Permission denied" in rehearsal.run("db1", ["sh", "-c", refused])


def test_a_base_backup_can_be_taken_by_the_databases_own_account(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    take = "runuser -u postgres -- pg_basebackup -D - -Ft -X fetch --checkpoint=fast | tar -t"
    assert "backup_label" in rehearsal.run("db2", ["sh", "-c", take])


def test_the_drills_key_is_with_the_drill_alone(applied: Fleet, rehearsal: Rehearsal) -> None:
    ask = f"gpg --homedir {backups.GNUPG_HOME} --batch --with-colons --list-secret-keys"
    end = f"gpgconf --homedir {backups.GNUPG_HOME} --kill all"
    as_drill = f"runuser -u {backups.KEEPER} --"
    known = rehearsal.run("obs1", ["sh", "-c", f"{as_drill} {ask}; {as_drill} {end}"])
    assert "drill@stillhere.test" in known
    private = f"{backups.DRILL_KEY} {backups.PASSPHRASE} /etc/stillhere/backup-keeper.toml"
    for account in ("stillhere", "stillhere-watchdog"):
        tried = f"runuser -u {account} -- cat {private} 2>/dev/null | wc -c"
        assert rehearsal.run("obs1", ["sh", "-c", tried]).strip() == "0"
    for host in ("db1", "db2", "app1", "lb1"):
        there = f"ls {private} 2>/dev/null; grep -rl 'PRIVATE KEY BLOCK' /etc /var/lib || true"
        assert rehearsal.run(host, ["sh", "-c", there]) == ""


def test_timers_wait_on_the_hosts_that_they_are_for(applied: Fleet, rehearsal: Rehearsal) -> None:
    wanted: dict[str, tuple[Timer, ...]] = {"db1": ON_DATABASES, "db2": ON_DATABASES}
    wanted |= {"obs1": ON_THE_OBSERVER, "app1": (), "lb1": ()}
    for host, timers in wanted.items():
        ask = ["systemctl", "list-units", "--plain", "--no-legend", "stillhere-backup*.timer"]
        shown = rehearsal.run(host, ask).splitlines()
        assert sorted(line.split()[0] for line in shown) == sorted(
            f"stillhere-{timer.name}.timer" for timer in timers
        )
        assert {line.split()[2] for line in shown} <= {"active"}


@contextmanager
def in_place_of_a_release(rehearsal: Rehearsal, host: str, text: str) -> Iterator[None]:
    """Put a program where the release would have its own."""
    make = f"mkdir -p /srv/stillhere/releases/x/backups && ln -sfn releases/x {CURRENT}"
    rehearsal.run(host, ["sh", "-c", f"test ! -e {CURRENT} && {make}"])
    path = f"{CURRENT}/backups/__main__.py"
    rehearsal.run(host, ["sh", "-c", f'printf %s "$0" > {path} && chmod -R a+rX /srv', text])
    try:
        yield
    finally:
        rehearsal.run(host, ["sh", "-c", f"rm -r {CURRENT} /srv/stillhere/releases/x"])


@contextmanager
def reports_to(rehearsal: Rehearsal, host: str, pings: str) -> Iterator[None]:
    """Let the timers of a host report there."""
    before = rehearsal.run(host, ["cat", REPORTS])
    write = ["sh", "-c", f'printf %s "$0" > {REPORTS}']
    rehearsal.run(host, [*write, json.dumps({"pings": pings, "host": host})])
    try:
        yield
    finally:
        rehearsal.run(host, [*write, before])


def test_a_unit_is_shut_in_and_its_check_hears_how_it_ended(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """Its account reads no key of the service; what reports does."""
    listen = ["systemd-run", "--quiet", "--unit=listening", "--collect", "python3", "-c", LISTENING]
    with (
        in_place_of_a_release(rehearsal, "db2", PRYING),
        reports_to(rehearsal, "db2", "http://127.0.0.1:8999/ping/key"),
    ):
        rehearsal.run("db2", listen)
        wait_for(lambda: "ping.new" in rehearsal.run("db2", ["ls", "/run"]), "who listens")
        rehearsal.run("db2", ["sh", "-c", "systemctl start stillhere-backup-base || true"])
        run = "_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID stillhere-backup-base)"
        said = rehearsal.run("db2", ["sh", "-c", f"journalctl -o cat {run}"])
        rehearsal.run("db2", ["systemctl", "reset-failed", "stillhere-backup-base"])
    assert [line for line in said.splitlines() if line.startswith(("I am", "read", "wrote"))] == [
        "I am postgres run --base",
        f"wrote {backups.SPOOL}/x",
    ]
    heard = rehearsal.run("db2", ["sh", "-c", "cat /run/ping.new && rm /run/ping.new"])
    assert heard.splitlines() == [
        "/ping/key/backup-base-db2/fail?create=1",
        "SERVICE_RESULT=exit-code",
        "EXIT_CODE=exited",
        "EXIT_STATUS=3",
    ]
    assert shown_plan(applied).returncode == EMPTY


@pytest.mark.long
def test_every_unit_does_its_work_in_its_sandbox(deployed: Stage) -> None:
    """As their timers start them, one after the other."""
    rehearsal = deployed.rehearsal
    standby = next(h for h in ("db1", "db2") if rows(rehearsal, h, STANDBY) == ["t"])
    rows(rehearsal, {"db1": "db2", "db2": "db1"}[standby], "SELECT pg_switch_wal()")
    for host, timers in ((standby, ON_DATABASES), ("obs1", ON_THE_OBSERVER)):
        for timer in timers:
            unit = f"stillhere-{timer.name}.service"
            start = f"systemctl start {unit} || journalctl -u {unit} -o cat -n 30"
            said = rehearsal.run(host, ["sh", "-c", start])
            assert said == "", f"{unit} on {host}"
    assert rehearsal.run(standby, ["sh", "-c", SPOOLED]).strip() == "0"
    shown = rehearsal.run("obs1", ["cat", str(Path(backups.FIGURES) / "backups.prom")])
    assert 'stillhere_backup_verified_timestamp_seconds{kind="dump"}' in shown
    assert shown_plan(deployed.fleet).returncode == EMPTY
