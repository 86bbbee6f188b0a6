"""The stages that several cases share: this is where their servers are started."""

import contextlib
from collections.abc import Iterator
from typing import Any

from tests.postgresql import running_cluster
from tests.torture.case import Setting
from tests.torture.commit_relay import running_relay
from tests.torture.stage import DRAIN, Stage, stage

# Small, so that a case has many of them.
SMALL_SEGMENTS = {"SEGMENT_BYTES": "65536"}


@contextlib.contextmanager
def on_one_database(setting: Setting, **parts: Any) -> Iterator[Stage]:
    """Play on the database that was given, or on a durable PostgreSQL of the case's own."""
    with contextlib.ExitStack() as stack:
        database = setting.database
        if database is None:
            database = {"DATABASE_URL": stack.enter_context(running_cluster()).url}
        yield stack.enter_context(
            stage(setting.directory, setting.label, database=database, direct={},
                  seed=setting.seed, **parts)
        )  # fmt: skip


@contextlib.contextmanager
def behind_a_relay(setting: Setting, **parts: Any) -> Iterator[Stage]:
    """Play on a PostgreSQL that the drain reaches through a relay of ours, over TCP.

    They are in the stage's `servers`: `database` and `relay`.
    """
    with running_cluster() as cluster, running_relay(cluster.socket) as relay:
        through = f"postgresql://stillhere@127.0.0.1:{relay.port}/stillhere?gssencmode=disable"
        extra = {DRAIN: {"DATABASE_URL": through}}
        with stage(
            setting.directory, setting.label, database={"DATABASE_URL": cluster.url}, direct={},
            extra=extra, seed=setting.seed, **parts,
        ) as made:  # fmt: skip
            made.servers |= {"relay": relay, "database": cluster}
            yield made
