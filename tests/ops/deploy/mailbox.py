"""What people get by mail: this is where tests look into the world's sink."""

import json
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from ops.lab.world import MAIL
from tests.ops.rehearsal import Rehearsal

_READ = """
import json, pathlib, sys
files = sorted(pathlib.Path(sys.argv[1]).glob("*.eml"))
print(json.dumps([file.read_bytes().decode("latin-1") for file in files]))
"""


def mail_to(
    rehearsal: Rehearsal, to: str, subject: str, within_seconds: float = 30
) -> EmailMessage:
    """Wait for the newest mail to somebody whose subject begins so, and return it."""
    deadline = time.monotonic() + within_seconds
    while True:
        every = _all(rehearsal)
        found = [
            one for one in every if one["To"] == to and str(one["Subject"]).startswith(subject)
        ]
        if found:
            return found[-1]
        seen = [(one["To"], one["Subject"]) for one in every]
        assert time.monotonic() < deadline, f"no mail to {to} about {subject}, but {seen}"
        time.sleep(0.5)


def text_of(mail: EmailMessage) -> str:
    """Return what a person without HTML reads."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def _all(rehearsal: Rehearsal) -> list[EmailMessage]:
    said = json.loads(rehearsal.run("world", ["python3", "-c", _READ, MAIL]))
    return [message_from_bytes(text.encode("latin-1"), policy=default) for text in said]
