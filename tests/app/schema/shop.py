"""An app of its own with migrations of its own, on a database of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg2

from tests.architecture.tree import ROOT
from tests.postgresql import Cluster

_SETTINGS = """
from app.settings import *
INSTALLED_APPS = [*INSTALLED_APPS, "shop"]
"""
_MIGRATION = """
from django.contrib.postgres.operations import *
from django.db import migrations, models
from django.db.migrations import *
class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = [{before}]
    operations = [{operations}]
"""


@dataclass(slots=True)
class Shop:
    """Runs `manage.py migrate_release` as a deploy does, with migrations that a test wrote."""

    folder: Path
    url: str
    written: int = 0

    def write(self, operations: str, *, atomic: bool = True) -> None:
        """Add the next migration: 0001_m, 0002_m, ..."""
        before = f"('shop', '{self.written:04d}_m')" if self.written else ""
        self.written += 1
        place = self.folder / "shop" / "migrations"
        place.mkdir(parents=True, exist_ok=True)
        for init in (place / "__init__.py", place.parent / "__init__.py"):
            init.touch()
        text = _MIGRATION.format(atomic=atomic, before=before, operations=operations)
        (place / f"{self.written:04d}_m.py").write_text(text, "utf-8")
        (self.folder / "shop_settings.py").write_text(_SETTINGS, "utf-8")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{self.folder}:{ROOT}",
            "STILLHERE_DATA_DIR": str(self.folder),
            "DATABASE_URL": self.url,
            "DJANGO_SETTINGS_MODULE": "shop_settings",
            "PYTHONDONTWRITEBYTECODE": "1",  # a file that changes within a second is another one
        }
        return subprocess.Popen(
            [sys.executable, "-m", "django", "migrate_release", *arguments],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Return exit status, output and complaints."""
        with self.start(*arguments) as process:
            said, complained = process.communicate(timeout=120)
            return process.returncode, said, complained

    def works(self, *arguments: str) -> str:
        status, said, complained = self.run(*arguments)
        assert status == 0, said + complained
        return said

    def connect(self) -> "psycopg2.extensions.connection":
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        return connection

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        """Run a statement; return its rows."""
        connection = self.connect()
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def shop_on(cluster: Cluster, folder: Path) -> Shop:
    """Return a shop with an empty database that has the name of its folder."""
    name = folder.name.replace("-", "_").lower()[:60]
    connection = psycopg2.connect(cluster.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}"')
    connection.close()
    host = quote(str(cluster.directory), safe="")
    return Shop(folder, f"postgresql://stillhere@/{name}?host={host}")
