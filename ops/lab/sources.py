"""The machine's own apt sources, with the suite exchanged: this is where they are rewritten. Pure.

No mirror's name is ours to write: what the machine installs from is what its
lab installs from. Sources of other people (no component `main` of a suite of
Debian's) are left out.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CODENAMES = {12: "bookworm", 13: "trixie"}
_ALIASES = {"stable", "oldstable", "testing"}
_KINDS = ("", "-updates", "-security")


@dataclass(frozen=True, slots=True)
class Source:
    """One suite of one archive. `options` are as in a `.list` file, `signed-by=...`."""

    uri: str
    suite: str
    options: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it as a line of a `.list` file."""
        options = f"[{' '.join(self.options)}] " if self.options else ""
        return f"deb {options}{self.uri} {self.suite} main"


def exchanged(files: Mapping[str, str], own_codename: str, release: int) -> list[Source]:
    """Return the sources for a Debian release; `files` are the machine's, by file name."""
    found: dict[Source, None] = {}  # in order, each once
    for name, text in files.items():
        for source in _deb822(text) if name.endswith(".sources") else _one_line(text):
            kind = source.suite.removeprefix(_base(source.suite))
            if _base(source.suite) in {own_codename, *_ALIASES, *CODENAMES.values()} and (
                kind in _KINDS
            ):
                suite = CODENAMES[release] + kind
                found[Source(source.uri, suite, source.options)] = None
    return list(found)


def _base(suite: str) -> str:
    return suite.split("-")[0]


def _one_line(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+(.*)", line.split("#")[0])
        if match and "main" in match[4].split():
            yield Source(match[2], match[3], tuple((match[1] or "").split()))


def _deb822(text: str) -> Iterator[Source]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        enabled = fields.get("enabled", "yes").lower() not in {"no", "false", "0"}
        if not enabled or "deb" not in fields.get("types", "").split():
            continue
        if "main" not in fields.get("components", "").split():
            continue
        signer = fields.get("signed-by", "")
        # A key that is written into the stanza itself has no place in a line.
        options = (f"signed-by={signer}",) if signer.startswith("/") else ()
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Source(uri, suite, options)


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    key = ""
    for line in stanza.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line[0].isspace():
            fields[key] = f"{fields.get(key, '')} {line.strip()}".strip()
        else:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = value.strip()
    return fields
