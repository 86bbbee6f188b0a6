"""A fleet's description, right and wrong."""

from pathlib import Path

import pytest

from ops.errors import InventoryError
from ops.fleets import find_fleet
from ops.inventory import read_fleet
from provisioning.fleet import Backups, Certificates, Role
from tests.ops.inventories import HOST_KEY, inventory

CERTIFICATES = """[certificates]
directory = "https://acme.example.org:14000/dir"
email = "me@example.org"
dns = "rfc2136"
"""
BACKUPS = """[backups]
endpoint = "https://s3.example.org:8333"
region = "eu-central-1"
bucket = "still-backups"
recipients = ["keys/ada.asc", "keys/drill.asc"]
"""
HTTP = CERTIFICATES.replace("https:", "http:")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "berlin.toml"
    path.write_text(text, "utf-8")
    return path


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(InventoryError) as refused:
        read_fleet(written(tmp_path, text))
    return str(refused.value)


def test_a_fleet_is_read_whole(tmp_path: Path) -> None:
    fleet = read_fleet(written(tmp_path, inventory()))
    assert (fleet.name, fleet.site, fleet.lab) == ("berlin", "still.example.org", False)
    assert [host.name for host in fleet.of_role(Role.APP_SERVER)] == ["app1", "app2", "app3"]
    assert fleet.host("db2").address6 == "2001:db8::17"
    assert fleet.operators[0].key == HOST_KEY


def test_where_certificates_come_from_is_read(tmp_path: Path) -> None:
    assert read_fleet(written(tmp_path, inventory())).certificates is None
    text = inventory(changed={"[operators": f"{CERTIFICATES}[operators"})
    assert read_fleet(written(tmp_path, text)).certificates == Certificates(
        "https://acme.example.org:14000/dir", "me@example.org", "rfc2136"
    )


def test_where_backups_go_is_read(tmp_path: Path) -> None:
    assert read_fleet(written(tmp_path, inventory())).backups is None
    more = 'prefix = "berlin/"\nauthority = "s3.pem"\nlock_days = 30\n'
    text = inventory(changed={"[operators": f"{BACKUPS}{more}[operators"})
    assert read_fleet(written(tmp_path, text)).backups == Backups(
        "https://s3.example.org:8333", "eu-central-1", "still-backups",
        ("keys/ada.asc", "keys/drill.asc"), "berlin/", "s3.pem", 30,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("https://s3", "s3", "an address without a path"),
        (":8333", ":8333/bucket", "an address without a path"),
        ("eu-central-1", "EU", "a region"),
        ("still-backups", "sb", "a bucket's name"),
        ('["keys/ada.asc", "keys/drill.asc"]', "[]", "a list of files of public keys"),
        ("keys/ada.asc", "/etc/ada.asc", "a list of files of public keys"),
        ("keys/ada.asc", "../ada.asc", "a list of files of public keys"),
        ("keys/ada.asc", "keys/ada", "a list of files of public keys"),
        ("keys/ada.asc", "others/drill.asc", "no two of one name"),
        ("region", "regions", "regions is unknown in [backups]"),
        ('bucket = "still-backups"\n', "", "[backups] has no bucket"),
        ("[backups]", '[backups]\nprefix = "/x"', "the beginning of keys"),
        ("[backups]", '[backups]\nprefix = "x"', "with a slash at its end"),
        ("[backups]", "[backups]\nlock_days = -1", "from 0 to 3650"),
    ],
)
def test_what_is_wrong_about_backups_is_named(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert old in BACKUPS
    text = f"{BACKUPS.replace(old, new, 1)}[operators"
    assert said in refusal(tmp_path, inventory(changed={"[operators": text}))


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('role = "database"', 'rolle = "database"', 38, "rolle is unknown in [hosts.db1]"),
        ('role = "database"', 'role = "databse"', 38, "one of load_balancer, app_server"),
        ('site = "still', 'sites = "still', 3, "sites is unknown in [fleet]"),
        ('pings = "ping.example.org"\n', "", 1, "[fleet] has no pings"),
        ('address = "192.0.2.16"', 'address = "192.0.2.12"', 40, "db1 and lb2 both have"),
        ('address = "192.0.2.16"', 'address = "192.0.2.316"', 40, "one IPv4 address"),
        ('address = "192.0.2.16"', 'address = "2001:db8::99"', 40, "one IPv4 address"),
        ('address6 = "2001:db8::16"', 'address6 = "::1"', 41, "other hosts can reach"),
        ("[hosts.db1]", "[hosts.DB1]", 37, "'DB1' cannot be a name"),
        ("[operators.ada]", "[operator.ada]", 5, "operator is unknown in the file"),
        ('name = "berlin"', 'name = "berlin"\nport = 4322', 3, "port is unknown in [fleet]"),
        ("AAAAC3NzaC1lZDI1NTE5AAAAIB1r", "AAAA", 6, "an SSH public key"),
        ('host_key = "', 'host_key = "sk-', 12, "a key of the host's own"),
        ("bYd6j6Sx", "", 6, "an SSH public key"),
        ('address6 = "2001:db8::16"', 'address6 = "fe80::1%eth0"', 41, "other hosts can reach"),
        ('address6 = "2001:db8::16"', 'address6 = "::ffff:192.0.2.16"', 41, "can reach"),
        ('address = "192.0.2.16"', 'address = "255.255.255.255"', 40, "other hosts can reach"),
        ('name = "berlin"', "name = 7", 2, "a word of a-z"),
        ("[operators", "ping_rate_per_minute = 0\n[operators", 5, "from 1 to 1000000"),
        ("[operators", "most_connections = true\n[operators", 5, "a whole number"),
        ("[operators", 'rate_exempt = ["10.0.0.1/8"]\n[operators', 5, "a list of networks"),
        ("[operators", 'rate_exempt = "10.0.0.0/8"\n[operators', 5, "a list of networks"),
        ("[operators", 'mail_server = "mail"\n[operators', 5, "a host name and a port"),
        ("[operators", 'mail_from = "ada"\n[operators', 5, "an e-mail address"),
        ("[operators", "[certificates]\n[operators", 5, "[certificates] has no directory"),
        ("[operators", 'certificates = "no"\n[operators', 5, "certificates is unknown in [fleet]"),
        ("[operators", f'{CERTIFICATES}ca = "x"\n[operators', 9, "ca is unknown in [certificates]"),
        ("[operators", f"{HTTP}\n[operators", 6, "an address that begins with https://"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int, said: str
) -> None:
    message = refusal(tmp_path, inventory(changed={old: new}))
    assert f"berlin.toml:{line}: " in message
    assert said in message


def test_two_hosts_of_one_name_are_refused(tmp_path: Path) -> None:
    message = refusal(tmp_path, inventory(changed={"[hosts.db2]": "[hosts.db1]"}))
    assert "berlin.toml" in message
    assert "line 43" in message


def test_a_fleet_without_hosts_is_refused(tmp_path: Path) -> None:
    text = inventory()
    message = refusal(tmp_path, text[: text.index("[hosts")])
    assert "no [hosts.NAME] is there" in message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"nowhere\.toml cannot be read"):
        read_fleet(tmp_path / "nowhere.toml")


def test_a_lab_that_is_not_up_is_said_to_be_down(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="The fleet lab is not up"):
        find_fleet("lab", {"STILLHERE_LAB_DIR": str(tmp_path)})


def test_a_lab_is_found_where_it_was_put(tmp_path: Path) -> None:
    folder = tmp_path / "lab-two"
    folder.mkdir()
    (folder / "inventory.toml").write_text(inventory(lab=True), "utf-8")
    environment = {"STILLHERE_LAB_DIR": str(tmp_path)}
    assert find_fleet("lab-two", environment).lab
    assert find_fleet("", environment | {"STILLHERE_FLEET": "lab-two"}).lab


def test_a_fleet_can_be_named_by_its_file(tmp_path: Path) -> None:
    assert find_fleet(str(written(tmp_path, inventory()))).name == "berlin"


def test_an_unknown_fleet_is_told_which_there_are() -> None:
    with pytest.raises(InventoryError, match="There is no fleet 'nowhere'"):
        find_fleet("nowhere")


def test_without_a_name_and_without_an_inventory_nothing_is_guessed() -> None:
    with pytest.raises(InventoryError, match="Which fleet"):
        find_fleet("", {})


def test_the_example_is_a_whole_inventory() -> None:
    example = Path(__file__).parents[2] / "provisioning" / "inventory" / "example.toml"
    assert {host.role for host in read_fleet(example).hosts} == set(Role)
