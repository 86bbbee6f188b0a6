"""What a host says of itself to a doctor: against this machine and real servers on it."""

import contextlib
import hashlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.agent import examining
from tests.ops.self_signed import certificate


@contextmanager
def saying(answer: bytes) -> Iterator[int]:
    """Serve one connection: answer as soon as something was said, then hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1_000)
                line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def asked(port: int) -> examining.Answer:
    return examining.health("127.0.0.1", port, "/-/pages", "still.example.org")


def test_a_program_that_answers_tells_its_status() -> None:
    with saying(b"HTTP/1.1 503 Not now\r\nContent-Length: 0\r\n\r\n") as port:
        assert asked(port) == {"status": 503}


def test_a_program_that_is_away_or_speaks_no_http_is_an_answer_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    assert "refused" in asked(port)["said"]
    with saying(b"SSH-2.0-nonsense\r\n") as port:
        assert "said" in asked(port)


def test_files_that_are_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "sign").touch()
    paths = [str(tmp_path / "sign"), str(tmp_path / "other")]
    assert examining.there(paths) == {"there": [str(tmp_path / "sign")]}


def test_the_segments_of_each_journal_are_counted(tmp_path: Path) -> None:
    for slot, count in (("0", 2), ("1", 0)):
        (tmp_path / slot).mkdir()
        (tmp_path / slot / "id").write_text("{}", "utf-8")
        for number in range(count):
            (tmp_path / slot / f"{number:016d}.journal").write_bytes(bytes(10))
    (tmp_path / "no-journal").mkdir()
    assert examining.journals(str(tmp_path))["journals"] == [
        {"slot": "0", "segments": 2, "size_bytes": 20},
        {"slot": "1", "segments": 0, "size_bytes": 0},
    ]


def test_one_question_that_fails_spoils_no_other(tmp_path: Path) -> None:
    missing = {"about": "disks", "places": [str(tmp_path / "missing")]}
    answers = examining.examine(
        {"bad": missing, "good": {"about": "disks", "places": [str(tmp_path)]}}
    )["answers"]
    assert "missing" in answers["bad"]["failed"]
    (disk,) = answers["good"]["disks"]
    assert disk["size_bytes"] > disk["free_bytes"] > 0
    assert disk["path"] == str(tmp_path)


def test_a_mail_server_that_hangs_up_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    (answer,) = examining.examine({"mail": {"about": "mail", "host": "127.0.0.1", "port": port}})[
        "answers"
    ].values()
    assert "refused" in answer["failed"]
    assert smtplib.SMTP_SSL_PORT == 465


def test_a_mount_point_may_have_a_blank_in_its_name() -> None:
    assert examining.mount_points(b"tmpfs /var/a\\040b tmpfs rw 0 0\n") == ["/var/a b"]


def test_what_is_served_is_known_by_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "site.pem"
    path.write_text(certificate(60, "still.example.org"), "ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError), listener.accept()[0] as line:
                    context.wrap_socket(line, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        one = examining.served("127.0.0.1", port, "still.example.org", "ecdsa")
        other = examining.served("127.0.0.1", port, "still.example.org", "rsa")
        thread.join()
    body = ssl.PEM_cert_to_DER_cert(path.read_text("ascii").partition("-----BEGIN PRIV")[0])
    assert (one, other) == (hashlib.sha256(body).hexdigest(), "")
