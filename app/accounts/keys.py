"""API keys and ping keys: this is where they are made and recognised.

A key has at least 110 bits of its own, so a plain SHA-256 of it is enough to
store: there is nothing to guess, and receivers can recognise a ping key without
the SECRET_KEY.
"""

import hashlib
import secrets

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_api_key(kind: str) -> str:
    """Return a new key of 32 characters; `kind` is "rw" or "ro"."""
    return {"rw": "shw_", "ro": "shr_"}[kind] + _random(28)


def new_ping_key() -> str:
    """Return a new ping key of 22 characters."""
    return _random(22)


def digest(key: str) -> str:
    """Return what is stored of a key: 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
