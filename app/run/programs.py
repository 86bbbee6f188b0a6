"""The processes of one machine: this is where each has its command line.

Pure: returns the configuration of the supervisor library as text.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.run.instance import INHERITED_FROM

_PAGES = "python:app.run.gunicorn_conf"


@dataclass(frozen=True, slots=True)
class Program:
    """One process that the supervisor keeps."""

    name: str
    command: Sequence[str]
    is_kept: bool = True  # started again when it ends


def programs(python: str) -> list[Program]:
    """Return every process of the service on one machine, in the order of starting."""
    return [
        Program("receiver", [python, "-m", "app.pings.receiver"]),
        Program("drain", [python, "manage.py", "drain"]),
        Program(
            "pages",
            [python, "-m", "gunicorn", "--config", _PAGES, "app.wsgi:application"],
        ),
        Program("notifier", [python, "manage.py", "notifier"]),
        Program("welcome", [python, "-m", "app.run.welcome"], is_kept=False),
    ]


def configuration(kept: Sequence[Program], base_dir: Path, run_dir: Path, user: str | None) -> str:
    """Return the supervisor's configuration file; `user` is named only for root."""
    sections = [
        "[supervisord]",
        "nodaemon = true",
        "silent = true",
        "logfile = /dev/null",
        "logfile_maxbytes = 0",
        f"pidfile = {_literal(run_dir / 'supervisor.pid')}",
        f"childlogdir = {_literal(run_dir)}",
        "nocleanup = true",
        # Not what we need, but what it closes in children: instance.py.
        f"minfds = {INHERITED_FROM}",
        "minprocs = 1",
        *([f"user = {user}"] if user else []),
        "",
        # One group: all are told to stop at the same time.
        "[group:stillhere]",
        f"programs = {','.join(program.name for program in kept)}",
    ]
    for program in kept:
        sections += _program(program, base_dir)
    return "\n".join(sections) + "\n"


def _program(program: Program, base_dir: Path) -> list[str]:
    return [
        "",
        f"[program:{program.name}]",
        f"command = {_literal(shlex.join(program.command))}",
        f"directory = {_literal(base_dir)}",
        f"autorestart = {'true' if program.is_kept else 'false'}",
        f"startsecs = {1 if program.is_kept else 0}",
        "startretries = 1000000000",  # there is nobody to start it by hand
        "stopsignal = TERM",
        "stopwaitsecs = 3",
        "killasgroup = true",
        "umask = 077",
        "redirect_stderr = true",
        "stdout_logfile = NONE",
        "stdout_events_enabled = true",
    ]


def _literal(value: object) -> str:
    """Escape what the file's format would replace."""
    return str(value).replace("%", "%%")
