"""What every host would get, as files that are reviewed like code.

python -m tests.provisioning.goldens      writes them anew (make golden)

    golden/<host>/RESOURCES       all resources in their order, one a line; commands as they are
    golden/<host>/<path>          each file; of a secret one there is only the line above
    golden/all/<path>             a file that is the same on every host
    golden/debian-12/...          what differs from the above on the older Debian
"""

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

from provisioning.resources import Command, File, Resource
from provisioning.roles.base import ROOT_HOME
from tests.provisioning.described import described_fleet, machines, resources

GOLDEN = Path(__file__).parent / "golden"
NEWEST, OLDER = "13", "12"


def wanted() -> dict[str, str]:
    """Return the golden files, by their path."""
    newest, older = _of_release(NEWEST), _of_release(OLDER)
    differing = {path: text for path, text in older.items() if newest.get(path) != text}
    return newest | {f"debian-{OLDER}/{path}": text for path, text in differing.items()}


def written() -> dict[str, str]:
    """Return the golden files that are there."""
    return {
        str(path.relative_to(GOLDEN)): path.read_text("utf-8")
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }


def main() -> None:
    """Write them all anew."""
    shutil.rmtree(GOLDEN, ignore_errors=True)
    for name, text in wanted().items():
        path = GOLDEN / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _of_release(debian: str) -> dict[str, str]:
    """Return the files of one host a role, and of each that differs from those of its role."""
    fleet = described_fleet()
    known = machines(fleet, debian)
    found = {
        host.name: _of_host(resources(fleet, host.name, known))
        for host in fleet.hosts
        if host.name not in ("lb2", "app2", "app3")  # as the first of their role
    }
    first, *others = found.values()
    shared = {
        path: text
        for path, text in first.items()
        if all(other.get(path) == text for other in others)
    }
    own = {
        f"{host}/{path}": text
        for host, files in found.items()
        for path, text in files.items()
        if path not in shared
    }
    return {f"all/{path}": text for path, text in shared.items()} | own


def _of_host(described: tuple[Resource, ...]) -> dict[str, str]:
    lines = "".join(f"{_line(each)}\n" for each in described)
    found = {"RESOURCES": lines.replace(f"{ROOT_HOME}/", "~root/")}
    for each in described:
        if isinstance(each, File) and each.content is not None and not each.secret:
            found[each.path.lstrip("/")] = each.content
    return found


def _line(resource: Resource) -> str:
    """Return the resource in a line: what it is, and what of it is not as it mostly is."""
    words = [resource.key]
    for field in fields(resource):
        value = getattr(resource, field.name)
        if field.name in ("path", "name", "content", "stdin") or value == field.default:
            continue
        words.append(f"{field.name}={_said(field.name, value)}")
    if isinstance(resource, File) and resource.content is None:
        words.append("gone")
    if isinstance(resource, Command):
        return "\n    ".join("\n".join(words).rstrip().splitlines()).replace("\n    \n", "\n\n")
    return "  ".join(words)


def _said(name: str, value: Any) -> str:
    if name == "mode":
        return f"{value:04o}"
    return " ".join(value) if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    main()
