"""All of a lab: this is where it comes up, and goes down without leaving anything."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from ops.errors import LabError
from ops.lab import cgroups, files, hosts, image, needs, network, world
from ops.lab.lock import holding
from ops.lab.plan import Lab, LabHost

_WAIT_FOR_OTHERS_SECONDS = 120.0
_AT_ONCE = 5
DEFAULT_RELEASE = 13


def up(
    lab: Lab, wanted: Sequence[LabHost], release: int | None, say: Callable[[str], None]
) -> list[LabHost]:
    """Start what is missing and return it, ssh-ready. No release: what the lab has, or 13."""
    needs.check(lab)
    needs.make_room(say)
    with changing(lab):
        _choose_image(lab, release, say)
        cgroups.made(lab, "")
        files.write_fleet(lab)
        network.lay(lab)
        return _started(lab, wanted)


def down(lab: Lab) -> bool:
    """End and remove everything that carries the lab's names. False: there was nothing.

    Needs no record of what was started, so that it also follows a `lab.up`
    that was killed at any moment.
    """
    needs.check_root()
    with changing(lab):
        was_there = lab.home.exists() or cgroups.top(lab).exists()
        # Ports first, as with one host: nothing escapes to another one that still lives.
        cgroups.end(cgroups.top(lab))
        network.remove(lab)
        image.remove_unfinished(lab)
        files.remove(lab)
        with suppress(OSError):  # others' labs and the images stay
            lab.directory.rmdir()
        return was_there


def start(lab: Lab, host: LabHost) -> bool:
    """Switch one host on and wait for its ssh. False when it was on already."""
    require_up(lab)
    with changing(lab):
        return bool(_started(lab, [host]))


def replace(lab: Lab, wanted: Sequence[LabHost]) -> None:
    """Put new machines where hosts were: same name, address and key, and nothing on their disks."""
    require_up(lab)
    with changing(lab):
        for host in wanted:
            hosts.kill(lab, host)
            files.wipe(lab, host)
        _started(lab, wanted)


def require_up(lab: Lab) -> None:
    """LabError when this lab was never brought up, or not by root."""
    needs.check_root()
    if not (lab.home / "inventory.toml").exists():
        option = "" if lab.fleet == lab.prefix else f" --prefix {lab.prefix}"
        raise LabError(f"The fleet {lab.fleet} is not up. `fab lab.up{option}` brings it up.")


@contextmanager
def changing(lab: Lab) -> Iterator[None]:
    """Keep other tasks from changing the same lab meanwhile."""
    with holding(lab.tag, _WAIT_FOR_OTHERS_SECONDS):
        yield


def _started(lab: Lab, wanted: Sequence[LabHost]) -> list[LabHost]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        begun = list(threads.map(lambda host: hosts.start(lab, host), wanted))
        list(threads.map(lambda host: hosts.wait_until_ready(lab, host), wanted))
    if lab.host("world") in wanted:
        world.provide(lab)
    return [host for host, is_new in zip(wanted, begun, strict=True) if is_new]


def _choose_image(lab: Lab, release: int | None, say: Callable[[str], None]) -> None:
    """Note by a link which image the lab's hosts run on; it stays while the lab is up."""
    link = lab.home / "image"
    if link.is_symlink() and link.exists():
        has = int(link.resolve().name.split("-")[1])
        if release not in (None, has):
            raise LabError(
                f"{lab.fleet} runs Debian {has}. `fab lab.down` first, then Debian {release}."
            )
        return
    chosen = image.base_image(lab, release or DEFAULT_RELEASE, say)
    lab.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    link.unlink(missing_ok=True)
    link.symlink_to(chosen)
