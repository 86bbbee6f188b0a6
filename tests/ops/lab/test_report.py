import pytest

from ops.lab import faults, hosts
from ops.lab.plan import HOSTS, Lab
from ops.lab.report import aligned, status


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert aligned([("a", "b", "c"), ("long", "", "x")]) == ["a     b  c", "long     x"]


@pytest.mark.lab
def test_status_has_a_line_for_each_host_with_its_state_and_faults(troubled_lab: Lab) -> None:
    lab = troubled_lab
    hosts.kill(lab, lab.host("app2"))
    faults.lose(lab, lab.host("lb2"), 5)
    faults.cut(lab, lab.host("db1"))
    lines = {line.split()[0]: line for line in status(lab)[1:]}
    assert list(lines) == [host.name for host in HOSTS]
    assert lines["app2"].split()[1:3] == ["app_server", "dead"]
    assert lines["lb2"].endswith("loss 5 %")
    assert lines["db1"].split()[2] == "running"
    assert lines["db1"].endswith("cut")
    assert "MiB" in lines["lb1"]
