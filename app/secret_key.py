"""The key that signs sessions and links: this is where it is made, once."""

import contextlib
import os
import secrets
from pathlib import Path

from app import env


def secret_key(data_dir: Path) -> str:
    """Return SECRET_KEY, or the one that was made in the data directory. Raises SettingError."""
    given = env.text("SECRET_KEY", "", "Signs sessions and links. Made in the data directory.")
    if given:
        return given
    try:
        return _kept_key(data_dir / "secret_key")
    except (OSError, UnicodeDecodeError) as error:
        raise env.SettingError(
            f"STILLHERE_DATA_DIR={str(data_dir)!r} cannot be used: {error}. "
            "Name a directory that can be written."
        ) from None


def _kept_key(path: Path) -> str:
    """Return the key in the data directory, made at the first time by whoever comes first."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces another one's key.
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(beside)
        beside.unlink()
    return path.read_text("ascii").strip()
