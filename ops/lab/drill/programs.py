"""Programs of ours on hosts of the lab: this is where one is started, and told to end."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ops.errors import LabError
from ops.lab import hosts
from ops.lab.plan import Lab

TRAFFIC, WRITER = "traffic.py", "writer.py"
END_SECONDS = 60.0


@dataclass(slots=True)
class Said:
    """What a program says at its end; nothing before."""

    values: dict[str, Any] = field(default_factory=dict)


@contextmanager
def running(
    lab: Lab, host: str, program: str, asked: Any, by: Sequence[str] = ("python3",)
) -> Iterator[Said]:
    """Have a program of this folder run on a host. LabError when it says nothing at its end.

    It reads a line of JSON, works until another line comes or the end of stdin, and says
    a line of JSON. `by`: the command that it is the last argument of.
    """
    text = Path(__file__).with_name(program).read_text("utf-8")
    path = f"/run/{program}"
    # For any user of the host.
    put = ["sh", "-c", f"umask 022; cat > {path}"]
    hosts.execute(lab, lab.host(host), put, stdin=text, timeout_seconds=30)
    said = Said()
    process = subprocess.Popen(
        [*_ssh(lab, host), *by, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin
        with suppress(BrokenPipeError):  # its answer is then missing, too
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        yield said
    finally:
        out = _ended(process)
    try:
        said.values = json.loads(out)
    except ValueError:
        raise LabError(
            f"{program} on {host} ended with {process.returncode} and said {out!r}."
        ) from None


def _ended(process: "subprocess.Popen[str]") -> str:
    try:
        return process.communicate("over\n", timeout=END_SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]


def _ssh(lab: Lab, host: str) -> list[str]:
    options = ["BatchMode=yes", f"UserKnownHostsFile={lab.home / 'known_hosts'}"]
    given = [part for option in options for part in ("-o", option)]
    to = f"root@{lab.address(lab.host(host))}"
    return ["ssh", *given, "-i", str(lab.home / "id_ed25519"), to]
