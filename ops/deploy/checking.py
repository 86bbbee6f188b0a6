"""The new release is tried before anything is switched: this is where it speaks, on its hosts."""

from collections.abc import Sequence

from ops.deploy.desk import Desk, at_once
from ops.errors import ChangeFailed
from provisioning.fleet import Host, Role

CHECK_SECONDS = 180
# An index on the largest table takes as long as it takes, and blocks nobody.
MIGRATE_SECONDS = 4 * 3600
_PENDING = "pending "


def check(desk: Desk, release_id: str) -> None:
    """Have the release judge the settings of each application server. ChangeFailed if it does."""

    def one(server: Host) -> str:
        try:
            manage(desk, server, release_id, ["check", "--deploy"], CHECK_SECONDS)
        except ChangeFailed as error:
            return str(error)
        return ""

    wrong = list(filter(None, at_once(one, desk.hosts(Role.APP_SERVER))))
    if wrong:
        raise ChangeFailed("\n".join(wrong))


def pending(desk: Desk, release_id: str, allow: Sequence[str]) -> list[str]:
    """Return the migrations that the database lacks. ChangeFailed when one may not run."""
    server = desk.hosts(Role.APP_SERVER)[0]
    said = manage(
        desk, server, release_id, ["migrate_release", "--check", *_allow(allow)], CHECK_SECONDS
    )
    lines = said.splitlines()
    return [line.removeprefix(_PENDING) for line in lines if line.startswith(_PENDING)]


def migrate(desk: Desk, release_id: str, allow: Sequence[str]) -> None:
    """Bring the tables to those of the release. ChangeFailed when that does not succeed."""
    server = desk.hosts(Role.APP_SERVER)[0]
    desk.did(server, f"migrate to release {release_id}")
    manage(desk, server, release_id, ["migrate_release", *_allow(allow)], MIGRATE_SECONDS)


def _allow(names: Sequence[str]) -> list[str]:
    return [word for name in names for word in ("--allow", name)]


def manage(desk: Desk, server: Host, release_id: str, words: list[str], seconds: int) -> str:
    """Run manage.py of a release on a server; return what it says. ChangeFailed if it fails."""
    answer = desk.of(server).ask(
        "manage",
        answer_seconds=seconds + 60,
        release=release_id,
        arguments=words,
        seconds=seconds,
    )
    said: str = answer["said"]
    if answer["status"]:
        raise ChangeFailed(
            f"{server.name}: manage.py {' '.join(words)} of {release_id} fails:\n{said}"
        )
    return said
