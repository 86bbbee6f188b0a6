"""The lab's world, asked from the fleet's hosts as the fleet's programs will ask it."""

import email
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.lab import hosts, object_store, world
from ops.lab.plan import HOSTS, Lab
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab

LOOK_UP = """
import json, socket, sys
found = {}
for name in sys.argv[1:]:
    found[name] = sorted({each[4][0] for each in socket.getaddrinfo(name, 0)})
print(json.dumps(found))
"""
MAIL = """
import smtplib, sys
with smtplib.SMTP("mail.stillhere.test", 25, timeout=10) as server:
    server.sendmail("app@stillhere.test", ["ada@example.org"],
                    "Subject: db is down\\r\\n\\r\\n" + sys.argv[1])
"""


def test_every_host_and_every_public_name_is_found(lab: Lab, rehearsal: Rehearsal) -> None:
    names = [f"{host.name}.{world.ZONE}" for host in HOSTS]
    public = [world.ZONE, f"ping.{world.ZONE}"]
    said = rehearsal.run("client", ["python3", "-c", LOOK_UP, *names, *public])
    found = json.loads(said)
    for host in HOSTS:
        if host.name != "client":  # of itself it knows more
            assert found[f"{host.name}.{world.ZONE}"] == [lab.address(host), lab.address6(host)]
    balancers = [lab.host("lb1"), lab.host("lb2")]
    wanted = sorted(each(host) for host in balancers for each in (lab.address, lab.address6))
    assert [found[name] for name in public] == [wanted, wanted]


def test_who_has_the_key_changes_the_zone_and_nobody_else(lab: Lab, rehearsal: Rehearsal) -> None:
    rehearsal.run("client", ["apt-get", "-qq", "install", "--yes", "knot-dnsutils"])
    key = (lab.home / "zone-key").read_text()
    with_key = f"key {world.KEY_ALGORITHM}:{world.KEY_NAME} {key}\n"
    other = f"key {world.KEY_ALGORITHM}:{world.KEY_NAME} {'A' * len(key[:-1])}=\n"
    for given, value in (("", "nobody"), (other, "thief")):
        refused = _update(lab, given, f"add note.{world.ZONE}. 60 TXT {value}")
        assert refused.returncode != 0, value
    done = _update(lab, with_key, f"add note.{world.ZONE}. 60 TXT right")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        ask = ["kdig", "+short", f"@world.{world.ZONE}", f"note.{world.ZONE}", "TXT"]
        assert rehearsal.run("client", ask) == '"right"\n'
    finally:
        _update(lab, with_key, f"del note.{world.ZONE}. TXT")


def test_a_mail_is_kept_with_its_envelope(rehearsal: Rehearsal) -> None:
    rehearsal.run("client", ["python3", "-c", MAIL, "the body\r\n.\r\nwith a dot"])
    newest = rehearsal.run("world", ["sh", "-c", f"cat $(ls -d {world.MAIL}/*.eml | tail -1)"])
    kept = email.message_from_string(newest)
    assert kept["X-From"] == "app@stillhere.test"
    assert kept["X-To"] == "ada@example.org"
    assert kept["Subject"] == "db is down"
    assert str(kept.get_payload()).split() == ["the", "body", ".", "with", "a", "dot"]


def test_a_webhook_is_kept(lab: Lab, rehearsal: Rehearsal) -> None:
    post = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10"]
    post += ["--data", '{"down": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}']
    post += ["-H", "X-Test: hook", f"http://world.{world.ZONE}/hook?a=1"]
    assert rehearsal.run("client", post) == "200"
    newest = json.loads(rehearsal.run("world", ["tail", "-n", "1", world.REQUESTS]))
    assert (newest["method"], newest["path"]) == ("POST", "/hook?a=1")
    assert newest["headers"]["X-Test"] == "hook"
    assert newest["body"] == '{"down": "caf\N{LATIN SMALL LETTER E WITH ACUTE}"}'
    client = lab.host("client")
    assert newest["from"] in (lab.address(client), lab.address6(client))


def test_the_acme_server_shows_a_certificate_of_the_labs_own_authority(
    lab: Lab, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    # By curl of the machine: it is told where the name is, and checks it all the same.
    where = f"world.{world.ZONE}:{world.ACME_PORT}:{lab.address(lab.host('world'))}"
    ask = ["curl", "-sS", "--max-time", "10", "--resolve", where, world.ACME_DIRECTORY]
    asked = [*ask, "--cacert", str(lab.home / "acme-authority.pem")]
    answer = json.loads(subprocess.check_output(asked, timeout=20))
    assert answer["newOrder"].startswith(f"https://world.{world.ZONE}:{world.ACME_PORT}/")
    assert subprocess.run(ask, capture_output=True, timeout=20, check=False).returncode == 60


def test_backups_are_stored_by_one_who_can_neither_read_nor_delete_them(lab: Lab) -> None:
    def asked(who: str, verb: str, key: str, *more: str) -> str:
        """Return the status of a request by one of the three."""
        user = ":".join(object_store.credentials(lab, who))
        url = f"{world.S3_ENDPOINT}/{object_store.BUCKET}/{key}"
        ask = ["curl", "-sSk", "-m", "10", "--config", "-", "-X", verb, *more]
        ask += ["-o", "/dev/null", "-w", "%{http_code}"]
        ask += ["--aws-sigv4", f"aws:amz:{object_store.REGION}:s3", url]
        return hosts.execute(lab, lab.host("client"), ask, stdin=f'user = "{user}"\n').stdout

    key = f"{object_store.PREFIX}dumps/one"
    locked = datetime.now(UTC) + timedelta(hours=1)
    lock = ["-H", "x-amz-object-lock-mode: COMPLIANCE"]
    lock += ["-H", f"x-amz-object-lock-retain-until-date: {locked:%Y-%m-%dT%H:%M:%SZ}"]
    assert asked(object_store.WRITER, "PUT", key, "--data-binary", "one", *lock) == "200"
    refused = {verb: asked(object_store.WRITER, verb, key) for verb in ("GET", "DELETE")}
    assert refused == {"GET": "403", "DELETE": "403"}
    assert asked(object_store.WRITER, "PUT", "dumps/one", "--data-binary", "one") == "403"
    assert asked(object_store.KEEPER, "GET", key) == "200"
    assert asked(object_store.KEEPER, "PUT", key, "--data-binary", "two") == "403"
    record = f"{object_store.PREFIX}verified/dumps/one.json"
    assert asked(object_store.KEEPER, "PUT", record, "--data-binary", "{}") == "200"


def test_the_world_is_there_again_after_its_power_was_cut(
    troubled_lab: Lab, rehearsal: Rehearsal
) -> None:
    rehearsal.kill("world")
    rehearsal.start("world")  # waits for its services, too
    listening = rehearsal.run("world", ["ss", "-Hltn"])
    for port in (25, 53, 80, world.ACME_PORT, object_store.PORT):
        assert f":{port} " in listening


def _update(lab: Lab, key: str, change: str) -> subprocess.CompletedProcess[str]:
    words = f"server world.{world.ZONE}\n{key}zone {world.ZONE}.\n{change}\nsend\n"
    command = ["knsupdate", "-t", "10"]
    return hosts.execute(lab, lab.host("client"), command, stdin=words)
