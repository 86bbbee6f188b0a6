"""Packages on a real host, when something went wrong with them before."""

import pytest

from provisioning.fleet import Fleet
from tests.ops.operator import EMPTY, fab, shown_plan
from tests.ops.rehearsal import Rehearsal

pytestmark = [pytest.mark.lab, pytest.mark.long]

# A configuration file that somebody has edited, and a new version that was cut off before its end.
CUT_UPGRADE = """
cd "$(mktemp -d)"
for version in 1 2; do
    mkdir -p p/DEBIAN p/etc
    printf 'Package: cut\\nVersion: %s\\nArchitecture: all\\n' $version > p/DEBIAN/control
    printf 'Maintainer: a <a@example.org>\\nDescription: a\\n' >> p/DEBIAN/control
    echo /etc/cut.conf > p/DEBIAN/conffiles
    echo $version > p/etc/cut.conf
    dpkg-deb --build p $version.deb
done
dpkg --install 1.deb
echo ours > /etc/cut.conf
apt-get -y purge prometheus-node-exporter
dpkg --unpack 2.deb
"""


def test_an_upgrade_that_was_cut_off_is_finished_and_keeps_our_files(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    rehearsal.run("app1", ["sh", "-c", CUT_UPGRADE])
    try:
        done = fab("apply", "--fleet", str(applied.path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert rehearsal.run("app1", ["cat", "/etc/cut.conf"]) == "ours\n"
    finally:
        rehearsal.run("app1", ["dpkg", "--force-confold", "--purge", "cut"])
    assert shown_plan(applied).returncode == EMPTY
