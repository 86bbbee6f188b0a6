"""The configuration of the supervisor library."""

from configparser import ConfigParser
from pathlib import Path

from app.run.programs import Program, configuration, programs


def read(text: str) -> ConfigParser:
    parser = ConfigParser()
    parser.read_string(text)
    return parser


def test_every_process_is_kept_but_the_greeting() -> None:
    assert {one.name: one.is_kept for one in programs("python")} == {
        "receiver": True,
        "drain": True,
        "pages": True,
        "notifier": True,
        "welcome": False,
    }


def test_odd_paths_are_taken_as_they_are() -> None:
    base, run = Path("/srv/100% ours"), Path("/srv/100% ours/var/run")
    text = configuration([Program("one", ["/srv/100% ours/py", "-c", "a b"])], base, run, None)
    parsed = read(text)
    assert parsed["program:one"]["command"] == "'/srv/100% ours/py' -c 'a b'"
    assert parsed["program:one"]["directory"] == str(base)
    assert parsed["supervisord"]["pidfile"] == f"{run}/supervisor.pid"


def test_a_user_is_named_only_when_there_is_one_to_name() -> None:
    kept = programs("python")
    assert "user" not in read(configuration(kept, Path("/b"), Path("/r"), None))["supervisord"]
    named = read(configuration(kept, Path("/b"), Path("/r"), "root"))
    assert named["supervisord"]["user"] == "root"
