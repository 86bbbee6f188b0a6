"""Which releases may go from a host."""

from hypothesis import given
from hypothesis import strategies as st

from ops.release.hosts import Kept, OnHost
from ops.release.keeping import what_may_go

IDS = [f"{number:012x}" for number in range(12)]


@st.composite
def hosts(draw: st.DrawFn) -> OnHost:
    """Return any host: also one whose links name what is not there any more."""
    names = draw(st.lists(st.sampled_from(IDS), unique=True))
    packages = draw(st.lists(st.sampled_from(IDS), unique=True))
    releases = tuple(
        Kept(name, "", draw(st.sampled_from([*IDS, ""])), draw(st.integers(0, 3))) for name in names
    )
    link = st.sampled_from(["", *IDS])
    return OnHost("3.13", "x86_64", releases, tuple(packages), draw(link), draw(link), None, "")


@given(hosts(), st.integers(0, 6), st.sets(st.sampled_from(IDS), max_size=2))
def test_what_is_needed_stays(on: OnHost, most: int, also: set[str]) -> None:
    gone = what_may_go(on, most, also)
    assert not {on.current, on.previous, *also} & set(gone.releases)
    stays = [one for one in on.releases if one.id not in gone.releases]
    assert not {one.packages for one in stays} & set(gone.packages)
    assert len(stays) >= min(most, len(on.releases))


@given(hosts(), st.integers(0, 6), st.sets(st.sampled_from(IDS), max_size=2))
def test_no_more_stays_than_needed(on: OnHost, most: int, also: set[str]) -> None:
    gone = what_may_go(on, most, also)
    stays = [one for one in on.releases if one.id not in gone.releases]
    asked = [one for one in stays if one.id not in {on.current, on.previous, *also}]
    assert len(asked) <= most
    newest_gone = max((one.arrived for one in on.releases if one.id in gone.releases), default=-1)
    assert all(one.arrived >= newest_gone for one in asked)
    used = {one.packages for one in stays}
    assert set(on.packages) - set(gone.packages) <= used


@given(hosts(), st.integers(0, 6))
def test_a_second_time_nothing_goes(on: OnHost, most: int) -> None:
    gone = what_may_go(on, most)
    after = OnHost(
        on.python,
        on.machine,
        tuple(one for one in on.releases if one.id not in gone.releases),
        tuple(name for name in on.packages if name not in gone.packages),
        on.current,
        on.previous,
        None,
        "",
    )
    again = what_may_go(after, most)
    assert (again.releases, again.packages) == ((), ())
