"""A pair, one file of certificates and key: this is where it is read and judged. Pure."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import floor

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_LEAST_RSA_BITS = 2048


class Kind(StrEnum):
    """The kind of a key: every client knows the one or the other."""

    ECDSA = "ecdsa"
    RSA = "rsa"


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate says of itself."""

    serial: str
    names: tuple[str, ...]
    not_after: datetime
    issuer: str
    is_self_signed: bool

    def days_left(self, now: datetime) -> int:
        """Return whole days until it expires; negative when it has."""
        return floor((self.not_after - now) / timedelta(days=1))


def shown(text: str) -> Shown | None:
    """Return what the first certificate of a PEM text says; None when there is none."""
    chain = _chain(text)
    return _shown(chain[0]) if chain else None


def troubles_of_pair(text: str, kind: Kind, names: Collection[str], now: datetime) -> list[str]:
    """Return why a pair must not go to a load balancer; nothing when it may."""
    return [*troubles_of_chain(text, kind, names, now), *_key_troubles(text)]


def troubles_of_chain(text: str, kind: Kind, names: Collection[str], now: datetime) -> list[str]:
    """Return what clients would dislike about the certificates in a PEM text."""
    chain = _chain(text)
    if not chain:
        return ["has no certificate that can be read"]
    leaf = chain[0]
    found = []
    if not _is_of_kind(leaf, kind):
        found.append(f"its key is not of the kind {kind}")
    if missing := sorted(set(names) - set(_names(leaf))):
        found.append(f"is not for {', '.join(missing)}")
    if now >= leaf.not_valid_after_utc:
        found.append(f"has expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
    if now < leaf.not_valid_before_utc:
        found.append(f"is valid only from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    return found + list(_chain_troubles(chain, now))


def _chain_troubles(chain: Sequence[x509.Certificate], now: datetime) -> Iterator[str]:
    """Yield what keeps a client from getting from the certificate to a root that it knows."""
    if _is_self_signed(chain[0]):
        yield "is self-signed"
    elif len(chain) == 1:
        yield "comes without its intermediate certificate"
    for child, parent in pairwise(chain):
        try:
            child.verify_directly_issued_by(parent)
        except (ValueError, TypeError, InvalidSignature):
            yield "its chain is broken: one certificate is not signed by the next"
        if now >= parent.not_valid_after_utc:
            yield "its intermediate certificate has expired"


def _key_troubles(text: str) -> list[str]:
    keys = [match[0] for match in _KEY.finditer(text)]
    if len(keys) != 1:
        return [f"has {len(keys) or 'no'} private {'key' if len(keys) < 2 else 'keys'}, not one"]
    try:
        key = serialization.load_pem_private_key(keys[0].encode(), None)
    except (ValueError, TypeError):  # never what cryptography says: it may quote
        return ["its private key cannot be read"]
    chain = _chain(text)
    if chain and _public(key.public_key()) != _public(chain[0].public_key()):
        return ["its private key belongs to another certificate"]
    return []


def _chain(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_KEY.sub("", text).encode())
    except ValueError:
        return []


def _shown(leaf: x509.Certificate) -> Shown:
    return Shown(
        serial=f"{leaf.serial_number:x}",
        names=_names(leaf),
        not_after=leaf.not_valid_after_utc,
        issuer=_issuer(leaf),
        is_self_signed=_is_self_signed(leaf),
    )


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(sorted(found.value.get_values_for_type(x509.DNSName)))


def _issuer(leaf: x509.Certificate) -> str:
    names = leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else leaf.issuer.rfc4514_string()


def _is_self_signed(leaf: x509.Certificate) -> bool:
    return leaf.issuer == leaf.subject


def _is_of_kind(leaf: x509.Certificate, kind: Kind) -> bool:
    key = leaf.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return kind is Kind.ECDSA and isinstance(key.curve, ec.SECP256R1)
    return (
        kind is Kind.RSA and isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS
    )


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
