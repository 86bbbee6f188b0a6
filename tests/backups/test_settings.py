"""The settings' file: what is wrong is named."""

from pathlib import Path

import pytest

from backups.errors import SettingsError
from backups.settings import DEFAULT, Settings, path_of, read_credentials, read_settings

STORE = '[store]\nendpoint = "https://s3.example"\nbucket = "b"\ncredentials = "key.toml"\n'


def read(directory: Path, text: str) -> Settings:
    path = directory / "backups.toml"
    path.write_text(text)
    return read_settings(path)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    settings = read(tmp_path, STORE)
    assert settings.source.conninfo == "dbname=stillhere"
    assert (settings.retention.days, settings.retention.keep_verified) == (62, 7)
    assert settings.store.credentials == tmp_path / "key.toml"
    assert settings.store.authority is None


def test_everything_is_read_as_its_type(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        'recipients = ["keys/ada.asc", "/etc/drill.asc"]\n'
        + STORE
        + 'prefix = "one/"\nlock_days = 30\nauthority = "ca.pem"\n'
        + '[source]\nkind = "sqlite"\npath = "db.sqlite3"\ntables = ["a"]\nprogram = ["m"]\n'
        + "[wal]\nmost_bytes = 7\n",
    )
    assert settings.recipients == (tmp_path / "keys/ada.asc", Path("/etc/drill.asc"))
    assert (settings.store.prefix, settings.store.lock_days) == ("one/", 30)
    assert settings.store.authority == tmp_path / "ca.pem"
    assert (settings.source.tables, settings.source.program) == (("a",), ("m",))
    assert settings.source.path == tmp_path / "db.sqlite3"
    assert settings.wal.most_bytes == 7


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing: store"),
        (STORE + "buckets = 1\n", r"unknown: store\.buckets"),
        ("recipient = 1\n" + STORE, "unknown: recipient"),
        ("recipients = 'a'\n" + STORE, "recipients is not a list of texts"),
        (STORE + "lock_days = '1'\n", r"store\.lock_days is not a whole number"),
        (STORE + "lock_days = -1\n", r"store\.lock_days is not a whole number"),
        (STORE + "lock_days = true\n", r"store\.lock_days is not a whole number"),
        (STORE + "prefix = 'a'\n", "end with a slash"),
        (STORE.replace("https", "ftp"), "begin with https"),
        (STORE + "[source]\nkind = 'mysql'\n", "postgresql or sqlite"),
        (STORE + "[source]\nkind = 'sqlite'\n", r"source\.path is missing"),
        ("store = 1\n", "store is not a table"),
        ("a", "is no TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read(tmp_path, text)


def test_where_the_settings_are() -> None:
    assert path_of(None, {}) == DEFAULT
    assert path_of(None, {"STILLHERE_BACKUPS": "/a"}) == Path("/a")
    assert path_of("/b", {"STILLHERE_BACKUPS": "/a"}) == Path("/b")


def test_credentials_do_not_print_themselves(tmp_path: Path) -> None:
    path = tmp_path / "key.toml"
    path.touch(mode=0o600)
    path.write_text('access_key_id = "me"\nsecret_access_key = "canary"\n')
    credentials = read_credentials(path)
    assert credentials.secret_access_key == "canary"
    assert "canary" not in repr(credentials)


def test_a_message_about_credentials_does_not_quote_them(tmp_path: Path) -> None:
    path = tmp_path / "key.toml"
    path.touch(mode=0o600)
    path.write_text('access_key_id = "me"\nsecret_access_key = canary\n')
    with pytest.raises(SettingsError) as caught:
        read_credentials(path)
    assert "canary" not in str(caught.value)
