import subprocess
import sys

import pytest

from ops.errors import LabError
from ops.lab.lock import holding

HOLD = """
import sys, time
from ops.lab.lock import holding
with holding(sys.argv[1], 0):
    print("held", flush=True)
    time.sleep(60)
"""
NAME = "stillhere-test-lock"


def test_a_second_one_waits_and_then_says_who_is_in_the_way() -> None:
    with holding(NAME, 0), pytest.raises(LabError, match=NAME), holding(NAME, 0.1):
        pass
    with holding(NAME, 0):
        pass


def test_a_killed_holder_holds_nothing() -> None:
    command = [sys.executable, "-c", HOLD, NAME]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LabError), holding(NAME, 0):
            pass
        other.kill()
    with holding(NAME, 1):
        pass
