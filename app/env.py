"""Typed readers of the environment: this is where we parse settings at the edge.

Every reader registers what it read in `VARIABLES`, which docs/settings.md is
compared with. A variable NAME may be given as NAME_FILE instead: the path of a
file that holds the value (for secrets). Giving both is an error.

    SettingError    a variable that is wrong: says which, why and what to do
"""

import ipaddress
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class SettingError(Exception):
    """A variable of the environment has a value that we cannot use."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable that the program reads, as the settings table shows it."""

    name: str
    default: str
    meaning: str


VARIABLES: dict[str, Variable] = {}


def text(name: str, default: str, meaning: str) -> str:
    """Return the variable as it stands, without white space around it."""
    VARIABLES[name] = Variable(name, default, meaning)
    return _raw(name) or default


def whole(name: str, default: int, meaning: str, *, least: int = 0, most: int = 2**62) -> int:
    """Return a whole number in [least, most]."""

    def parse(raw: str) -> int:
        number = int(raw)
        if not least <= number <= most:
            raise ValueError
        return number

    return _parsed(name, str(default), meaning, parse, f"a whole number from {least} to {most}")


def flag(name: str, default: bool, meaning: str) -> bool:
    """Return True for 1, true, yes, on; False for 0, false, no, off."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    shown = "1" if default else "0"
    return _parsed(name, shown, meaning, lambda raw: words[raw.lower()], "1 or 0")


def choice(name: str, default: str, among: tuple[str, ...], meaning: str) -> str:
    """Return one of the words that are allowed, in lower case."""

    def parse(raw: str) -> str:
        return among[among.index(raw.lower())]

    return _parsed(name, default, meaning, parse, f"one of {', '.join(among)}")


def names(name: str, default: str, meaning: str) -> list[str]:
    """Return a comma-separated list."""
    return [item.strip() for item in text(name, default, meaning).split(",") if item.strip()]


def networks(name: str, default: str, meaning: str) -> tuple[Network, ...]:
    """Return a comma-separated list of addresses and networks."""

    def parse(raw: str) -> tuple[Network, ...]:
        return tuple(ipaddress.ip_network(item.strip()) for item in raw.split(",") if item.strip())

    return _parsed(name, default, meaning, parse, "addresses or networks, as in 10.0.0.0/8,::1")


def url(name: str, default: str, meaning: str) -> str:
    """Return an http or https address without a slash at its end, its scheme in lower case."""

    def parse(raw: str) -> str:
        parts = urlsplit(raw)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        if parts.port == 0 or parts.query or parts.fragment or parts.username:
            raise ValueError
        return parts.geturl().rstrip("/")

    return _parsed(name, default, meaning, parse, "an address, as in https://still.example.org")


def _parsed(name: str, default: str, meaning: str, parse: Callable[[str], T], wanted: str) -> T:
    raw = text(name, default, meaning)
    try:
        return parse(raw)
    except (ValueError, KeyError):
        message = f"{name}={raw!r} cannot be used: it has to be {wanted}. Change or unset it."
        raise SettingError(message) from None


def _raw(name: str) -> str:
    value, path = os.environ.get(name, "").strip(), os.environ.get(f"{name}_FILE", "").strip()
    if value and path:
        raise SettingError(f"{name} and {name}_FILE are both set. Unset one of them.")
    if not path:
        return value
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name}_FILE={path!r} cannot be read: {error}. Name a readable text file."
        raise SettingError(message) from None
