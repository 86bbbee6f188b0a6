"""What hosts run by themselves: this is where its text lies on them, readable by every account.

LIBRARY/                        programs in other languages, by their names
LIBRARY/provisioning/programs/  those in Python, as they are in this repository
"""

from importlib.resources import files

from provisioning.render import render
from provisioning.resources import Directory, File, Resource

LIBRARY = "/usr/local/lib/stillhere"
_PROGRAMS = f"{LIBRARY}/provisioning/programs"


def places() -> tuple[Resource, ...]:
    """Return the directories."""
    return (Directory(LIBRARY), Directory(f"{LIBRARY}/provisioning"), Directory(_PROGRAMS))


def program(name: str) -> File:
    """Return a file of provisioning/programs, where Python finds it."""
    text = files("provisioning").joinpath("programs", name).read_text("utf-8")
    return File(f"{_PROGRAMS}/{name}", text)


def shell_program(name: str) -> File:
    """Return a template without values as a program of that name."""
    return File(f"{LIBRARY}/{name}", render(name), mode=0o755)
