"""`manage.py check --deploy`: this is where an unsafe production setting is refused.

Each error says what is wrong, which setting, why it matters and what to do, and
never shows a secret.
"""

import stat
from collections.abc import Iterator
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags
from django.core.checks import register as register_check

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_LEAST_SECRET = 40
_LEAST_PERIOD_SECONDS = 60

# The name of what was found, what it is and why it matters, what to do.
Found = Iterator[tuple[str, str, str]]


def register() -> None:
    """Have Django run these checks with --deploy."""
    register_check(unsafe_settings, Tags.security, deploy=True)


def unsafe_settings(**_kwargs: Any) -> list[CheckMessage]:
    """Return an error for each setting that must not go into production."""
    checks = (
        _debug,
        _site,
        _secret,
        _hosts,
        _proxies,
        _mail,
        _outbound,
        _period,
        _files,
        _database,
    )
    return [
        Error(what, hint=hint, id=f"stillhere.{name}")
        for check in checks
        for name, what, hint in check()
    ]


def _debug() -> Found:
    if settings.DEBUG:
        yield (
            "debug",
            "DEBUG is on: an error page shows settings and code to anybody.",
            "Unset DEBUG.",
        )


def _site() -> Found:
    site = urlsplit(settings.SITE_ROOT)
    if site.scheme != "https":
        yield (
            "https",
            f"SITE_ROOT={settings.SITE_ROOT} is not https: passwords and sessions travel readable.",
            "Set SITE_ROOT to the public https:// address.",
        )
    if site.hostname in _LOOPBACK:
        yield (
            "site_root",
            f"SITE_ROOT={settings.SITE_ROOT} is this machine: links in mail lead nowhere.",
            "Set SITE_ROOT to the address that people and jobs use.",
        )
    if urlsplit(settings.PING_ENDPOINT).hostname in _LOOPBACK:
        yield (
            "ping_endpoint",
            f"PING_ENDPOINT={settings.PING_ENDPOINT} is this machine: no other can ping it.",
            "Set PING_ENDPOINT, or SITE_ROOT that it follows.",
        )


def _secret() -> Found:
    if len(settings.SECRET_KEY) < _LEAST_SECRET or len(set(settings.SECRET_KEY)) < 10:
        yield (
            "secret_key",
            "SECRET_KEY is short or simple: who guesses it can sign in as anybody.",
            "Unset it, and a good one is made in the data directory.",
        )
    if settings.SECRET_KEY.startswith("django-insecure-"):
        yield (
            "secret_key_insecure",
            "SECRET_KEY is one that Django made for development.",
            "Unset it, and a good one is made in the data directory.",
        )


def _hosts() -> Found:
    if "*" in settings.ALLOWED_HOSTS:
        yield (
            "allowed_hosts",
            "ALLOWED_HOSTS has *: a forged Host header is believed.",
            "Name the hosts of SITE_ROOT.",
        )


def _proxies() -> Found:
    for network in settings.TRUSTED_PROXIES:
        if network.prefixlen == 0:
            yield (
                "trusted_proxies",
                f"TRUSTED_PROXIES has {network}: anybody may forge X-Forwarded-For.",
                "Name the addresses of your own load balancers.",
            )


def _mail() -> Found:
    if not settings.EMAIL_HOST:
        yield (
            "email_host",
            "EMAIL_HOST is empty: alerts stay in the data directory and reach nobody.",
            "Set EMAIL_HOST and the other EMAIL_ variables.",
        )
    elif not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL) and settings.EMAIL_HOST_PASSWORD:
        yield (
            "email_tls",
            "EMAIL_USE_TLS and EMAIL_USE_SSL are off: the SMTP password travels readable.",
            "Set one of them.",
        )
    _, _, domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].partition("@")
    if domain in ("localhost", ""):
        yield (
            "from_email",
            f"DEFAULT_FROM_EMAIL={settings.DEFAULT_FROM_EMAIL} is not a public address: "
            "mail servers refuse it.",
            "Set it to an address of a domain that your SMTP server may send for.",
        )


def _outbound() -> Found:
    if settings.ALLOW_PRIVATE_ADDRESSES:
        yield (
            "private_addresses",
            "ALLOW_PRIVATE_ADDRESSES is on: a webhook can reach the servers behind the firewall.",
            "Unset it unless every user is trusted with your network.",
        )


def _period() -> Found:
    if settings.MIN_PERIOD_SECONDS < _LEAST_PERIOD_SECONDS:
        yield (
            "min_period",
            f"MIN_PERIOD_SECONDS={settings.MIN_PERIOD_SECONDS} is meant for tests: "
            "such checks alert at every hiccup.",
            "Unset it; 60 is the default.",
        )


def _files() -> Found:
    for path in (settings.DATA_DIR, settings.DATA_DIR / "secret_key"):
        if path.exists() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield (
                f"readable_{path.name if path.name == 'secret_key' else 'data'}",
                f"{path} is open to other users of this machine.",
                f"chmod go= {path}",
            )


def _database() -> Found:
    database = settings.DATABASES["default"]
    hosts = str(database.get("HOST", "")).split(",")
    is_remote = any(host and host not in _LOOPBACK and not host.startswith("/") for host in hosts)
    is_safe = database.get("OPTIONS", {}).get("sslmode") in ("require", "verify-ca", "verify-full")
    if is_remote and not is_safe:
        yield (
            "database_tls",
            "DATABASE_URL reaches another machine without TLS: data and password travel readable.",
            "Add ?sslmode=verify-full (or require) to it.",
        )
