"""`check --deploy` refuses each unsafe production setting, and nothing else."""

import ipaddress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.checks import run_checks

from app import deploy_checks

SAFE: dict[str, Any] = {
    "DEBUG": False,
    "SITE_ROOT": "https://still.example.org",
    "PING_ENDPOINT": "https://still.example.org/ping/",
    "SECRET_KEY": "kX3-nq8Zr_wE5tYb2uJm7vLc0sPa9dFgH4iQoT1xMzB6eRyWkN",
    "ALLOWED_HOSTS": ["still.example.org"],
    "TRUSTED_PROXIES": (ipaddress.ip_network("10.0.0.0/24"),),
    "EMAIL_HOST": "smtp.example.org",
    "EMAIL_HOST_PASSWORD": "",
    "EMAIL_USE_TLS": True,
    "EMAIL_USE_SSL": False,
    "DEFAULT_FROM_EMAIL": "Stillhere <still@example.org>",
    "ALLOW_PRIVATE_ADDRESSES": False,
    "MIN_PERIOD_SECONDS": 60,
}


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    data_dir = tmp_path / "var"
    data_dir.mkdir(mode=0o700)
    (data_dir / "secret_key").touch(0o600)
    databases = {"default": database("db1", sslmode="verify-full")}
    settings = SimpleNamespace(**SAFE, DATA_DIR=data_dir, DATABASES=databases)
    # Not Django's own way to override, which touches the connections of the test.
    monkeypatch.setattr(deploy_checks, "settings", settings)
    return settings


def database(host: str, **options: str) -> dict[str, Any]:
    return {"ENGINE": "app.postgresql", "HOST": host, "OPTIONS": options}


def found() -> list[str]:
    return [str(message.id) for message in deploy_checks.unsafe_settings()]


def test_a_safe_production_setting_passes(production: SimpleNamespace) -> None:
    del production
    assert found() == []


@pytest.mark.parametrize(
    ("name", "value", "errors"),
    [
        ("DEBUG", True, ["debug"]),
        ("SITE_ROOT", "http://still.example.org", ["https"]),
        ("SITE_ROOT", "https://localhost", ["site_root"]),
        ("SITE_ROOT", "https://[::1]", ["site_root"]),
        ("PING_ENDPOINT", "http://127.0.0.1:8000/ping/", ["ping_endpoint"]),
        ("SECRET_KEY", "short", ["secret_key"]),
        ("SECRET_KEY", "a" * 60, ["secret_key"]),
        ("SECRET_KEY", "django-insecure-" + SAFE["SECRET_KEY"], ["secret_key_insecure"]),
        ("ALLOWED_HOSTS", ["still.example.org", "*"], ["allowed_hosts"]),
        ("TRUSTED_PROXIES", (ipaddress.ip_network("0.0.0.0/0"),), ["trusted_proxies"]),
        ("TRUSTED_PROXIES", (ipaddress.ip_network("::/0"),), ["trusted_proxies"]),
        ("EMAIL_HOST", "", ["email_host"]),
        ("DEFAULT_FROM_EMAIL", "Stillhere <stillhere@localhost>", ["from_email"]),
        ("DEFAULT_FROM_EMAIL", "nobody", ["from_email"]),
        ("ALLOW_PRIVATE_ADDRESSES", True, ["private_addresses"]),
        ("MIN_PERIOD_SECONDS", 1, ["min_period"]),
        ("DATABASES", {"default": database("db1")}, ["database_tls"]),
        ("DATABASES", {"default": database("/run/postgresql,db2")}, ["database_tls"]),
        ("DATABASES", {"default": database("db1", sslmode="prefer")}, ["database_tls"]),
        ("DATABASES", {"default": database("/run/postgresql")}, []),
        ("DATABASES", {"default": database("localhost")}, []),
        ("DATABASES", {"default": {"ENGINE": "django.db.backends.sqlite3"}}, []),
    ],
)
def test_an_unsafe_setting_is_refused(
    production: SimpleNamespace, name: str, value: object, errors: list[str]
) -> None:
    setattr(production, name, value)
    assert found() == [f"stillhere.{error}" for error in errors]


def test_a_password_is_not_sent_readable_to_the_smtp_server(production: SimpleNamespace) -> None:
    production.EMAIL_USE_TLS = False
    assert found() == []
    production.EMAIL_HOST_PASSWORD = "hunter2"
    assert found() == ["stillhere.email_tls"]
    production.EMAIL_USE_SSL = True
    assert found() == []


@pytest.mark.parametrize("name", ["", "secret_key"])
def test_data_that_others_can_read_are_refused(production: SimpleNamespace, name: str) -> None:
    path = production.DATA_DIR / name
    path.chmod(path.stat().st_mode | 0o040)
    assert found() == [f"stillhere.readable_{name or 'data'}"]


def test_messages_say_what_to_do_and_no_secret(production: SimpleNamespace) -> None:
    production.SECRET_KEY = "hunter2"
    production.DEBUG = True
    for message in deploy_checks.unsafe_settings():
        assert message.hint
        assert "hunter2" not in str(message)


def test_django_runs_them_with_deploy_only(production: SimpleNamespace) -> None:
    production.DEBUG = True
    deploy_checks.register()
    assert "stillhere.debug" in {one.id for one in run_checks(include_deployment_checks=True)}
    assert "stillhere.debug" not in {one.id for one in run_checks()}
