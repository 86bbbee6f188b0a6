"""Settings of the plain Django view (django_view), which takes a ping in one transaction.

    DJANGO_SETTINGS_MODULE=tests.bench.ping.django_settings gunicorn app.wsgi

Middleware is what `django-admin startproject` gives. CONN_MAX_AGE comes from the environment.
"""

import os

from app.settings import *  # noqa: F403
from app.settings import DATABASES

DATABASES["default"]["CONN_MAX_AGE"] = int(os.environ["BENCH_CONN_MAX_AGE"])
# A new connection is made for each request anyway, or was used a moment ago.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = False
ROOT_URLCONF = "tests.bench.ping.django_view"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
