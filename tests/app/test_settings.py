"""Settings as a process finds them that has just this environment."""

import json
import os
import stat
import subprocess
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from tests.app.settings_table import BEGIN, DOCUMENT, END, table
from tests.architecture.tree import ROOT

READ = """
import json, sys
from app import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def run(directory: Path, *names: str, **environment: str) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "STILLHERE_DATA_DIR": str(directory)} | environment
    command = [sys.executable, "-c", READ, *names]
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)


def read(directory: Path, *names: str, **environment: str) -> dict[str, Any]:
    done = run(directory, *names, **environment)
    assert done.returncode == 0, done.stderr
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def test_the_documented_table_is_what_the_program_reads() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert document.split(BEGIN)[1].split(END)[0] == table(), "`make docs` writes it anew"


def test_the_port_is_in_every_address(tmp_path: Path) -> None:
    assert read(tmp_path, "SITE_ROOT", "PING_ENDPOINT", PORT="8123") == {
        "SITE_ROOT": "http://localhost:8123",
        "PING_ENDPOINT": "http://localhost:8123/ping/",
    }


def test_a_public_address_makes_cookies_secure(tmp_path: Path) -> None:
    values = read(
        tmp_path, "SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", SITE_ROOT="https://s.example.org"
    )
    assert values == {"SESSION_COOKIE_SECURE": True, "SECURE_SSL_REDIRECT": True}


def test_the_secret_key_is_made_once_and_private(tmp_path: Path) -> None:
    directory = tmp_path / "var"
    first = read(directory, "SECRET_KEY")["SECRET_KEY"]
    assert len(first) >= 50
    assert read(directory, "SECRET_KEY")["SECRET_KEY"] == first
    assert stat.S_IMODE((directory / "secret_key").stat().st_mode) == 0o600


def test_processes_that_start_together_have_one_secret_key(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "STILLHERE_DATA_DIR": str(tmp_path / "var")}
    command = [sys.executable, "-c", READ, "SECRET_KEY"]
    together = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    answers = {process.communicate()[0] for process in together}
    assert len(answers) == 1
    assert b'""' not in answers.pop()


def test_a_relative_data_directory_is_below_the_checkout(tmp_path: Path) -> None:
    del tmp_path
    values = read(Path("build/test-var"), "DATA_DIR", SECRET_KEY="given")
    assert values["DATA_DIR"] == str(ROOT / "build/test-var")


def test_sockets_may_lie_elsewhere_than_the_data(tmp_path: Path) -> None:
    assert read(tmp_path, "RUN_DIR")["RUN_DIR"] == str(tmp_path / "run")
    elsewhere = read(tmp_path, "RUN_DIR", STILLHERE_RUN_DIR="/run/stillhere")
    assert elsewhere["RUN_DIR"] == "/run/stillhere"


def test_a_database_url_is_taken_apart(tmp_path: Path) -> None:
    url = "postgresql://ada:l%40ve@db1,db2:5433/still?sslmode=require"
    database = read(tmp_path, "DATABASES", DATABASE_URL=url)["DATABASES"]["default"]
    assert database["ENGINE"] == "app.postgresql"
    assert (database["NAME"], database["USER"], database["PASSWORD"]) == ("still", "ada", "l@ve")
    assert database["HOST"] == "db1,db2"
    assert database["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize("url", ["mysql://a:hunter2@b/c", "postgresql://a:hunter2@b/c?nonsense=1"])
def test_a_wrong_database_url_is_refused_without_its_password(tmp_path: Path, url: str) -> None:
    done = run(tmp_path, DATABASE_URL=url)
    assert done.returncode != 0
    assert "DATABASE_URL cannot be used" in done.stderr
    assert "hunter2" not in done.stderr


def test_manage_py_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "STILLHERE_DATA_DIR": str(tmp_path), "PORT": "x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "PORT='x' cannot be used: it has to be a whole number from 1 to 65535."
        " Change or unset it.\n"
    )


def test_tls_from_the_first_byte_turns_starttls_off(tmp_path: Path) -> None:
    names = ("EMAIL_USE_TLS", "EMAIL_USE_SSL")
    assert list(read(tmp_path, *names).values()) == [True, False]
    assert list(read(tmp_path, *names, EMAIL_USE_SSL="1").values()) == [False, True]
    both = run(tmp_path, EMAIL_USE_SSL="1", EMAIL_USE_TLS="1")
    assert "EMAIL_USE_SSL and EMAIL_USE_TLS are both on" in both.stderr


@pytest.mark.parametrize("name", ["Acme, Inc", "Foo <ops>", 'A"b'])
def test_any_site_name_makes_a_sender_that_can_be_read(tmp_path: Path, name: str) -> None:
    sender = read(tmp_path, "DEFAULT_FROM_EMAIL", SITE_NAME=name)["DEFAULT_FROM_EMAIL"]
    assert parseaddr(sender) == (name, "stillhere@localhost")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DEFAULT_FROM_EMAIL", "nobody"),
        ("SITE_ROOT", "https://still.example.org/below"),
        ("SITE_ROOT", "https://[::1"),
        ("STILLHERE_DATA_DIR", "/proc/nothing"),
    ],
)
def test_what_cannot_be_used_names_its_variable(tmp_path: Path, variable: str, value: str) -> None:
    done = run(tmp_path, **{variable: value})
    assert done.returncode
    assert f"{variable}=" in done.stderr.splitlines()[-1]


def test_a_command_finds_the_address_at_which_the_service_was_started(tmp_path: Path) -> None:
    names = ("PORT", "SITE_ROOT", "PING_ENDPOINT")
    said = {
        "PORT": "8765",
        "SITE_ROOT": "http://a.example:8765",
        "PING_ENDPOINT": "http://p.example",
    }
    (tmp_path / "address.json").write_text(json.dumps(said))
    assert list(read(tmp_path, *names).values()) == [8765, said["SITE_ROOT"], "http://p.example/"]
    assert (
        read(tmp_path, "SITE_ROOT", SITE_ROOT="http://b.example")["SITE_ROOT"] == "http://b.example"
    )
    (tmp_path / "address.json").write_text("nonsense")
    assert read(tmp_path, "PORT")["PORT"] == 8000
