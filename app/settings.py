"""Settings of every process, read from the environment (docs/settings.md).

Imports no Django, so that a receiver can read it without loading Django.
"""

import json
import socket
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app import env
from app.postgresql import options
from app.secret_key import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent

# --- where ------------------------------------------------------------------
DATA_DIR = Path(
    env.text("STILLHERE_DATA_DIR", "./var", "Directory of the database, the journals and the mail.")
)
DATA_DIR = DATA_DIR if DATA_DIR.is_absolute() else BASE_DIR / DATA_DIR
RUN_DIR = Path(
    env.text(
        "STILLHERE_RUN_DIR",
        "",
        "Directory of sockets and locks; empty means `run` in the data's.",
    )
    or DATA_DIR / "run"
)
JOURNAL_DIR = DATA_DIR / "journal"
MAIL_DIR = DATA_DIR / "mail"

HOST = env.text(
    "HOST", "", "Address to listen on, or several with commas; empty means 127.0.0.1 and ::1."
)


def _last_address() -> dict[str, str]:
    """Return where `make run` last served this data directory: commands beside it agree."""
    try:
        said = json.loads((DATA_DIR / "address.json").read_text("utf-8"))
        return {name: str(said[name]) for name in ("PORT", "SITE_ROOT", "PING_ENDPOINT")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


_LAST = _last_address()
PORT = env.whole(
    "PORT", int(_LAST.get("PORT", 8000)), "Port for pages and pings.", least=1, most=65535
)
SITE_ROOT = env.url(
    "SITE_ROOT",
    _LAST.get("SITE_ROOT", f"http://localhost:{PORT}"),
    "Public address of the pages, without a path.",
)
if urlsplit(SITE_ROOT).path:
    raise env.SettingError(f"SITE_ROOT={SITE_ROOT!r} has a path, and pages cannot live below one.")
PING_ENDPOINT = (
    env.url(
        "PING_ENDPOINT",
        _LAST.get("PING_ENDPOINT", f"{SITE_ROOT}/ping"),
        "Public address of the pings.",
    )
    + "/"
)
SIGN_UP = env.choice(
    "SIGN_UP",
    "invitation",
    ("open", "invitation", "closed"),
    "Who may make an account: open, invitation or closed.",
)
SITE_NAME = env.text("SITE_NAME", "Stillhere", "Name of the service in pages and mail.")
SERVER_NAME = env.text("SERVER_NAME", socket.gethostname(), "Label of this server.")[:100]

# --- security ---------------------------------------------------------------
DEBUG = env.flag("DEBUG", False, "Django's debug pages. Never on a public server.")


SECRET_KEY = secret_key(DATA_DIR)
_SITE = urlsplit(SITE_ROOT)
IS_HTTPS = _SITE.scheme == "https"
ALLOWED_HOSTS = env.names(
    "ALLOWED_HOSTS",
    f"{_SITE.hostname},localhost,127.0.0.1,[::1]",
    "Host names that pages answer to.",
)
TRUSTED_PROXIES = env.networks(
    "TRUSTED_PROXIES", "127.0.0.0/8,::1", "Whose X-Forwarded-For and -Proto are believed."
)
CSRF_TRUSTED_ORIGINS = [f"{_SITE.scheme}://{_SITE.netloc}"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_HSTS_SECONDS = 60 * 60 * 24 * 365 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- pings ------------------------------------------------------------------
MIN_PERIOD_SECONDS = env.whole(
    "MIN_PERIOD_SECONDS", 60, "Shortest period and grace of a check.", least=1
)
PING_BODY_LIMIT = env.whole("PING_BODY_LIMIT", 100_000, "Bytes kept of a ping's body.", most=10**6)
PING_LOG_LIMIT = env.whole("PING_LOG_LIMIT", 1_000, "Pings kept for each check.", least=1)
CHECK_LIMIT = env.whole("CHECK_LIMIT", 10_000, "Checks in a project; create=1 may double it.")
METRICS_TOKEN = env.text("METRICS_TOKEN", "", "Shows /-/metrics to whoever sends it as a bearer.")
RECEIVER_SLOT = env.whole(
    "RECEIVER_SLOT", 0, "Which journal of this server a receiver writes.", most=999
)
JOURNAL_LIMIT_BYTES = env.whole(
    "JOURNAL_LIMIT_BYTES",
    2 * 1024**3,
    "Bytes of one receiver's journal; when full, pings are answered 503.",
    least=2**20,
)
SEGMENT_BYTES = env.whole("SEGMENT_BYTES", 64 * 2**20, "Size of a journal file.", least=4096)
JOURNAL_KEEP_SECONDS = env.whole(
    "JOURNAL_KEEP_SECONDS", 900, "How long a drained journal file is kept at least."
)
SILENT_RECEIVER_SECONDS = env.whole(
    "SILENT_RECEIVER_SECONDS", 120, "How long a receiver that says nothing holds alerts.", least=1
)

# --- database ---------------------------------------------------------------
DATABASE_URL = env.text(
    "DATABASE_URL", "", "postgresql://user:password@host/name; empty means SQLite."
)
DATABASE_ANSWER_SECONDS = env.whole(
    "DATABASE_ANSWER_SECONDS",
    30,
    "How long a statement may take; a connection that is silent for somewhat longer is given up.",
    least=1,
    most=3600,
)
STANDBY_ANSWER_SECONDS = env.whole(
    "STANDBY_ANSWER_SECONDS",
    2,
    "How long what a person saves waits for a synchronous standby.",
    least=1,
    most=60,
)


def _sqlite() -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(DATA_DIR / "stillhere.sqlite3"),
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            "timeout": 10,
            "transaction_mode": "IMMEDIATE",
            # WAL lets pages read while the drain writes. FULL: what a person
            # saved is on disk; the drain lowers it for itself (pings/store).
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }


DATABASES = {
    "default": options.database(DATABASE_URL, DATABASE_ANSWER_SECONDS)
    if DATABASE_URL
    else _sqlite()
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- alerts -----------------------------------------------------------------
ALLOW_PRIVATE_ADDRESSES = env.flag(
    "ALLOW_PRIVATE_ADDRESSES", False, "Let webhooks reach private and loopback addresses."
)
NOTIFIER_WORKERS = env.whole("NOTIFIER_WORKERS", 8, "Alerts sent at a time.", least=1, most=256)
EMAIL_HOST = env.text("EMAIL_HOST", "", "SMTP server; empty keeps mail in the data directory.")
EMAIL_PORT = env.whole("EMAIL_PORT", 587, "Port of the SMTP server.", least=1, most=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "", "Login at the SMTP server.")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "", "Password at the SMTP server.")
EMAIL_USE_SSL = env.flag("EMAIL_USE_SSL", False, "TLS from the first byte (port 465).")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", not EMAIL_USE_SSL, "STARTTLS (port 587).")
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    raise env.SettingError("EMAIL_USE_SSL and EMAIL_USE_TLS are both on. Turn one of them off.")
EMAIL_TIMEOUT = env.whole("EMAIL_TIMEOUT", 15, "Seconds to wait for the SMTP server.", least=1)
DEFAULT_FROM_EMAIL = env.text(
    "DEFAULT_FROM_EMAIL", formataddr((SITE_NAME, "stillhere@localhost")), "Sender of all mail."
)
if "@" not in parseaddr(DEFAULT_FROM_EMAIL)[1]:
    raise env.SettingError(
        f"DEFAULT_FROM_EMAIL={DEFAULT_FROM_EMAIL!r} cannot be used: "
        "it has to be an address, as in Stillhere <alerts@example.org>."
    )
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend" if EMAIL_HOST else "app.local_mail.LocalMail"
)

# --- Django -----------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "app.accounts",
    "app.checks",
    "app.pings",
    "app.alerts",
    "app.pages",
    "app.web",
    "app.schema",
]
MIDDLEWARE = [
    "django.middleware.gzip.GZipMiddleware",  # outermost: static files too
    "app.web.middleware.https_is_known",
    "django.middleware.security.SecurityMiddleware",
    "app.web.middleware.know_compressed_files",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "app.web.middleware.content_security_policy",
    "app.web.middleware.reload_to_sign_in",
    "app.web.away.answer_calmly",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "app.urls"
WSGI_APPLICATION = "app.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
CSRF_FAILURE_VIEW = "app.web.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
LANGUAGE_CODE = "en"
STATIC_URL = "/static/"
# A release has its static files under names that say their content, for browsers to keep.
IS_RELEASE = (BASE_DIR / "release.json").exists()
STATIC_ROOT = BASE_DIR / "static" if IS_RELEASE else BASE_DIR / "build" / "static"
_STATIC_NAMES = "ManifestStaticFilesStorage" if IS_RELEASE else "StaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": f"django.contrib.staticfiles.storage.{_STATIC_NAMES}"},
}
WHITENOISE_USE_FINDERS = not IS_RELEASE
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    # 503 is app.web.away's, which has said it in a line.
    "filters": {
        "unless_away": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: getattr(record, "status_code", 0) != 503,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # What is refused would be logged with its path, which may be a link that still works.
        "django.request": {"handlers": [], "level": "ERROR", "filters": ["unless_away"]},
        # A stranger's odd Host header or oversized form is no error of ours.
        "django.security": {"handlers": [], "level": "CRITICAL"},
    },
}
