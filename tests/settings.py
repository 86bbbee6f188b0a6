"""app.settings for tests: every test process has a data directory of its own."""

import atexit
import os
import shutil
import tempfile

_directory = tempfile.mkdtemp(prefix="stillhere-test-")
atexit.register(shutil.rmtree, _directory, ignore_errors=True)
os.environ["STILLHERE_DATA_DIR"] = _directory

from app.settings import *  # noqa: E402, F403 (the variable above has to be there first)
from app.settings import DATA_DIR, DATABASE_URL, DATABASES  # noqa: E402

# On SQLite a file with its usual name, not memory: threads, WAL and processes
# that a test starts have to find what they find in production.
DATABASES["default"]["TEST"] = {
    "NAME": f"test_stillhere_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    if DATABASE_URL
    else str(DATA_DIR / "stillhere.sqlite3")
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir()
