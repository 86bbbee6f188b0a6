"""Which base is opened for a moment, in a bucket where not all is well."""

from datetime import UTC, datetime, timedelta

import pytest

from backups import opening
from backups.layout import Kind, manifest_key
from tests.backups.stored import CONTENT, backup_id, manifest
from tests.s3 import KEEPER, WRITER, running_server

AT = datetime(2026, 11, 15, 5, 30, tzinfo=UTC)


def test_a_base_that_is_of_no_use_does_not_keep_an_older_one_from_being_opened(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bucket = running_server().new_bucket()
    writer, good = bucket.store(WRITER), manifest(AT, Kind.BASE)
    writer.put(good.object.key, CONTENT)
    writer.put(manifest_key(Kind.BASE, good.id), good.to_json())
    unread = manifest_key(Kind.BASE, backup_id(AT + timedelta(days=1)))
    writer.put(unread, b"cut off")
    empty = manifest(AT + timedelta(days=2), Kind.BASE)
    writer.put(manifest_key(Kind.BASE, empty.id), empty.to_json())
    assert opening.base_at(bucket.store(KEEPER), None) == good.id
    said = capsys.readouterr().err
    assert f"{unread} is passed over" in said
    assert f"{empty.id}/manifest.json is passed over: its object is missing" in said
