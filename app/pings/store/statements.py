"""The drain's SQL for PostgreSQL: one statement a table, whatever the batch's size."""

from app.pings.store.rows import (
    PING_COLUMNS,
    RULE_COLUMNS,
    STATE_COLUMNS,
    TIME_COLUMNS,
)
from app.pings.store.statement import Statement, columns, moment

# As text, whatever their length: a longer one of the next release changes no plan.
_SELECTED = ", ".join(
    f"c.{name}::text" if name in {*TIME_COLUMNS, "status"} else f"c.{name}"
    for name in (*STATE_COLUMNS, "wake_at")
)
# One text, which checks with the same rules share: it is taken apart once.
_RULES = f"ROW({', '.join(f'c.{name}' for name in RULE_COLUMNS)})::text"

# Rides on the unique index of `code`. The order makes two drains lock alike.
LOAD = Statement(
    "stillhere_load",
    ("uuid[]",),
    f"""
SELECT c.id, v.place, {_RULES}, {_SELECTED}
FROM (SELECT unnest(a.codes) AS code, generate_subscripts(a.codes, 1) AS place
      FROM (SELECT $1 AS codes) AS a) AS v
JOIN checks_check AS c ON c.code = v.code
ORDER BY c.id
FOR UPDATE OF c
""",  # noqa: S608 - our own column names
)

_PING_TYPES = ("bigint[]", "bigint[]", "bigint[]", "text[]", "smallint[]", "uuid[]",
               "text[]", "text[]", "text[]", "text[]", "bytea[]")  # fmt: skip
PINGS = Statement(
    "stillhere_pings",
    _PING_TYPES,
    f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
SELECT {", ".join(moment(f"v.{n}") if n == "received_at" else f"v.{n}" for n in PING_COLUMNS)}
FROM ({columns(*PING_COLUMNS)}) AS v
""",  # noqa: S608
)

# What most pings change of a check. HOT, as these columns stand in no index.
PINGED = Statement(
    "stillhere_pinged",
    ("bigint[]", "bigint[]", "bigint[]", "bigint[]", "bigint[]"),
    f"""
UPDATE checks_check AS c
SET n_pings = v.n_pings,
    last_ping_at = {moment("v.last_ping_at")},
    due_at = {moment("v.due_at")},
    down_at = {moment("v.down_at")}
FROM ({columns("id", "n_pings", "last_ping_at", "due_at", "down_at")}) AS v
WHERE c.id = v.id
""",  # noqa: S608
)

# All that a ping may change. HOT as long as wake_at stays what it was.
_CHECK_COLUMNS = ("id", "status", "n_pings", "last_ping_at", "last_start_at", "last_start_rid",
                  "last_duration_us", "status_since", "due_at", "down_at", "wake_at")  # fmt: skip
CHECKS = Statement(
    "stillhere_checks",
    ("bigint[]", "text[]", "bigint[]", "bigint[]", "bigint[]", "uuid[]", "bigint[]",
     "bigint[]", "bigint[]", "bigint[]", "bigint[]"),
    f"""
UPDATE checks_check AS c
SET status = v.status,
    n_pings = v.n_pings,
    last_ping_at = {moment("v.last_ping_at")},
    last_start_at = {moment("v.last_start_at")},
    last_start_rid = v.last_start_rid,
    last_duration_us = v.last_duration_us,
    status_since = {moment("v.status_since")},
    due_at = {moment("v.due_at")},
    down_at = {moment("v.down_at")},
    wake_at = {moment("v.wake_at")}
FROM ({columns(*_CHECK_COLUMNS)}) AS v
WHERE c.id = v.id
""",  # noqa: S608
)  # fmt: skip

FLIPS = Statement(
    "stillhere_flips",
    ("bigint[]", "timestamptz[]", "text[]", "text[]", "text[]"),
    """
INSERT INTO checks_flip (check_id, at, old_status, new_status, reason)
SELECT *
FROM unnest($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
""",
)

UNFLIP = Statement(
    "stillhere_unflip",
    ("bigint[]", "timestamptz[]", "text[]"),
    """
DELETE FROM checks_flip AS f
USING unnest($1, $2, $3) AS v(id, at, new_status)
WHERE f.check_id = v.id
  AND f.at = v.at
  AND f.new_status = v.new_status
  AND f.told_at IS NULL
""",
)

# No row moved is an error, so that nothing of the message's rest is done. `new > old`
# in place of the expected old place would apply a batch twice whose first drain was
# killed while its session was still at work.
SWAP = Statement(
    "stillhere_swap",
    ("bigint", "bigint", "timestamptz", "bigint", "bigint", "bigint"),
    """
WITH moved AS (
    UPDATE pings_position
    SET segment = $1,
        "offset" = $2,
        applied_before = COALESCE($3, applied_before)
    WHERE id = $4
      AND segment = $5
      AND "offset" = $6
    RETURNING 1
)
SELECT 1 / count(*)
FROM moved
""",
)

# Look-ups by index whatever the statistics say: those of a young table say too little,
# and a plan that reads a whole table would make a ping dearer with every check.
BEGIN = """
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off
"""
SESSION = (
    # The drain's commits do not wait for a standby: the journal has the pings.
    "SET synchronous_commit TO local",
    "SET plan_cache_mode TO force_generic_plan",
)
