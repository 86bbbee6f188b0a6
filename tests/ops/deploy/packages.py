"""A real package of Debian's kind, in the archive of one host of the lab."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.ops.deploy.stage import Stage

_ARCHIVE = "/var/lib/stillhere-packages"
_HAS = "/usr/lib/stillhere-probe"
_UNIT = "/etc/systemd/system/stillhere-probe.service"
_DROP_IN = "/etc/systemd/system/stillhere-drain.service.d"
_BUILD = f"""
set -e
rm -rf /run/probe
mkdir -p /run/probe/DEBIAN /run/probe{_HAS}
cp /usr/bin/sleep /run/probe{_HAS}/sleep
cp /lib/x86_64-linux-gnu/libm.so.6 /run/probe{_HAS}/lib.so
cat > /run/probe/DEBIAN/control <<END
Package: stillhere-probe
Version: $version
Architecture: all
Maintainer: nobody <nobody@stillhere.test>
Description: something to upgrade
END
printf '#!/bin/sh\\n%s\\n' "$after" > /run/probe/DEBIAN/postinst
chmod 755 /run/probe/DEBIAN/postinst
file={_ARCHIVE}/stillhere-probe_$version.deb
dpkg-deb --build /run/probe $file >/dev/null
test -e {_ARCHIVE}/Packages.before || cp {_ARCHIVE}/Packages {_ARCHIVE}/Packages.before
{{
    cat {_ARCHIVE}/Packages.before
    echo
    dpkg-deb --field $file
    echo "Filename: ./stillhere-probe_$version.deb"
    echo "Size: $(stat -c %s $file)"
    echo "SHA256: $(sha256sum $file | cut -d' ' -f1)"
}} > {_ARCHIVE}/Packages.new
mv {_ARCHIVE}/Packages.new {_ARCHIVE}/Packages
"""


@dataclass(frozen=True, slots=True)
class Probe:
    """A package with a program that a unit runs, and a library that the product's drain maps."""

    stage: Stage
    host: str
    in_drain: bool = True

    @contextmanager
    def installed(self) -> Iterator["Probe"]:
        """Have version 1 installed and running; afterwards it never was there."""
        try:
            self.offer("1")
            self._run(f"""
                dpkg -i {_ARCHIVE}/stillhere-probe_1.deb
                printf '[Service]\\nExecStart={_HAS}/sleep infinity\\n' > {_UNIT}""")
            if self.in_drain:
                self._run(f"""
                    mkdir -p {_DROP_IN}
                    printf '[Service]\\nEnvironment=LD_PRELOAD={_HAS}/lib.so\\n' \\
                        > {_DROP_IN}/probe.conf""")
            self._run("systemctl daemon-reload; systemctl restart stillhere-probe")
            if self.in_drain:
                self._run("systemctl restart stillhere-drain")
            yield self
        finally:
            self._remove()

    def offer(self, version: str, after: str = "exit 0") -> None:
        """Put a version into the archive; `after` is what it does when it is configured."""
        self._run(f"version='{version}' after='{after}'\n{_BUILD}")

    def version(self) -> str:
        return self._run("dpkg-query -W -f '${Version}' stillhere-probe")

    def processes(self) -> dict[str, str]:
        """Return the process of each unit that runs something of the package."""
        names = ["stillhere-probe", *(["stillhere-drain"] if self.in_drain else [])]
        found = {name: self._run(f"systemctl show -P MainPID {name}").strip() for name in names}
        assert "0" not in found.values(), found
        return found

    def _remove(self) -> None:
        self._run(f"""
            systemctl stop stillhere-probe || true
            rm -rf {_UNIT} {_DROP_IN}
            systemctl daemon-reload
            dpkg --purge --force-all stillhere-probe || true
            rm -f {_ARCHIVE}/stillhere-probe_*.deb
            mv {_ARCHIVE}/Packages.before {_ARCHIVE}/Packages || true
            apt-get -qq update""")
        if self.in_drain:
            self._run("systemctl restart stillhere-drain")

    def _run(self, script: str) -> str:
        return self.stage.run(self.host, script)
