"""A fleet as it is described: this is where its TOML becomes values, or a clear refusal.

    [fleet]             name, site, pings; optional: lab, time_servers, ping_rate_per_minute,
                        rate_exempt, most_connections, mail_server, mail_from
    [certificates]      optional: directory, email, dns; optional: authority
    [operators.NAME]    key
    [hosts.NAME]        role, data_center, address, address6, host_key; optional: public

Only facts that do not change by themselves: who is primary is never in it.
"""

import base64
import binascii
import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.errors import InventoryError
from ops.toml_lines import line_of, lines_of
from provisioning.fleet import Certificates, Fleet, Host, Operator, Role


def read_fleet(path: Path) -> Fleet:
    """Return the fleet that the file describes. InventoryError names file, line and remedy."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(f"{path} cannot be read: {error}.") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(f"{path} is no TOML: {error}.") from None
    return _Reader(path, lines_of(text)).fleet(tables)


_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")
_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-rsa")


@dataclass(frozen=True, slots=True)
class _Field:
    """How a key is read: `parse` raises ValueError with what was wanted."""

    parse: Callable[[Any], Any]
    default: Any = None
    is_required: bool = True


class _Reader:
    """Read one file; every refusal says file and line."""

    def __init__(self, path: Path, lines: dict[tuple[str, ...], int]) -> None:
        self._path, self._lines = path, lines

    def fleet(self, tables: Mapping[str, Any]) -> Fleet:
        self._known_keys((), tables, ("fleet", "certificates", "hosts", "operators"))
        values = self._table(("fleet",), tables.get("fleet"), _FLEET)
        if (certificates := tables.get("certificates")) is not None:
            read = self._table(("certificates",), certificates, _CERTIFICATES)
            values["certificates"] = Certificates(**read)
        operators = [Operator(**one) for one in self._named(tables, "operators", _OPERATOR)]
        hosts = [Host(**one) for one in self._named(tables, "hosts", _HOST)]
        self._no_address_twice(hosts)
        return Fleet(hosts=tuple(hosts), operators=tuple(operators), path=self._path, **values)

    def _named(
        self, tables: Mapping[str, Any], kind: str, fields: Mapping[str, _Field]
    ) -> list[dict[str, Any]]:
        found = tables.get(kind)
        if not isinstance(found, dict) or not found:
            raise self._refusal((kind,), f"no [{kind}.NAME] is there; describe at least one")
        for name in found:
            if not _NAME.fullmatch(name):
                why = "a name has a-z, 0-9 and hyphens, and begins with a letter"
                raise self._refusal((kind, name), f"{name!r} cannot be a name: {why}")
        return [
            {"name": name, **self._table((kind, name), table, fields)}
            for name, table in found.items()
        ]

    def _table(
        self, where: tuple[str, ...], table: Any, fields: Mapping[str, _Field]
    ) -> dict[str, Any]:
        title = ".".join(where)
        if not isinstance(table, dict):
            raise self._refusal(where, f"[{title}] is missing; add it")
        self._known_keys(where, table, tuple(fields))
        values = {}
        for key, field in fields.items():
            if key not in table:
                if field.is_required:
                    raise self._refusal(where, f"[{title}] has no {key}; add it")
                values[key] = field.default
                continue
            try:
                values[key] = field.parse(table[key])
            except ValueError as error:
                wanted = f"it has to be {error}"
                why = f"{key} = {table[key]!r} cannot be used: {wanted}"
                raise self._refusal((*where, key), why) from None
        return values

    def _known_keys(
        self, where: tuple[str, ...], table: Mapping[str, Any], known: tuple[str, ...]
    ) -> None:
        for key in table:
            if key not in known:
                place = f"[{'.'.join(where)}]" if where else "the file"
                raise self._refusal(
                    (*where, key),
                    f"{key} is unknown in {place}; it may have {', '.join(known)}",
                )

    def _no_address_twice(self, hosts: list[Host]) -> None:
        seen: dict[str, str] = {}
        for host in hosts:
            for key, address in (("address", host.address), ("address6", host.address6)):
                if address in seen:
                    why = f"{host.name} and {seen[address]} both have the address {address}"
                    raise self._refusal(("hosts", host.name, key), why)
                seen[address] = host.name

    def _refusal(self, where: tuple[str, ...], why: str) -> InventoryError:
        return InventoryError(f"{self._path}:{line_of(self._lines, where)}: {why}.")


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a line of text")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a word of a-z, 0-9 and hyphens")
    return value


def _domain(value: Any) -> str:
    if not isinstance(value, str) or not _DOMAIN.fullmatch(value):
        raise ValueError("a host name in lower case, as in still.example.org")
    return value


def _domains(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ValueError("a list of host names")
    return tuple(_domain(one) for one in value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return parse


def _networks(value: Any) -> tuple[str, ...]:
    wanted = "a list of networks, as in 192.0.2.0/24 or 2001:db8::/64"
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(wanted)
    try:
        return tuple(str(ipaddress.ip_network(one)) for one in value)
    except ValueError:
        raise ValueError(wanted) from None


def _server(value: Any) -> str:
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not _DOMAIN.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError("a host name and a port, as in mail.example.org:587")
    return str(value)


def _https(value: Any) -> str:
    wanted = "an address that begins with https://"
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(wanted)
    found = re.match(r"https://([^/:]+)(:\d+)?(/|\Z)", value)
    if not found or not _DOMAIN.fullmatch(found[1]):
        raise ValueError(wanted)
    return value


def _mail_address(value: Any) -> str:
    local, _, domain = value.rpartition("@") if isinstance(value, str) else ("", "", "")
    if not re.fullmatch(r"[\w.+-]+", local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("an e-mail address, as in stillhere@example.org")
    return str(value)


def _role(value: Any) -> Role:
    try:
        return Role(value)
    except ValueError:
        raise ValueError(f"one of {', '.join(Role)}") from None


def _address(version: int) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) else None
        except ValueError:
            address = None
        if address is None or address.version != version:
            raise ValueError(f"one IPv{version} address")
        # Reserved: also 255.255.255.255, and an IPv4 address that is dressed as IPv6.
        if (
            address.is_unspecified
            or address.is_loopback
            or address.is_multicast
            or address.is_link_local
            or address.is_reserved
        ):
            raise ValueError("an address that other hosts can reach")
        return str(address)

    return parse


def _ssh_key(value: Any) -> str:
    kind, _, rest = value.partition(" ") if isinstance(value, str) else ("", "", "")
    body = rest.split(" ")[0]
    try:
        fields = _fields(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        fields = []
    if kind not in _KEY_KINDS or len(fields) < 2 or fields[0] != kind.encode():
        raise ValueError(f"an SSH public key on one line, of the kind {' or '.join(_KEY_KINDS)}")
    return f"{kind} {body}"


def _host_key(value: Any) -> str:
    if isinstance(value, str) and value.startswith("sk-"):
        raise ValueError("a key of the host's own, not one on a person's token")
    return _ssh_key(value)


def _fields(body: bytes) -> list[bytes]:
    """Return the fields of a key, each with its length before it; ValueError when one is cut."""
    found = []
    while body:
        length, rest = int.from_bytes(body[:4]), body[4:]
        if len(rest) < length:
            raise ValueError("a part is missing")
        found.append(rest[:length])
        body = rest[length:]
    return found


_FLEET = {
    "name": _Field(_name),
    "site": _Field(_domain),
    "pings": _Field(_domain),
    "lab": _Field(_flag, False, is_required=False),
    "time_servers": _Field(_domains, (), is_required=False),
    "ping_rate_per_minute": _Field(_whole(1, 10**6), 1_200, is_required=False),
    "rate_exempt": _Field(_networks, (), is_required=False),
    "most_connections": _Field(_whole(100, 10**6), 8_000, is_required=False),
    "mail_server": _Field(_server, "", is_required=False),
    "mail_from": _Field(_mail_address, "", is_required=False),
}
_CERTIFICATES = {
    "directory": _Field(_https),
    "email": _Field(_mail_address),
    "dns": _Field(_name),
    "authority": _Field(_text, "", is_required=False),
}
_OPERATOR = {"key": _Field(_ssh_key)}
_HOST = {
    "role": _Field(_role),
    "data_center": _Field(_name),
    "address": _Field(_address(4)),
    "address6": _Field(_address(6)),
    "host_key": _Field(_host_key),
    "public": _Field(_flag, False, is_required=False),
}
