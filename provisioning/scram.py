"""What PostgreSQL keeps of a password (RFC 5803): computed where no server sees it. Pure."""

import base64
import hashlib
import hmac

ITERATIONS = 4096  # PostgreSQL's own


def is_as_typed(password: str) -> bool:
    """Return True when nobody reads the password differently: printable ASCII alone.

    Of anything else libpq makes something else (SASLprep) before it computes, and a line
    break ends a password file's line.
    """
    return password.isascii() and password.isprintable()


def verifier(fleet: str, role: str, password: str) -> str:
    """Return the SCRAM-SHA-256 verifier of a role's password, always the same one.

    The salt need not be secret, only nobody else's: it is made of the fleet's and
    the role's name, so that a plan can tell whether the host has this password.
    ValueError for one that is not as typed.
    """
    if not is_as_typed(password):
        raise ValueError(f"The password of {role} is not of printable ASCII alone.")
    salt = hashlib.sha256(f"stillhere {fleet} {role}".encode()).digest()[:16]
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored64, server64 = (base64.b64encode(one).decode() for one in (salt, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt64}${stored64}:{server64}"
