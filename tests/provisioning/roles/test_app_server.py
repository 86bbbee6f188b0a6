"""What application servers are told."""

from provisioning.resources import Unit
from tests.provisioning.described import (
    MAIL,
    PLAIN,
    described_fleet,
    files,
    machines,
    resources,
)

SETTINGS = "/etc/stillhere/app.env"


def test_the_products_units_wait_for_a_release_and_nothing_else_does() -> None:
    fleet = described_fleet()
    units = [one for one in resources(fleet, "app1", machines(fleet)) if isinstance(one, Unit)]
    assert {one.name for one in units if one.waits_for} == {
        one.name for one in units if one.name.startswith("stillhere-")
    }
    assert {"/srv/stillhere/current/release.json"} == {
        one.waits_for for one in units if one.waits_for
    }


def test_each_unit_is_told_of_its_own_file_and_of_every_setting() -> None:
    fleet = described_fleet()
    described = resources(fleet, "app1", machines(fleet))
    for unit in (one for one in described if isinstance(one, Unit)):
        if unit.waits_for and not unit.name.endswith(".socket"):
            assert {SETTINGS, "/etc/stillhere/secret_key", "/etc/stillhere/pgpass"} < {*unit.reads}
        assert {*unit.reads} <= {*files(described)}


def test_a_mail_server_is_spoken_to_as_its_port_says() -> None:
    for port, ssl, tls in ((465, 1, 0), (587, 0, 1), (25, 0, 0)):
        fleet = described_fleet(MAIL.replace("587", str(port)))
        text = files(resources(fleet, "app1", machines(fleet)))[SETTINGS].content or ""
        assert f"EMAIL_USE_SSL={ssl}\nEMAIL_USE_TLS={tls}\n" in text


def test_a_login_at_the_mail_server_comes_from_the_vault_by_files() -> None:
    fleet = described_fleet()
    secrets = PLAIN | {"mail_user": "ada", "mail_password": "hunter2"}
    found = files(resources(fleet, "app1", machines(fleet), secrets))
    assert "EMAIL_HOST_PASSWORD_FILE=/etc/stillhere/mail_password\n" in str(found[SETTINGS].content)
    assert "hunter2" not in str(found[SETTINGS].content)
    assert found["/etc/stillhere/mail_password"].secret


def test_no_mail_server_is_no_setting() -> None:
    fleet = described_fleet("")
    assert "EMAIL" not in str(files(resources(fleet, "app1", machines(fleet)))[SETTINGS].content)
