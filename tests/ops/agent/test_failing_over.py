"""What a fence lets through, and what a host keeps of a failover."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.agent import failing_over, proving
from ops.agent.commands import Failed
from tests.architecture.tree import ROOT

# In a network of its own: an application at 127.0.0.2 and ::1, a database host at 127.0.0.3.
FENCED = """
import socket, subprocess, sys
from ops.agent.failing_over import rules

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

def listener(family, address):
    found = socket.socket(family)
    found.bind((address, 5432))
    found.listen()
    return found

servers = [listener(socket.AF_INET, "127.0.0.1"), listener(socket.AF_INET6, "::1")]

def line_from(address):
    family, port = (socket.AF_INET6, "::1") if ":" in address else (socket.AF_INET, "127.0.0.1")
    line = socket.socket(family)
    line.settimeout(5)
    line.bind((address, 0))
    line.connect((port, 5432))
    return line

def said(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "through"

old = line_from("127.0.0.2")
text = rules(["127.0.0.2", "::1"], 5432).encode()
for _ in range(2):  # twice is once
    subprocess.run(["nft", "--file", "-"], input=text, check=True)

def use_old():
    old.sendall(b"COMMIT")
    old.recv(1)

print(said(use_old), *(said(lambda: line_from(one)) for one in ("127.0.0.2", "::1", "127.0.0.3")))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network of its own")
def test_a_fence_resets_applications_old_connections_too_and_nobody_else() -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", FENCED],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout.split() == [
        "ConnectionResetError",
        "ConnectionRefusedError",
        "ConnectionRefusedError",
        "through",
    ], done.stderr


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the host keeps its files."""
    for name in ("ROLE_MARKER", "PROCEDURE"):
        monkeypatch.setattr(failing_over, name, str(tmp_path / f"{name.lower()}.json"))
    return tmp_path


def test_a_failover_is_kept_until_it_is_forgotten(home: Path) -> None:
    assert failing_over.procedure() == {"procedure": None}
    failing_over.keep_procedure({"step": "stop"}, "test")
    assert failing_over.procedure() == {"procedure": {"step": "stop"}}
    failing_over.keep_procedure({}, "test")
    failing_over.keep_procedure({}, "test")
    assert list(home.iterdir()) == []


def test_a_failover_that_cannot_be_read_is_not_taken_for_none(home: Path) -> None:
    (home / "procedure.json").write_text("{")
    with pytest.raises(Failed, match="is no JSON"):
        failing_over.procedure()


def test_a_role_is_kept_with_who_and_why(home: Path) -> None:
    failing_over.set_role("fenced", "anna@desk", "failover from db1 to db2")
    kept = json.loads((home / "role_marker.json").read_text())
    assert (kept["role"], kept["by"], kept["why"]) == (
        "fenced",
        "anna@desk",
        "failover from db1 to db2",
    )
    assert (home / "role_marker.json").stat().st_mode & 0o777 == 0o644


def test_hosts_and_options_of_a_database_url_are_told_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "app.env"
    monkeypatch.setattr(proving, "SETTINGS", str(settings))
    assert proving.database_url() == {"lacks": f"DATABASE_URL in {settings}"}
    url = (
        "postgresql://stillhere:secret@192.0.2.31:5432,192.0.2.32:5432/stillhere?connect_timeout=2"
    )
    settings.write_text(f"SITE=x\nDATABASE_URL={url}\n")
    assert proving.database_url() == {
        "hosts": ["192.0.2.31:5432", "192.0.2.32:5432"],
        "options": {"connect_timeout": "2"},
    }
