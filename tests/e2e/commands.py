"""Commands of the application in a service's environment."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120


class Commands:
    """Whoever has an environment can run them there."""

    __slots__ = ()
    environment: dict[str, str]

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py; return what it prints."""
        return self._printed("manage.py", *arguments)

    def evaluate(self, program: str) -> Any:
        """Run Python with the application set up; return what it assigned to `result`."""
        prologue = "import json, django; django.setup(); result = None\n"
        epilogue = "\nprint(json.dumps(result, default=str))"
        return json.loads(self._printed("-W", "ignore", "-c", prologue + program + epilogue))

    def _printed(self, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        return subprocess.check_output(
            command, cwd=ROOT, env=self.environment, text=True, timeout=SECONDS
        )
