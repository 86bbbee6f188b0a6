"""What hosts would get is what was reviewed."""

from provisioning.roles import resources_of
from tests.provisioning import goldens
from tests.provisioning.described import PLAIN, described_fleet, machines


def test_every_rendered_configuration_is_the_one_that_was_reviewed() -> None:
    """`make golden` writes them anew; `git diff` is then the review."""
    written, wanted = goldens.written(), goldens.wanted()
    assert sorted(written) == sorted(wanted)
    for path, text in wanted.items():
        assert written[path] == text, path


def test_no_secret_is_in_them() -> None:
    everything = "".join(goldens.written().values())
    assert not [secret for secret in PLAIN.values() if secret in everything]


def test_every_host_of_a_role_gets_the_same_but_for_its_own_name_and_address() -> None:
    """So that one of each is enough to review."""
    fleet = described_fleet()
    known = machines(fleet)
    for name, others in (("lb1", ["lb2"]), ("app1", ["app2", "app3"])):
        first = [one.key for one in resources_of(fleet, fleet.host(name), known, PLAIN)]
        for other in others:
            found = resources_of(fleet, fleet.host(other), known, PLAIN)
            assert [one.key for one in found] == first
