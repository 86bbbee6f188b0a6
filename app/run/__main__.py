"""Start everything: `make run` ends up here.

Imports no Django, so that the supervisor stays small.
"""

import getpass
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from app import env, parent_death
from app.run import instance, port, programs, supervise

_LONGEST_SOCKET_PATH = 107


class StartError(Exception):
    """The service cannot start; says why and what to do."""


def main(arguments: list[str]) -> int:
    """Run the service until it is told to stop; return the exit status."""
    os.umask(0o077)  # everything in the data directory is private
    told = supervise.ToldToStop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    if "--end-with-parent" in arguments:
        parent_death.end_with_parent(os.getppid(), signal.SIGTERM)
    try:
        _run(told)
    except (StartError, env.SettingError) as error:
        sys.stderr.write(f"Stillhere cannot start. {error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _run(told: supervise.ToldToStop) -> None:
    _forget_the_last_address()
    from app import settings  # here, because the environment may be wrong

    _make_directories(settings.DATA_DIR, settings.RUN_DIR)
    description = f"pid {os.getpid()}, {settings.SITE_ROOT}, data in {settings.DATA_DIR}"
    claim = instance.claim(settings.RUN_DIR, description)
    if isinstance(claim, instance.Running):
        raise StartError(f"It runs already: {claim.description}.")
    problem = port.problem(settings.HOST, settings.PORT)
    if problem:
        raise StartError(problem)
    said = {name: getattr(settings, name) for name in ("PORT", "SITE_ROOT", "PING_ENDPOINT")}
    (settings.DATA_DIR / "address.json").write_text(json.dumps(said), "utf-8")

    os.environ |= {parent_death.SUPERVISOR_PID: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    _prepare(settings.BASE_DIR)
    configuration = settings.RUN_DIR / "supervisor.conf"
    user = getpass.getuser() if os.geteuid() == 0 else None
    kept = programs.programs(sys.executable)
    configuration.write_text(
        programs.configuration(kept, settings.BASE_DIR, settings.RUN_DIR, user), "utf-8"
    )
    supervise.supervise(configuration, told)


def _forget_the_last_address() -> None:
    """Say what was not said, so that nobody takes what was said at the last start."""
    root = "http://localhost:{PORT}"
    for name, default in {
        "PORT": "8000", "SITE_ROOT": root, "PING_ENDPOINT": "{SITE_ROOT}/ping",
    }.items():  # fmt: skip
        if os.environ.get(f"{name}_FILE"):
            return  # the rest follows from it, in settings
        os.environ[name] = os.environ.get(name) or default.format_map(os.environ)


def _make_directories(data_dir: Path, run_dir: Path) -> None:
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        run_dir.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        message = f"The data directory cannot be made: {error}. Set STILLHERE_DATA_DIR."
        raise StartError(message) from None
    if len(os.fsencode(run_dir / "notifier.wake")) > _LONGEST_SOCKET_PATH:
        message = f"The path {run_dir} is too long for a Unix socket. Set STILLHERE_DATA_DIR."
        raise StartError(message)


def _prepare(base_dir: Path) -> None:
    """Bring the database up to date in a process of its own: Django stays out of this one."""
    command = [sys.executable, "-m", "app.run.prepare"]
    # A group of its own: Ctrl-C is for us, and we end it.
    done = subprocess.run(command, cwd=base_dir, process_group=0, check=False)
    if done.returncode:
        raise StartError("The database could not be prepared; the reason is above.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
