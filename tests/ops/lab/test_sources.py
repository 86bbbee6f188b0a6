from ops.lab.sources import Source, exchanged

KEYRING = "/usr/share/keyrings/debian.gpg"
DEB822 = f"""
# a comment
Types: deb deb-src
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: {KEYRING}

Types: deb
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main
"""


def test_the_suite_is_exchanged_and_everything_else_stays() -> None:
    found = exchanged({"debian.sources": DEB822}, "bookworm", 13)
    assert found == [
        Source("http://mirror.test/debian", "trixie", (f"signed-by={KEYRING}",)),
        Source("http://mirror.test/debian", "trixie-updates", (f"signed-by={KEYRING}",)),
        Source("http://mirror.test/security", "trixie-security"),
    ]


def test_the_machines_own_release_can_be_asked_for_too() -> None:
    found = exchanged({"debian.sources": DEB822}, "bookworm", 12)
    assert [source.suite for source in found] == [
        "bookworm",
        "bookworm-updates",
        "bookworm-security",
    ]


def test_the_one_line_format_is_read_with_its_options() -> None:
    text = """
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian trixie main non-free # ours
deb-src http://mirror.test/debian trixie main
# deb http://old.test/debian trixie main
deb http://mirror.test/security trixie-security main
"""
    assert [source.line() for source in exchanged({"sources.list": text}, "trixie", 12)] == [
        "deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main",
        "deb http://mirror.test/security bookworm-security main",
    ]


def test_the_alias_stable_is_a_suite_of_debians() -> None:
    found = exchanged({"a.list": "deb http://mirror.test/debian stable main"}, "trixie", 13)
    assert [source.suite for source in found] == ["trixie"]


def test_other_peoples_sources_are_left_out() -> None:
    text = """
deb http://containers.test/debian bookworm stable
deb http://databases.test/apt bookworm-pgdg main
deb http://scripts.test/node nodistro main
"""
    assert exchanged({"others.list": text}, "bookworm", 13) == []


def test_a_disabled_stanza_is_left_out() -> None:
    text = "Enabled: no\nTypes: deb\nURIs: http://m.test\nSuites: bookworm\nComponents: main\n"
    assert exchanged({"a.sources": text}, "bookworm", 13) == []


def test_folded_lines_and_a_key_in_the_stanza_are_read() -> None:
    text = """Types: deb
URIs: http://one.test/debian
  http://two.test/debian
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcd
"""
    assert exchanged({"a.sources": text}, "bookworm", 12) == [
        Source("http://one.test/debian", "bookworm"),
        Source("http://two.test/debian", "bookworm"),
    ]


def test_the_same_source_in_two_files_is_taken_once() -> None:
    line = "deb http://mirror.test/debian bookworm main"
    assert len(exchanged({"a.list": line, "b.list": line}, "bookworm", 13)) == 1
