"""Starting and stopping as a person sees it."""

import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.e2e.service import Service, new_service, wait_for

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_a_second_start_continues(
    service: Service, how: signal.Signals
) -> None:
    assert service.output().count("/sign-in/link/") == 1
    assert service.output().count("curl -fsS http://localhost:") == 1
    access = service.bootstrap()
    assert service.ping(f"{access['ping_key']}/job?create=1") == "Created"
    children = [psutil.Process(pid) for pid in service.all_pids()]
    assert service.stop(how) == 0
    assert not [child for child in children if is_alive(child)]
    assert "Traceback" not in service.output()

    service.start()
    assert service.bootstrap() == access | {
        "api_key": None,
        "api_key_readonly": None,
        "ping_key": None,
    }
    assert service.ping(f"{access['ping_key']}/job") == "OK"


def is_alive(process: psutil.Process) -> bool:
    """Return False also for a process that is dead and not yet collected by its new parent."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_second_instance_says_where_the_first_is(service: Service, tmp_path: Path) -> None:
    assert service.process is not None
    second = Service(tmp_path / "var", service.port, service.environment | {"PORT": "1"})
    second.launch()
    assert second.process is not None
    assert second.process.wait(10) == 1
    assert "It runs already" in second.output()
    assert f"pid {service.process.pid}, http://localhost:{service.port}" in second.output()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path, address: str) -> None:
    with new_service(tmp_path) as service:
        service.data_dir.parent.mkdir(exist_ok=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as stranger:
            stranger.bind((address, service.port))
            stranger.listen()
            service.launch()
            assert service.process is not None
            assert service.process.wait(10) == 1
            service.process = None
        assert f"Port {service.port} on {address} is taken by" in service.output()
        assert not (service.data_dir / "stillhere.sqlite3").exists()


def test_both_loopback_addresses_answer(service: Service) -> None:
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, service.port), timeout=5) as connection:
            connection.sendall(b"GET /ping/nothing HTTP/1.0\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.")


def test_ctrl_c_while_it_starts_is_clean_too(tmp_path: Path) -> None:
    with new_service(tmp_path) as service:
        service.launch()
        assert service.process is not None
        wait_for(lambda: (service.data_dir / "run").exists(), "the data directory")
        assert service.stop() == 0
        assert "Traceback" not in service.output()


def test_everything_in_the_data_directory_is_private(service: Service) -> None:
    open_to_others = [
        path
        for path in [service.data_dir, *service.data_dir.rglob("*")]
        if path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
