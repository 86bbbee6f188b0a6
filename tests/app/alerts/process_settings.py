"""Settings of a process that a test starts: the test's own database and directory."""

import os
from pathlib import Path

from app.settings import *  # noqa: F403
from app.settings import DATABASES

DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
DATA_DIR = Path(os.environ["TEST_DATA_DIR"])
RUN_DIR = DATA_DIR / "run"
