from datetime import timedelta

import pytest

from ops.certificates.pair import Kind, shown, troubles_of_pair
from tests.ops.certificates.authorities import (
    NAMES,
    NOW,
    Authority,
    ecdsa_key,
    key_text,
    rsa_key,
    self_signed,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def _troubles(text: str, kind: Kind = Kind.ECDSA) -> list[str]:
    return troubles_of_pair(text, kind, NAMES, NOW)


def test_whole_pairs_of_both_kinds_have_no_trouble(authority: Authority) -> None:
    assert _troubles(authority.pair(ecdsa_key())) == []
    assert _troubles(authority.pair(rsa_key()), Kind.RSA) == []


def test_a_key_of_another_certificate_is_found(authority: Authority) -> None:
    mixed = authority.issue(ecdsa_key()) + authority.certificate + key_text(ecdsa_key())
    assert _troubles(mixed) == ["its private key belongs to another certificate"]


def test_a_name_that_is_missing_is_named(authority: Authority) -> None:
    key = ecdsa_key()
    text = authority.issue(key, names=NAMES[:1]) + authority.certificate + key_text(key)
    assert _troubles(text) == ["is not for ping.example.org"]


def test_validity_is_judged_to_the_moment(authority: Authority) -> None:
    key = ecdsa_key()

    def troubles(begin: timedelta, end: timedelta) -> list[str]:
        leaf = authority.issue(key, not_before=NOW + begin, not_after=NOW + end)
        return _troubles(leaf + authority.certificate + key_text(key))

    second, day = timedelta(seconds=1), timedelta(days=1)
    assert troubles(-day, second) == []
    assert troubles(-day, 0 * second) == ["has expired on 2026-03-01 12:00 UTC"]
    assert troubles(0 * second, day) == []
    assert troubles(second, day) == ["is valid only from 2026-03-01 12:00 UTC"]


def test_the_intermediate_has_to_be_there_and_to_be_the_right_one(authority: Authority) -> None:
    key = ecdsa_key()
    leaf = authority.issue(key)
    assert _troubles(leaf + key_text(key)) == ["comes without its intermediate certificate"]
    # Of the same name, so that only the signature tells.
    for stranger in (Authority(), Authority("Somebody Else")):
        assert _troubles(leaf + stranger.certificate + key_text(key)) == [
            "its chain is broken: one certificate is not signed by the next"
        ]
    ended = Authority(not_after=NOW)
    assert _troubles(ended.pair(key)) == ["its intermediate certificate has expired"]


def test_a_self_signed_one_and_one_of_the_wrong_kind_are_refused(authority: Authority) -> None:
    key = ecdsa_key()
    assert _troubles(self_signed(key) + key_text(key)) == ["is self-signed"]
    assert _troubles(authority.pair(rsa_key())) == ["its key is not of the kind ecdsa"]
    assert _troubles(authority.pair(key), Kind.RSA) == ["its key is not of the kind rsa"]
    assert _troubles(authority.pair(rsa_key(1024)), Kind.RSA) == ["its key is not of the kind rsa"]


def test_what_is_cut_anywhere_is_refused_and_quoted_nowhere(authority: Authority) -> None:
    key = ecdsa_key()
    whole = authority.pair(key).rstrip("\n")
    body = key_text(key).splitlines()[1]
    for length in range(0, len(whole), 53):
        troubles = _troubles(whole[:length])
        assert troubles, length
        assert body[:20] not in " ".join(troubles)


def test_two_keys_are_one_too_many(authority: Authority) -> None:
    text = authority.pair(ecdsa_key()) + key_text(ecdsa_key())
    assert _troubles(text) == ["has 2 private keys, not one"]


def test_what_is_shown_comes_from_the_first_certificate(authority: Authority) -> None:
    about = shown(authority.pair(ecdsa_key()))
    assert about is not None
    assert about.names == ("ping.example.org", "still.example.org")
    assert about.issuer == "Test Intermediate"
    assert about.days_left(NOW) == 90
    assert about.days_left(NOW + timedelta(days=90, seconds=1)) == -1
    assert shown("nothing of the kind") is None
