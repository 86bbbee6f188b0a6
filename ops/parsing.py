"""What a value of an inventory may be: this is where each is parsed, or refused by ValueError.

The error says what was wanted, as it ends the sentence "it has to be ...".
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from provisioning.fleet import Role

_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
_DOMAIN = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9-]{1,63}")
_KEY_KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "sk-ssh-ed25519@openssh.com", "ssh-rsa")


def text(value: Any) -> str:
    """Return a line of text, never an empty one."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("a line of text")
    return value


def is_name(value: str) -> bool:
    """Tell whether it can be the name of a host, a fleet or an operator."""
    return bool(_NAME.fullmatch(value))


def name(value: Any) -> str:
    """Return a name of ours."""
    if not isinstance(value, str) or not is_name(value):
        raise ValueError("a word of a-z, 0-9 and hyphens")
    return value


def domain(value: Any) -> str:
    """Return a host name in lower case."""
    if not isinstance(value, str) or not _DOMAIN.fullmatch(value):
        raise ValueError("a host name in lower case, as in still.example.org")
    return value


def domains(value: Any) -> tuple[str, ...]:
    """Return a list of host names."""
    if not isinstance(value, list):
        raise ValueError("a list of host names")
    return tuple(domain(one) for one in value)


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def whole(least: int, most: int) -> Callable[[Any], int]:
    """Return the parser of a whole number, bounds included."""

    def parse(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return parse


def networks(value: Any) -> tuple[str, ...]:
    """Return networks, IPv4 or IPv6."""
    wanted = "a list of networks, as in 192.0.2.0/24 or 2001:db8::/64"
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(wanted)
    try:
        return tuple(str(ipaddress.ip_network(one)) for one in value)
    except ValueError:
        raise ValueError(wanted) from None


def server(value: Any) -> str:
    """Return HOST:PORT."""
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not _DOMAIN.fullmatch(host) or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise ValueError("a host name and a port, as in mail.example.org:587")
    return str(value)


def https(value: Any) -> str:
    """Return an address that begins with https://."""
    wanted = "an address that begins with https://"
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        raise ValueError(wanted)
    found = re.match(r"https://([^/:]+)(:\d+)?(/|\Z)", value)
    if not found or not _DOMAIN.fullmatch(found[1]):
        raise ValueError(wanted)
    return value


def endpoint(value: Any) -> str:
    """Return the address of an S3 service: scheme, host and port alone.

    http:// is for one inside a network of one's own: what goes there is encrypted anyway.
    """
    found = (
        re.fullmatch(r"https?://([^/:]+)(:\d{1,5})?/?", value) if isinstance(value, str) else None
    )
    if not found or not _DOMAIN.fullmatch(found[1]):
        raise ValueError("an address without a path, as in https://s3.example.org")
    return found[0].rstrip("/")


def region(value: Any) -> str:
    """Return a region as S3 services call theirs."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", value):
        raise ValueError("a region, as in eu-central-1")
    return value


def bucket(value: Any) -> str:
    """Return a bucket's name, by the rules of S3's own documentation."""
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value):
        raise ValueError("a bucket's name: 3 to 63 of a-z, 0-9, points and hyphens")
    return value


def prefix(value: Any) -> str:
    """Return what a bucket's keys begin with, a slash at its end; "" for a bucket of our own."""
    if not isinstance(value, str) or not re.fullmatch(r"([\w-][\w.-]*/)*", value, re.ASCII):
        raise ValueError("the beginning of keys with a slash at its end, as in stillhere/")
    return value


def key_files(value: Any) -> tuple[str, ...]:
    """Return the files of public keys, relative to the inventory; each name once."""
    wanted = 'a list of files of public keys beside the inventory, as in ["keys/ada.asc"]'
    if not isinstance(value, list) or not value:
        raise ValueError(wanted)
    for one in value:
        if not isinstance(one, str) or not re.fullmatch(
            r"([\w-][\w.-]*/)*[\w-][\w.-]*\.asc", one, re.ASCII
        ):
            raise ValueError(wanted)
    # On the hosts they lie in one folder.
    if len({one.rpartition("/")[2] for one in value}) < len(value):
        raise ValueError(f"{wanted}, no two of one name")
    return tuple(value)


def mail_address(value: Any) -> str:
    """Return an e-mail address."""
    local, _, domain = value.rpartition("@") if isinstance(value, str) else ("", "", "")
    if not re.fullmatch(r"[\w.+-]+", local) or not _DOMAIN.fullmatch(domain):
        raise ValueError("an e-mail address, as in stillhere@example.org")
    return str(value)


def role(value: Any) -> Role:
    """Return what a host is for."""
    try:
        return Role(value)
    except ValueError:
        raise ValueError(f"one of {', '.join(Role)}") from None


def address(version: int) -> Callable[[Any], str]:
    """Return the parser of an address of that version that other hosts can reach."""

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


def ssh_key(value: Any) -> str:
    """Return an SSH public key without its comment."""
    kind, _, rest = value.partition(" ") if isinstance(value, str) else ("", "", "")
    body = rest.split(" ")[0]
    try:
        fields = _fields(base64.b64decode(body, validate=True))
    except (binascii.Error, ValueError):
        fields = []
    if kind not in _KEY_KINDS or len(fields) < 2 or fields[0] != kind.encode():
        raise ValueError(f"an SSH public key on one line, of the kind {' or '.join(_KEY_KINDS)}")
    return f"{kind} {body}"


def host_key(value: Any) -> str:
    """Return an SSH public key that is no person's."""
    if isinstance(value, str) and value.startswith("sk-"):
        raise ValueError("a key of the host's own, not one on a person's token")
    return ssh_key(value)


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
