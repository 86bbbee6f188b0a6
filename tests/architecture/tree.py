"""The files of the repository, as tests of their shape see them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is in git or would be, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.check_output(command, cwd=ROOT, text=True).split("\0")
    return tuple(sorted({Path(name) for name in names if name and (ROOT / name).is_file()}))


def modules() -> list[Path]:
    """Return our Python modules; migrations are generated."""
    return [path for path in files() if path.suffix == ".py" and "migrations" not in path.parts]
