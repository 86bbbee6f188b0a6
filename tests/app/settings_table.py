"""docs/settings.md: this is where its table is made of what the program reads.

python -m tests.app.settings_table      writes it anew (make docs)
"""

import json
import os
import subprocess
import sys
import tempfile

from tests.architecture.tree import ROOT

DOCUMENT = ROOT / "docs" / "settings.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"

# Defaults that depend on other variables or on the machine, in words.
_DERIVED = {
    "PORT": "`8000`; for commands, that of the last `make run`",
    "EMAIL_USE_TLS": "`1`, unless EMAIL_USE_SSL",
    "SITE_ROOT": "`http://localhost:$PORT`",
    "PING_ENDPOINT": "`$SITE_ROOT/ping`",
    "SERVER_NAME": "the machine's name",
    "ALLOWED_HOSTS": "the host of SITE_ROOT, and this machine's loopback names",
    "DEFAULT_FROM_EMAIL": "`$SITE_NAME <stillhere@localhost>`",
}
_READ = """
import dataclasses, json
from app import env, settings
print(json.dumps([dataclasses.asdict(one) for one in env.VARIABLES.values()]))
"""


def table() -> str:
    """Return the table as the document has it between its marks."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for variable in _variables():
        name, meaning = variable["name"], variable["meaning"].replace("|", "\\|")
        given = f"`{variable['default']}`" if variable["default"] else ""
        rows.append(f"| `{name}` | {_DERIVED.get(name, given)} | {meaning} |")
    return "\n".join(rows) + "\n"


def _variables() -> list[dict[str, str]]:
    """Return what a process reads whose environment sets nothing."""
    with tempfile.TemporaryDirectory() as directory:
        environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "unused", "HOME": directory}
        read = subprocess.check_output(
            [sys.executable, "-c", _READ], cwd=ROOT, env=environment, text=True
        )
    variables: list[dict[str, str]] = json.loads(read)
    return variables


def main() -> None:
    """Write the table into the document."""
    before, rest = DOCUMENT.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(before + BEGIN + table() + END + after, "utf-8")


if __name__ == "__main__":
    main()
