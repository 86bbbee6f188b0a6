"""Readers of the environment: a wrong value names its variable and says what is wanted."""

from pathlib import Path

import pytest

from app import env
from app.env import SettingError


@pytest.fixture(autouse=True)
def _own_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "VARIABLES", {})


def test_unset_and_empty_mean_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.text("SH_NAME", "one", "") == "one"
    monkeypatch.setenv("SH_NAME", "  ")
    assert env.text("SH_NAME", "one", "") == "one"
    assert env.whole("SH_NAME", 7, "") == 7
    assert env.flag("SH_NAME", True, "") is True


def test_white_space_around_a_value_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_NAME", " two\n")
    assert env.text("SH_NAME", "one", "") == "two"


def test_what_is_read_is_registered() -> None:
    env.whole("SH_NUMBER", 7, "A number.")
    assert list(env.VARIABLES.values()) == [env.Variable("SH_NUMBER", "7", "A number.")]


@pytest.mark.parametrize(
    ("raw", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False)]
)
def test_flags_are_words(monkeypatch: pytest.MonkeyPatch, raw: str, value: bool) -> None:
    monkeypatch.setenv("SH_FLAG", raw)
    assert env.flag("SH_FLAG", not value, "") is value


def test_a_wrong_flag_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_FLAG", "maybe")
    with pytest.raises(SettingError, match=r"SH_FLAG='maybe' cannot be used: it has to be 1 or 0"):
        env.flag("SH_FLAG", False, "")


@pytest.mark.parametrize("raw", ["0", "65536", "8000.0", "eight", "-1"])
def test_a_number_out_of_its_bounds_says_so(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SH_PORT", raw)
    with pytest.raises(SettingError, match=rf"SH_PORT='{raw}'.*whole number from 1 to 65535"):
        env.whole("SH_PORT", 8000, "", least=1, most=65535)


@pytest.mark.parametrize("raw", ["1", "65535"])
def test_a_number_at_its_bounds_is_taken(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SH_PORT", raw)
    assert env.whole("SH_PORT", 8000, "", least=1, most=65535) == int(raw)


def test_a_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_NAMES", "a, b,,c ")
    assert env.names("SH_NAMES", "", "") == ["a", "b", "c"]


def test_networks_are_addresses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_NETWORKS", "10.0.0.0/8, ::1")
    assert [str(one) for one in env.networks("SH_NETWORKS", "", "")] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize("raw", ["10.0.0.1/8", "example.org", "10.0.0.0/33"])
def test_a_wrong_network_says_so(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SH_NETWORKS", raw)
    with pytest.raises(SettingError, match=r"SH_NETWORKS=.*addresses or networks"):
        env.networks("SH_NETWORKS", "", "")


def test_an_address_has_no_slash_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_URL", "https://still.example.org/")
    assert env.url("SH_URL", "", "") == "https://still.example.org"


@pytest.mark.parametrize("raw", ["still.example.org", "ftp://still.example.org", "https://"])
def test_a_wrong_address_says_so(monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
    monkeypatch.setenv("SH_URL", raw)
    with pytest.raises(SettingError, match=r"SH_URL=.*an address"):
        env.url("SH_URL", "http://x", "")


def test_a_value_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("opensesame\n", "utf-8")
    monkeypatch.setenv("SH_SECRET_FILE", str(tmp_path / "secret"))
    assert env.text("SH_SECRET", "", "") == "opensesame"


def test_value_and_file_together_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_SECRET", "opensesame")
    monkeypatch.setenv("SH_SECRET_FILE", "/run/secret")
    with pytest.raises(SettingError, match="SH_SECRET and SH_SECRET_FILE are both set") as caught:
        env.text("SH_SECRET", "", "")
    assert "opensesame" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_file_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SH_SECRET_FILE", str(path))
    with pytest.raises(SettingError, match=r"SH_SECRET_FILE=.*cannot be read"):
        env.text("SH_SECRET", "", "")


@pytest.mark.parametrize(
    "value",
    ["https://[::1", "https://host:abc", "https://host:0", "ftp://host", "host", "http://",
     "https://user:pass@host", "https://host/?a=b", "https://host/#a"],
)  # fmt: skip
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SH_URL", value)
    with pytest.raises(env.SettingError, match="SH_URL"):
        env.url("SH_URL", "http://x", "")


def test_an_address_in_capitals_is_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SH_URL", "HTTPS://Still.example/")
    assert env.url("SH_URL", "http://x", "") == "https://Still.example"
