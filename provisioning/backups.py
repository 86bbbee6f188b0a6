"""Backups on hosts: what database hosts have for writing them, and the observer for keeping them.

database host   runs as postgres, has public keys alone, and credentials that only write
observer        the first one: runs as stillhere-drill, alone has the drill's private key

Decision 33 has the reasons. What runs is `python -m backups` of the release; what PostgreSQL
itself calls is a shell program that needs no release. Without [backups] there is nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from provisioning import releases
from provisioning.dsn import DATABASE
from provisioning.errors import Contradiction
from provisioning.fleet import Backups, Fleet, Host, Role
from provisioning.library import LIBRARY, shell_program
from provisioning.render import render
from provisioning.reporting import stop_post
from provisioning.resources import Command, Directory, File, Package, Resource, Unit

WRITERS_SECRETS = ("backup_writer_key_id", "backup_writer_secret")
KEEPERS_SECRETS = (
    "backup_keeper_key_id",
    "backup_keeper_secret",
    "backup_drill_key",  # a private key in ASCII armor
    "backup_drill_passphrase",
)
WRITER, KEEPER = "postgres", "stillhere-drill"  # accounts
SETTINGS = "/etc/stillhere/backups.toml"
KEYS = "/etc/stillhere/backup-keys"
AUTHORITY = "/etc/stillhere/backup-authority.pem"
SPOOL = "/var/lib/postgresql/stillhere-wal"
SPOOL_MOST_BYTES = 4 * 2**30
WRITERS_SCRATCH = "/var/lib/postgresql/stillhere-backups"
KEEPERS_SCRATCH = "/var/lib/stillhere-drill"
GNUPG_HOME = f"{KEEPERS_SCRATCH}/gnupg"
DRILL_KEY = "/etc/stillhere/backup-drill.asc"
PASSPHRASE = "/etc/stillhere/backup-drill-passphrase"  # noqa: S105 (a path)
FIGURES = "/var/lib/stillhere-figures"  # what node-exporter reads besides
PROGRAM = f"{releases.CURRENT}/backups/__main__.py"  # what units wait for


@dataclass(frozen=True, slots=True)
class Timer:
    """A unit and when it is started (systemd's calendar, UTC); `most` is how long it may take.

    `compiles`: it runs a PostgreSQL, which writes machine code into its memory.
    `figures`: it may change which backup is the newest verified one, and says so to metrics.
    """

    name: str
    command: str
    does: str
    at: str
    most: str
    compiles: bool = False
    figures: str = ""


ON_DATABASES = (
    Timer("backup", "run", "a dump", "*-*-* 01:30:00", "20h"),
    Timer("backup-base", "run --base", "a base backup", "Sun *-*-* 05:30:00", "40h"),
    Timer("backup-wal", "ship", "ships WAL", "*-*-* *:*:20", "1h"),
)
_FILE = f"{FIGURES}/backups.prom"
ON_THE_OBSERVER = (
    # The verified dump of the day before is 25 h old now; at 26 h it is an alarm.
    Timer("backup-verify", "verify", "the drill", "*-*-* 02:30:00", "20h", True, _FILE),
    Timer(
        "backup-verify-base",
        "verify --base",
        "the drill of a base",
        "Sun *-*-* 09:00:00",
        "40h",
        True,
        _FILE,
    ),
    Timer("backup-prune", "prune", "prunes backups", "*-*-* 05:00:00", "4h", False, _FILE),
)


def secrets_of(fleet: Fleet) -> tuple[str, ...]:
    """Return the names of what the vault has to have for them."""
    return (*WRITERS_SECRETS, *KEEPERS_SECRETS) if fleet.backups else ()


def archive_command(fleet: Fleet) -> str:
    """Return what PostgreSQL calls for each finished WAL file; "" when it keeps none."""
    program = f"{LIBRARY}/archive-wal {SPOOL} {SPOOL_MOST_BYTES}"
    return f"{program} %p %f" if fleet.backups else ""


def keeper(fleet: Fleet) -> Host | None:
    """Return who restores and prunes; None when nobody does."""
    return next(iter(fleet.of_role(Role.OBSERVER)), None) if fleet.backups else None


def writing(fleet: Fleet, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return what a database host has, before its cluster is started."""
    if not fleet.backups:
        return ()
    credentials = _credentials("writer", secrets, WRITER)
    return (
        Package("gnupg"),
        Directory(SPOOL, mode=0o700, owner=WRITER, group=WRITER),
        Directory(WRITERS_SCRATCH, mode=0o700, owner=WRITER, group=WRITER),
        shell_program("archive-wal"),
        *_described(fleet, fleet.backups),
        credentials,
        _settings(fleet.backups, credentials, WRITERS_SCRATCH),
        *_timers(ON_DATABASES, WRITER, (SPOOL, WRITERS_SCRATCH)),
    )


def keeping(fleet: Fleet, host: Host, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return what the observer has that restores and prunes them; nothing on any other."""
    if not fleet.backups or host != keeper(fleet):
        return ()
    credentials = _credentials("keeper", secrets, KEEPER)
    return (
        *_described(fleet, fleet.backups),
        credentials,
        _settings(fleet.backups, credentials, KEEPERS_SCRATCH),
        *_drill_key(fleet.backups, secrets),
        Directory(FIGURES, owner=KEEPER, group=KEEPER),
        *_timers(ON_THE_OBSERVER, KEEPER, (KEEPERS_SCRATCH, FIGURES)),
    )


def _described(fleet: Fleet, backups: Backups) -> Iterator[Resource]:
    """Yield who may decrypt, and who vouches for the store."""
    yield Directory(KEYS)
    for name in backups.recipients:
        yield File(_key_path(name), _public_key(fleet, name))
    if backups.authority:
        yield File(AUTHORITY, _beside(fleet, backups.authority))


def _key_path(name: str) -> str:
    return f"{KEYS}/{name.rpartition('/')[2]}"


def _public_key(fleet: Fleet, name: str) -> str:
    """Return a recipient's key. Contradiction when it is none, or more than a public one."""
    text = _beside(fleet, name)
    if "PRIVATE KEY" in text:
        raise Contradiction(
            f"{name} has a private key, which no host may have but the observer, and that the "
            "drill's alone. Take it out of the checkout, and put the public one (gpg --armor "
            "--export) there."
        )
    if "-----BEGIN PGP PUBLIC KEY BLOCK-----" not in text:
        raise Contradiction(f"{name} is no public key: gpg --armor --export writes one.")
    return text


def _beside(fleet: Fleet, name: str) -> str:
    try:
        return (fleet.path.parent / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = f"{name!r} of [backups] cannot be read beside the inventory: {error}."
        raise Contradiction(why) from None


def _credentials(who: str, secrets: Mapping[str, str], account: str) -> File:
    names = (f"backup_{who}_key_id", f"backup_{who}_secret")
    values = dict(zip(("access_key_id", "secret_access_key"), names, strict=True))
    text = "".join(f"{name} = {_quoted(secrets[value])}\n" for name, value in values.items())
    return _secret(f"/etc/stillhere/backup-{who}.toml", text, account)


def _secret(path: str, text: str, account: str) -> File:
    return File(path, text, mode=0o600, owner=account, group=account, secret=True)


def _quoted(value: str) -> str:
    """Return a text of TOML's, whatever is in it."""
    escaped = "".join(
        char if char.isprintable() and char not in '"\\' else f"\\U{ord(char):08x}"
        for char in value
    )
    return f'"{escaped}"'


def _settings(backups: Backups, credentials: File, scratch: str) -> File:
    text = render(
        "backups.toml",
        backups=backups,
        recipients=[_key_path(name) for name in backups.recipients],
        authority=AUTHORITY if backups.authority else "",
        credentials=credentials.path,
        scratch=scratch,
        keeps=credentials.owner == KEEPER,
        gnupg_home=GNUPG_HOME,
        passphrase=PASSPHRASE,
        database=DATABASE,
        spool=SPOOL,
        most_bytes=SPOOL_MOST_BYTES,
    )
    return File(SETTINGS, text)


def _drill_key(backups: Backups, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return the drill's key in the keyring of its account, tried with its passphrase."""
    recipients = tuple(_key_path(name) for name in backups.recipients)
    reads = (DRILL_KEY, PASSPHRASE, *recipients)
    values = {
        "account": KEEPER,
        "home": GNUPG_HOME,
        "key": DRILL_KEY,
        "passphrase": PASSPHRASE,
        "recipients": recipients,
        "reads": reads,
    }
    is_tried = f'[ "$(cat {" ".join(reads)} | sha256sum)" = "$(cat {GNUPG_HOME}/tried)" ]'
    return (
        Directory(GNUPG_HOME, mode=0o700, owner=KEEPER, group=KEEPER),
        _secret(DRILL_KEY, secrets["backup_drill_key"].strip() + "\n", KEEPER),
        _secret(PASSPHRASE, secrets["backup_drill_passphrase"] + "\n", KEEPER),
        Command(
            "backup-drill-key",
            check=("sh", "-c", f"{is_tried} 2>/dev/null || {{ echo 'not tried yet'; exit 1; }}"),
            run=("sh", "-c", render("import-drill-key.sh", **values)),
            reads=reads,
        ),
    )


def _timers(timers: tuple[Timer, ...], account: str, writes: tuple[str, ...]) -> Iterator[Resource]:
    for timer in timers:
        service, calendar = (
            f"/etc/systemd/system/stillhere-{timer.name}.{end}" for end in ("service", "timer")
        )
        values = {
            "timer": timer,
            "program": PROGRAM,
            "current": releases.CURRENT,
            "account": account,
            "writes": writes,
            "report": stop_post(timer.name),
        }
        yield File(service, render("backup.service", **values))
        yield File(calendar, render("backup.timer", timer=timer))
        yield Unit(f"stillhere-{timer.name}.timer", reads=(service, calendar))
