"""Scratch repositories that releases are made of."""

import os
import shutil
import subprocess
from pathlib import Path

from ops.release.commits import RELEASED, REQUIREMENTS
from tests.architecture.tree import ROOT, files

# Always the same person and hour, so that the same files are the same commit.
_WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "A"), ("EMAIL", "a@example.org"), ("DATE", "@1700000000 +0000"))
}


class Scratch:
    """A repository with the product as it stands in this checkout, committed or not."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path in files():
            if path.parts[0] in RELEASED or str(path) == REQUIREMENTS:
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, root / path)
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("The first release")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "commit.gpgsign=false", *arguments],
            cwd=self.root, env=os.environ | _WHO, capture_output=True, text=True, check=True,
            timeout=60,
        )  # fmt: skip
        return done.stdout.strip()

    def commit(self, subject: str, **contents: str) -> str:
        """Commit all, and files with these contents, by path with __ for /; return the id."""
        for name, text in contents.items():
            path = self.root / name.replace("__", "/").replace("_py", ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        return self.git("rev-parse", "HEAD")
