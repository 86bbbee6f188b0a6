"""What hosts think of certificates by themselves, with what Debian has."""

import io
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.agent import serving
from provisioning import renewal
from provisioning.programs import certifying, renewing
from provisioning.programs.certifying import Failed
from tests.ops.certificates.authorities import NAMES, Authority, ecdsa_key, self_signed
from tests.provisioning.described import PLAIN, described_fleet

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(not_after=datetime.now(UTC) + 1_000 * DAY)


def issued(authority: Authority, days: float = 60, names: tuple[str, ...] = NAMES) -> str:
    now = datetime.now(UTC)
    leaf = authority.issue(ecdsa_key(), names, now - 2 * DAY, now + days * DAY + DAY / 100)
    return leaf + authority.certificate


@pytest.mark.parametrize(("days", "is_due"), [(31, False), (30, False), (29, True), (-1, True)])
def test_what_expires_within_thirty_days_is_due(
    authority: Authority, days: float, is_due: bool
) -> None:
    assert bool(renewing.due(issued(authority, days), list(NAMES), renewal.RENEW_DAYS)) == is_due


def test_what_is_not_for_all_names_is_due(authority: Authority) -> None:
    why = renewing.due(issued(authority, names=NAMES[:1]), list(NAMES), 30)
    assert why == f"is not for {NAMES[1]}"


def test_a_balancer_takes_nothing_that_clients_would_not(authority: Authority) -> None:
    names = list(NAMES)
    assert renewing.trouble_of(issued(authority), names) == ""
    assert "expired" in renewing.trouble_of(issued(authority, -1), names)
    assert NAMES[1] in renewing.trouble_of(issued(authority, names=NAMES[:1]), names)
    own = self_signed(ecdsa_key())
    assert "self-signed" in renewing.trouble_of(own + authority.certificate, names)
    alone = issued(authority).removesuffix(authority.certificate)
    assert "intermediate" in renewing.trouble_of(alone, names)
    foreign = Authority(not_after=authority.not_after).certificate
    assert "chain is broken" in renewing.trouble_of(alone + foreign, names)
    tomorrow = datetime.now(UTC) + DAY
    early = authority.issue(ecdsa_key(), NAMES, tomorrow, tomorrow + 60 * DAY)
    assert "not yet valid" in renewing.trouble_of(early + authority.certificate, names)


def archive(*members: tuple[str, bytes, bytes], mode: str = "w:") -> bytes:
    """Return a tar file of members: name, type, content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as packed:  # type: ignore[call-overload]
        for name, kind, content in members:
            about = tarfile.TarInfo(name)
            about.type, about.size, about.linkname = kind, len(content), "/etc/shadow"
            packed.addfile(about, io.BytesIO(content))
    return file.getvalue()


def both(kind: bytes, content: bytes) -> list[tuple[str, bytes, bytes]]:
    return [(f"site.pem.{each}", kind, content) for each in ("ecdsa", "rsa")]


def test_two_pairs_are_read_and_nothing_beside_them() -> None:
    also = ("../../etc/cron.d/x", tarfile.REGTYPE, b"mine")
    got = renewing.unpacked(archive(also, *both(tarfile.REGTYPE, b"a pair")))
    assert got == {"ecdsa": "a pair", "rsa": "a pair"}


@pytest.mark.parametrize(
    "sent",
    [
        archive(*both(tarfile.SYMTYPE, b"")),
        archive(*both(tarfile.REGTYPE, bytes(renewing.MOST_BYTES + 1))),
        archive(*both(tarfile.REGTYPE, b"small when sent"), mode="w:gz"),
        archive(*both(tarfile.REGTYPE, b"half")[:1]),
        b"no archive",
    ],
)
def test_an_observer_cannot_send_what_is_no_pair(sent: bytes) -> None:
    with pytest.raises((Failed, KeyError, tarfile.TarError)):
        renewing.unpacked(sent)


def test_an_observer_cannot_fill_a_balancers_memory() -> None:
    with pytest.raises(Failed, match="more than two pairs"):
        renewing.answered(["cat", "/dev/zero"])


def test_an_observer_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewing, "FETCH_SECONDS", 0.2)
    with pytest.raises(Failed, match="gave nothing"):
        renewing.answered(["sleep", "600"])
    assert renewing.answered(["echo", "well"]) == b"well\n"
    with pytest.raises(Failed, match="gave nothing: not let in"):
        renewing.answered(["sh", "-c", "echo not let in >&2; exit 255"])


def test_what_an_operator_has_renewed_meanwhile_is_not_undone(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen, renewed = (dict.fromkeys(("ecdsa", "rsa"), issued(authority)) for _ in range(2))
    kept, installed = [stolen], []

    @contextmanager
    def held(_: str) -> Iterator[None]:
        kept[0] = renewed  # by who held the host
        yield

    def install(pairs: dict[str, str], _: str) -> dict[str, str]:
        installed.append(pairs)
        return {}

    monkeypatch.setattr(renewing, "held", held)
    monkeypatch.setattr(renewing, "fetched", lambda _: kept[0])
    monkeypatch.setattr(renewing, "in_use", lambda: dict.fromkeys(stolen, issued(authority, 20)))
    monkeypatch.setattr(renewing, "unproved", lambda *_: "")
    monkeypatch.setattr(certifying, "install_certificates", install)
    renewing.fetch({"names": list(NAMES)})
    assert installed == [renewed]


def test_only_balancers_may_come_and_each_for_the_two_files_alone() -> None:
    fleet = described_fleet()
    observer = fleet.host("obs1")
    lines = list(renewal.keys_of_balancers(fleet, observer))
    assert [line.split()[-1] for line in lines] == ["lb1", "lb2"]
    for line, name in zip(lines, ("lb1", "lb2"), strict=True):
        host = fleet.host(name)
        assert line.startswith(f'restrict,from="{host.address},{host.address6}",command="tar ')
        assert host.host_key in line
    for other in fleet.hosts:
        if other != observer:
            assert list(renewal.keys_of_balancers(fleet, other)) == []


def test_nothing_is_on_a_timer_where_nothing_could_be_ordered() -> None:
    fleet, observer = described_fleet(), described_fleet().host("obs1")
    assert renewal.ordering(fleet, observer, PLAIN)
    without = {name: value for name, value in PLAIN.items() if not name.startswith("dns_")}
    assert renewal.ordering(fleet, observer, without) == ()


def test_nobody_but_root_can_hold_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is taken by whoever can open its file, be it only to read."""
    path = tmp_path / "lock"
    monkeypatch.setattr(renewing, "LOCK", str(path))
    monkeypatch.setattr(serving, "LOCK", str(path))
    monkeypatch.setattr(serving, "_held", [])
    with renewing.held("a test"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert serving.lock("ada@here", "a test") == {}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    serving._held.pop().close()
