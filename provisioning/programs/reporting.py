"""A timer's unit has ended: its own check is told how.

    reporting NAME      NAME-HOST is the check; $SERVICE_RESULT says whether all went well

By ExecStopPost, with root's rights, since only root may read SETTINGS: they have a key.
What no ping says in time, the service says by itself. Only Python 3.11's own library here.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Mapping

SETTINGS = "/etc/stillhere/timers.json"
SECONDS = 10
TRIES = 3


def main(name: str) -> int:
    """Tell it; 1 when it could not be told, and stderr why. Never the address: it has a key."""
    with open(SETTINGS, encoding="utf-8") as file:
        settings = json.load(file)
    if not settings["pings"]:
        return 0
    trouble = report(f"{settings['pings']}/{name}-{settings['host']}", os.environ)
    if trouble:
        print(f"The check of {name} could not be told: {trouble}", file=sys.stderr)
    return int(bool(trouble))


def report(url: str, ended: Mapping[str, str]) -> str:
    """Ping the check; return "" or why not. `ended` has what systemd says of the unit's end."""
    result = ended.get("SERVICE_RESULT", "unknown")
    url = f"{url}{'' if result == 'success' else '/fail'}?create=1"
    words = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")
    said = "".join(f"{word}={ended[word]}\n" for word in words if word in ended).encode()
    trouble = ""
    for number in range(TRIES):
        if number:
            time.sleep(2**number)
        try:
            urllib.request.urlopen(url, said, timeout=SECONDS).close()  # noqa: S310
        except OSError as error:
            trouble = str(error)
        else:
            return ""
    return trouble


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
