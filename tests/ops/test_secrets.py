"""The vault, with a real GPG."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import gnupg
import pytest

from ops.errors import VaultError
from ops.secrets import (
    Secret,
    decrypted_vault,
    parse_vault,
    read_vault,
    recipients_of,
    require,
    write_vault,
)
from provisioning.roles import SECRETS
from provisioning.scram import verifier
from tests.ops.inventories import inventory


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    gpg = gnupg.GPG(gnupghome=str(home))
    key = gpg.gen_key(gpg.gen_key_input(
        key_type="EDDSA", key_curve="ed25519", subkey_type="ECDH", subkey_curve="cv25519",
        name_real="Lab", name_email="lab@example.org", no_protection=True, expire_date=0,
    ))  # fmt: skip
    assert key.fingerprint, key.stderr
    path = tmp_path / "vault.toml.gpg"
    write_vault(path, 'canary = "tweet"\n', [key.fingerprint])
    return path


def test_what_was_written_is_read(vault: Path) -> None:
    assert read_vault(vault)["canary"].reveal() == "tweet"
    assert b"tweet" not in vault.read_bytes()
    assert vault.stat().st_mode & 0o077 == 0


def test_it_can_be_written_again_for_the_same_keys(vault: Path) -> None:
    write_vault(vault, 'canary = "peep"\n', recipients_of(vault))
    assert read_vault(vault)["canary"].reveal() == "peep"


def test_a_vault_for_somebody_else_says_what_to_look_at(vault: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "gnupg").mkdir(parents=True, mode=0o700)
    (elsewhere / "vault.toml.gpg").write_bytes(vault.read_bytes())
    with pytest.raises(VaultError, match=r"cannot be decrypted: .*Is your key in its recipients"):
        read_vault(elsewhere / "vault.toml.gpg")


def test_a_vault_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultError, match="No such file"):
        read_vault(tmp_path / "vault.toml.gpg")


@pytest.mark.parametrize("plain", ["canary = 7\n", "[table]\n", 'Canary = "x"\n', 'a = ""\n'])
def test_an_entry_that_is_no_secret_is_refused_without_its_value(plain: str) -> None:
    with pytest.raises(VaultError, match="an entry that is not"):
        parse_vault(Path("v"), plain.encode())


def test_a_message_never_quotes_a_broken_vault() -> None:
    with pytest.raises(VaultError) as refused:
        parse_vault(Path("v"), b'canary = "tweet\n')
    assert "tweet" not in str(refused.value)


@pytest.mark.parametrize("odd", ["tweet\n", "twe\u00a0et", "tweet\u00e9", "tw\teet"])
def test_a_password_that_postgresql_reads_differently_is_named_and_not_quoted(odd: str) -> None:
    with pytest.raises(VaultError, match="has database_password_app with a line break") as refused:
        require({"database_password_app": Secret(odd)}, (), Path("v"))
    assert "twe" not in str(refused.value)
    with pytest.raises(ValueError, match="The password of stillhere is not") as unfit:
        verifier("berlin", "stillhere", odd)
    assert "twe" not in str(unfit.value)
    fit = "a ~!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}"
    require({"database_password_app": Secret(fit)}, (), Path("v"))


def test_a_missing_secret_is_named() -> None:
    with pytest.raises(VaultError, match="lacks canary, token"):
        require({}, ("token", "canary"), Path("v"))


def test_a_secret_does_not_print_itself() -> None:
    secret = Secret("tweet")
    assert "tweet" not in f"{secret} {secret!r} {secret:>20} {[secret]} %s" % secret
    assert secret.reveal() == "tweet"


def test_the_vault_is_edited_in_the_operators_editor(vault: Path, tmp_path: Path) -> None:
    vault.with_name("inventory.toml").write_text(inventory(), "utf-8")
    others = [name for name in SECRETS if name != "canary"]
    written = "# where it is from\ncanary = 'C:\\new \"tweet\"'\n"
    written += "".join(f'{name} = "x"\n' for name in others)
    write_vault(vault, written, recipients_of(vault))
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho \'token = "new"\' >> "$1"\n', "utf-8")
    editor.chmod(0o755)
    fab = str(Path(sys.executable).parent / "fab")
    fleet = ("--fleet", str(vault.with_name("inventory.toml")))
    environment = os.environ | {"EDITOR": str(editor)}
    run = partial(subprocess.run, env=environment, capture_output=True, text=True, timeout=60)
    assert run([fab, "secrets.edit", *fleet]).returncode == 0
    assert decrypted_vault(vault).decode() == written + 'token = "new"\n'
    assert read_vault(vault)["canary"].reveal() == 'C:\\new "tweet"'
    checked = run([fab, "secrets.check", *fleet])
    assert (checked.returncode, checked.stdout) == (
        0,
        "".join(f"{name}\n" for name in sorted([*SECRETS, "token"])),
    )
    editor.write_text("#!/bin/sh\necho 'not toml' > \"$1\"\n", "utf-8")
    refused = run([fab, "secrets.edit", *fleet])
    assert refused.returncode == 1
    assert "is no TOML" in refused.stderr
    assert len(read_vault(vault)) == len(SECRETS) + 1
