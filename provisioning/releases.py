"""Where releases lie on a host, and where the product keeps its data: one place for the paths.

    /srv/stillhere/releases/<id>/   app backups watchdog manage.py site-packages static release.json
    /srv/stillhere/current          -> releases/<id>
    /srv/stillhere/static/          the static files of all releases that are kept

All of it is root's; the service reads. `fab deploy` fills it.
"""

from provisioning.resources import Directory, Resource

ROOT = "/srv/stillhere"
CURRENT = f"{ROOT}/current"
MARK = f"{CURRENT}/release.json"  # without it there is nothing to start
DATA = "/var/lib/stillhere-app"
RUN = "/run/stillhere"


def places() -> tuple[Resource, ...]:
    """Return the directories that releases are put into."""
    return (
        Directory(ROOT),
        Directory(f"{ROOT}/releases"),
        Directory(f"{ROOT}/static"),
    )


def data() -> tuple[Resource, ...]:
    """Return the directory of the service's own data."""
    return (Directory(DATA, mode=0o700, owner="stillhere", group="stillhere"),)
