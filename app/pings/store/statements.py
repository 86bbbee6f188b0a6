"""The drain's SQL for PostgreSQL: one statement a table, whatever the batch's size."""

from app.pings.store.rows import COLUMNS, PING_COLUMNS, TIME_COLUMNS
from app.pings.store.statement import Statement

# As text, whatever their length: a longer one of the next release changes no plan.
_TEXTS = {"kind", "schedule", "tz", "methods", "success_kw", "failure_kw", "start_kw", "status"}
_SELECTED = ", ".join(
    f"c.{name}::text" if name in TIME_COLUMNS | _TEXTS else f"c.{name}" for name in COLUMNS[2:]
)

# Rides on the unique index of `code`. The order makes two drains lock alike.
LOAD = Statement(
    "stillhere_load",
    ("uuid[]",),
    f"""
SELECT c.id, v.place, {_SELECTED}
FROM unnest($1) WITH ORDINALITY AS v(code, place)
JOIN checks_check AS c ON c.code = v.code
ORDER BY c.id
FOR UPDATE OF c
""",  # noqa: S608 - our own column names
)

_PING_TYPES = ("bigint[]", "bigint[]", "timestamptz[]", "text[]", "smallint[]", "uuid[]",
               "text[]", "text[]", "text[]", "text[]", "bytea[]")  # fmt: skip
PINGS = Statement(
    "stillhere_pings",
    _PING_TYPES,
    f"""
INSERT INTO pings_ping ({", ".join(PING_COLUMNS)})
SELECT *
FROM unnest({", ".join(f"${n}" for n in range(1, len(_PING_TYPES) + 1))})
""",  # noqa: S608
)

# HOT as long as wake_at, the one indexed column here, stays what it was.
CHECKS = Statement(
    "stillhere_checks",
    ("bigint[]", "text[]", "bigint[]", "timestamptz[]", "timestamptz[]", "uuid[]", "bigint[]",
     "timestamptz[]", "timestamptz[]", "timestamptz[]", "timestamptz[]"),
    """
UPDATE checks_check AS c
SET status = v.status,
    n_pings = v.n_pings,
    last_ping_at = v.last_ping_at,
    last_start_at = v.last_start_at,
    last_start_rid = v.last_start_rid,
    last_duration_us = v.last_duration_us,
    status_since = v.status_since,
    due_at = v.due_at,
    down_at = v.down_at,
    wake_at = v.wake_at
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
     AS v(id, status, n_pings, last_ping_at, last_start_at, last_start_rid, last_duration_us,
          status_since, due_at, down_at, wake_at)
WHERE c.id = v.id
""",
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
