import pytest

from ops.errors import LabError
from ops.lab import faults, hosts
from ops.lab.plan import Lab, lab_named
from tests.ops.lab.traffic import pings_answered, reaches, round_trip_ms, ssh


def test_old_nft_can_read_the_rules() -> None:
    lab = lab_named("p")
    rules = faults.loss_rules("p-loss-db1-30", "p-db1", 30)
    rules += faults.block_rules(lab, "p-block-app1-db1", lab.host("app1"), lab.host("db1"))
    rules += faults.port_rules(lab, "p-port", lab.host("app1"), lab.host("db1"), 5432)
    assert not any(line.count("}") > 1 for line in rules.splitlines())


@pytest.mark.lab
def test_a_cut_host_is_silent_and_comes_back(troubled_lab: Lab) -> None:
    lab, database = troubled_lab, troubled_lab.host("db1")
    faults.cut(lab, database)
    assert not reaches(lab, "app1", "db1")
    assert reaches(lab, "app1", "db2")
    assert hosts.execute(lab, database, ["true"]).returncode == 0
    assert faults.faults_of(lab)["db1"] == ["cut"]
    faults.uncut(lab, database)
    assert reaches(lab, "app1", "db1")
    assert reaches(lab, "app1", "db1", six=True)


@pytest.mark.lab
def test_loss_takes_about_its_share_each_way(troubled_lab: Lab) -> None:
    lab, one = troubled_lab, troubled_lab.host("app1")
    faults.lose(lab, one, 90)
    faults.lose(lab, one, 30)  # in place of the former
    assert faults.faults_of(lab)["app1"] == ["loss 30 %"]
    # 0.7 * 0.7 of 300 come back: 147, with a standard deviation of 9.
    assert 100 < pings_answered(lab, "app1", "db1", 300) < 195
    faults.lose(lab, one, 0)
    assert pings_answered(lab, "app1", "db1", 100) == 100


@pytest.mark.lab
def test_a_delay_is_added_each_way_and_stays_with_the_cable(troubled_lab: Lab) -> None:
    lab, database = troubled_lab, troubled_lab.host("db2")
    faults.delay(lab, database, 80)
    faults.delay(lab, database, 25)
    assert faults.faults_of(lab)["db2"] == ["delay 25 ms"]
    assert 50 <= round_trip_ms(lab, "app1", "db2") < 70
    assert round_trip_ms(lab, "app1", "db1") < 20
    hosts.kill(lab, database)
    hosts.start(lab, database)
    hosts.wait_until_ready(lab, database)
    assert 50 <= round_trip_ms(lab, "app1", "db2") < 70
    faults.delay(lab, database, 0)
    assert round_trip_ms(lab, "app1", "db2") < 20


@pytest.mark.lab
def test_bulk_passes_a_delayed_cable_whole(troubled_lab: Lab) -> None:
    lab, one = troubled_lab, troubled_lab.host("app2")
    faults.delay(lab, one, 5)
    sent = ssh(
        lab, lab.address(one), "head -c 5000000 /dev/zero | sha256sum; yes | head -c 5000000"
    )
    assert sent.returncode == 0, sent.stderr
    assert len(sent.stdout) > 5_000_000


@pytest.mark.lab
@pytest.mark.parametrize(("one", "other"), [("app1", "db1"), ("lb1", "obs1")])
def test_a_blocked_pair_hears_all_but_each_other(troubled_lab: Lab, one: str, other: str) -> None:
    lab = troubled_lab
    faults.block(lab, lab.host(one), lab.host(other))
    assert faults.faults_of(lab)[one] == [f"blocked {other}"]
    assert faults.faults_of(lab)[other] == [f"blocked {one}"]
    for six in (False, True):
        assert not reaches(lab, one, other, six=six)
        assert not reaches(lab, other, one, six=six)
        assert reaches(lab, one, "db2", six=six)
        assert reaches(lab, "client", other, six=six)
    hosts.execute(lab, lab.host(one), ["nft", "flush", "ruleset"])
    assert not reaches(lab, one, other)


@pytest.mark.lab
def test_clear_mends_everything(troubled_lab: Lab) -> None:
    lab = troubled_lab
    faults.cut(lab, lab.host("app1"))
    faults.lose(lab, lab.host("app2"), 100)
    faults.delay(lab, lab.host("app3"), 50)
    faults.block(lab, lab.host("db1"), lab.host("db2"))
    assert sum(map(len, faults.faults_of(lab).values())) == 5
    faults.clear(lab)
    assert sum(map(len, faults.faults_of(lab).values())) == 0
    for source, target in (("lb1", "app1"), ("lb1", "app2"), ("db1", "db2")):
        assert reaches(lab, source, target)
    assert round_trip_ms(lab, "lb1", "app3") < 20


@pytest.mark.lab
def test_what_makes_no_sense_is_refused(lab: Lab) -> None:
    one = lab.host("app1")
    with pytest.raises(LabError, match="0 to 100"):
        faults.lose(lab, one, 101)
    with pytest.raises(LabError, match="no delay"):
        faults.delay(lab, one, -1)
    with pytest.raises(LabError, match="from itself"):
        faults.block(lab, one, one)


@pytest.mark.lab
def test_a_blocked_port_is_silent_to_one_host_alone(troubled_lab: Lab) -> None:
    lab = troubled_lab
    faults.block_port(lab, lab.host("app1"), lab.host("app2"), 22)
    assert faults.faults_of(lab)["app1"] == ["blocked app2 port 22"]
    assert faults.faults_of(lab)["app2"] == []
    for family in (lab.address, lab.address6):
        address = family(lab.host("app2"))
        assert not _knocks(lab, "app1", address)
        assert _knocks(lab, "app3", address)
        assert _knocks(lab, "app1", family(lab.host("app3")))
    assert reaches(lab, "app1", "app2")
    with pytest.raises(LabError, match="is no port"):
        faults.block_port(lab, lab.host("app1"), lab.host("app2"), 70_000)


def _knocks(lab: Lab, source: str, address: str) -> bool:
    """Say whether the port of ssh takes a connection."""
    knock = f"exec 3<>/dev/tcp/{address}/22"
    return not hosts.execute(
        lab, lab.host(source), ["timeout", "2", "bash", "-c", knock]
    ).returncode
