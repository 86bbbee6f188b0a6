"""Which fleet does an operator mean? This is where a name becomes a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from ops.errors import InventoryError
from ops.inventory import read_fleet
from provisioning.fleet import Fleet

INVENTORIES = Path(__file__).parent.parent / "provisioning" / "inventory"
EXAMPLE = "example"
LAB_DIR = "/var/lib/stillhere-lab"


def find_fleet(name: str, environment: Mapping[str, str] = os.environ) -> Fleet:
    """Return the fleet of a name or of a file; no name means STILLHERE_FLEET or the only one.

    `lab` and `lab-PREFIX` are where `fab lab.up` has put them.
    """
    return read_fleet(_path(name or environment.get("STILLHERE_FLEET", ""), environment))


def lab_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the directory of all labs of this machine."""
    return Path(environment.get("STILLHERE_LAB_DIR", LAB_DIR))


def _path(name: str, environment: Mapping[str, str]) -> Path:
    if not name:
        return _the_only_one()
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    if name == "lab" or name.startswith("lab-"):
        path = lab_dir(environment) / name / "inventory.toml"
        if not path.exists():
            raise InventoryError(f"The fleet {name} is not up: there is no {path}. Try fab lab.up.")
        return path
    path = INVENTORIES / f"{name}.toml"
    if not path.exists():
        raise InventoryError(f"There is no fleet {name!r}: {path} does not exist. {_known()}")
    return path


def _the_only_one() -> Path:
    found = _described()
    if len(found) != 1:
        raise InventoryError(f"Which fleet? Say --fleet NAME or set STILLHERE_FLEET. {_known()}")
    return found[0]


def _known() -> str:
    names = ", ".join(path.stem for path in _described())
    return f"Described here: {names or 'none; copy example.toml in provisioning/inventory'}."


def _described() -> list[Path]:
    return sorted(path for path in INVENTORIES.glob("*.toml") if path.stem != EXAMPLE)
