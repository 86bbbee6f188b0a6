"""A fleet as it is described: this is where its TOML becomes values, or a clear refusal.

    [fleet]             name, site, pings; optional: lab, time_servers, ping_rate_per_minute,
                        rate_exempt, most_connections, mail_server, mail_from
    [certificates]      optional: directory, email, dns; optional: authority
    [backups]           optional: endpoint, region, bucket, recipients; optional: prefix,
                        authority, lock_days
    [operators.NAME]    key
    [hosts.NAME]        role, data_center, address, address6, host_key; optional: public

Only facts that do not change by themselves: who is primary is never in it.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops import parsing
from ops.errors import InventoryError
from ops.toml_lines import line_of, lines_of
from provisioning.fleet import Backups, Certificates, Fleet, Host, Operator


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
        self._known_keys((), tables, ("fleet", "certificates", "backups", "hosts", "operators"))
        values = self._table(("fleet",), tables.get("fleet"), _FLEET)
        if (certificates := tables.get("certificates")) is not None:
            read = self._table(("certificates",), certificates, _CERTIFICATES)
            values["certificates"] = Certificates(**read)
        if (backups := tables.get("backups")) is not None:
            values["backups"] = Backups(**self._table(("backups",), backups, _BACKUPS))
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
            if not parsing.is_name(name):
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


_FLEET = {
    "name": _Field(parsing.name),
    "site": _Field(parsing.domain),
    "pings": _Field(parsing.domain),
    "lab": _Field(parsing.flag, False, is_required=False),
    "time_servers": _Field(parsing.domains, (), is_required=False),
    "ping_rate_per_minute": _Field(parsing.whole(1, 10**6), 1_200, is_required=False),
    "rate_exempt": _Field(parsing.networks, (), is_required=False),
    "most_connections": _Field(parsing.whole(100, 10**6), 8_000, is_required=False),
    "mail_server": _Field(parsing.server, "", is_required=False),
    "mail_from": _Field(parsing.mail_address, "", is_required=False),
}
_CERTIFICATES = {
    "directory": _Field(parsing.https),
    "email": _Field(parsing.mail_address),
    "dns": _Field(parsing.name),
    "authority": _Field(parsing.text, "", is_required=False),
}
_BACKUPS = {
    "endpoint": _Field(parsing.endpoint),
    "region": _Field(parsing.region),
    "bucket": _Field(parsing.bucket),
    "recipients": _Field(parsing.key_files),
    "prefix": _Field(parsing.prefix, "", is_required=False),
    "authority": _Field(parsing.text, "", is_required=False),
    "lock_days": _Field(parsing.whole(0, 3_650), 0, is_required=False),
}
_OPERATOR = {"key": _Field(parsing.ssh_key)}
_HOST = {
    "role": _Field(parsing.role),
    "data_center": _Field(parsing.name),
    "address": _Field(parsing.address(4)),
    "address6": _Field(parsing.address(6)),
    "host_key": _Field(parsing.host_key),
    "public": _Field(parsing.flag, False, is_required=False),
}
