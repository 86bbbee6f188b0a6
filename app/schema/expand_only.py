"""Which migrations may run while the release before this one serves? Pure.

Both releases run on the same tables during a deploy, and the old one may have to
come back. So a migration may only *add*, and must not hold a lock for long: new
tables; new columns that are nullable or have a database default; indexes built
concurrently; constraints that are NOT VALID; types widened without a rewrite. On a
table that is made in the same go everything is allowed: nobody uses it yet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db.migrations import Migration, operations
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import (
    CharField,
    DecimalField,
    ForeignKey,
    GeneratedField,
    TextField,
    Value,
)
from django.db.models.functions import Now

from app.schema.storage import SetFillfactor

Model = tuple[str, str]  # app and name, as states know them

_NAMED = "If it is safe all the same, name it: --allow {}."
_ALL_ROWS = (
    "Every row is looked at while the table is locked. For a check AddConstraintNotValid does "
    "not; uniqueness is an index first, built concurrently."
)
_TWO_STEPS = "Add the new beside the old now; take the old away in a later release."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An operation that may not run beside the old release, and what to do instead."""

    migration: str
    operation: str
    reason: str

    def __str__(self) -> str:
        return f"{self.migration}: {self.operation}: {self.reason} {_NAMED.format(self.migration)}"


@dataclass(slots=True)
class _Case:
    """What an operation is judged by."""

    app: str
    before: ProjectState
    made: set[Model]  # tables that this go has made itself


def refusals(migration: Migration, state: ProjectState, made: set[Model]) -> list[Refusal]:
    """Return what speaks against the migration. `state` and `made` are moved on past it."""
    name = f"{migration.app_label}.{migration.name}"
    found = []
    in_database = [one for one in migration.operations if type(one) not in _STATE_ONLY]
    if not migration.atomic and len(in_database) > 1:
        reason = "with atomic = False has to stand alone, so that it can be begun anew. Split it."
        found.append(Refusal(name, _what(in_database[1]), f"A migration {reason}"))
    for operation in migration.operations:
        case = _Case(migration.app_label, state, made)
        found += [Refusal(name, _what(operation), why) for why in _judge(operation, case)]
        operation.state_forwards(migration.app_label, state)
    return found


def _what(operation: Operation) -> str:
    return f"{type(operation).__name__} ({operation.describe()})"


def _judge(operation: Operation, case: _Case) -> Iterator[str]:
    # Not isinstance: what a subclass does is its own.
    judge = _JUDGES.get(type(operation))
    if judge is not None:
        yield from judge(operation, case)
    elif type(operation) in _REMEDIES:
        if (case.app, _model_of(operation)) not in case.made:
            yield _REMEDIES[type(operation)]
    elif type(operation) not in _STATE_ONLY:
        yield f"What {type(operation).__name__} does to the tables cannot be judged."


def _model_of(operation: Any) -> str:
    name = getattr(operation, "model_name", None) or getattr(operation, "name", "")
    return str(name).lower()


def _create_model(operation: Any, case: _Case) -> Iterator[str]:
    options = operation.options
    if options.get("managed", True) and not options.get("proxy", False):  # else it makes no table
        case.made.add((case.app, operation.name_lower))
    yield from ()


def _separate(operation: Any, case: _Case) -> Iterator[str]:
    inner = _Case(case.app, case.before.clone(), case.made)
    for one in operation.database_operations:
        yield from _judge(one, inner)
        one.state_forwards(inner.app, inner.before)


def _add_field(operation: Any, case: _Case) -> Iterator[str]:
    field = operation.field
    if (case.app, operation.model_name_lower) in case.made or field.many_to_many:
        return
    if isinstance(field, GeneratedField):
        yield "PostgreSQL writes the whole table anew for a generated column. " + _TWO_STEPS
        return
    has_default = field.has_db_default()
    if not field.null and not has_default:
        yield (
            "The old release does not know the column, and its inserts would fail. Make it "
            "null=True or give it a db_default; default alone is Python's."
        )
    if has_default and not isinstance(_default(field), Value | Now):
        yield (
            "PostgreSQL writes the whole table anew for a default that is computed for each row. "
            "Add the column as null=True, and set the default in a later release."
        )
    if isinstance(field, ForeignKey) and (has_default or field.has_default()):
        yield "Every row would be looked up while the table is locked. Let it be null at first."
    if field.unique or field.db_index:
        yield (
            "Its index would be built while the table is locked. Add the column without one "
            "(db_index=False), and the index in a migration of its own: AddIndexConcurrently."
        )


def _default(field: Any) -> Any:
    given = field.db_default
    return given if hasattr(given, "resolve_expression") else Value(given)


def _alter_field(operation: Any, case: _Case) -> Iterator[str]:
    if (case.app, operation.model_name_lower) in case.made:
        return
    old = case.before.models[case.app, operation.model_name_lower].fields[operation.name]
    if _in_database(old) != _in_database(operation.field) and not is_widened(old, operation.field):
        yield (
            "This is more than a type that is widened without writing the table anew (a longer "
            "CharField, or one that becomes a TextField; more digits). " + _TWO_STEPS
        )


def is_widened(old: Any, new: Any) -> bool:
    """Tell whether only the type changes, to one that holds all values as they are stored."""
    is_indexed = old.db_index or old.unique or old.primary_key
    before, after = _in_database(old), _in_database(new)
    if isinstance(old, CharField) and isinstance(new, CharField):
        is_wider = new.max_length is None or (
            old.max_length is not None and new.max_length >= old.max_length
        )
        # Of a unique column Django takes down what points to it, and sets it up again.
        return is_wider and not old.unique and _same_but(before, after, "max_length")
    if isinstance(old, CharField) and type(new) is TextField:
        return not is_indexed and _same_but(before, after, "max_length")
    if type(old) is type(new) is DecimalField:
        is_more = (new.max_digits or 0) >= (old.max_digits or 0)
        return is_more and not old.unique and _same_but(before, after, "max_digits")
    return False


def _same_but(before: dict[str, Any], after: dict[str, Any], name: str) -> bool:
    ignored = {name, "class"}
    return {key: value for key, value in before.items() if key not in ignored} == {
        key: value for key, value in after.items() if key not in ignored
    }


def _in_database(field: Any) -> dict[str, Any]:
    """Return what the column depends on; a text shown on a page is no part of it."""
    _, path, _, options = field.clone().deconstruct()
    ignored = {*field.non_db_attrs, "default", "auto_now", "auto_now_add"}
    kept = {key: value for key, value in options.items() if key not in ignored}
    return {"class": path, **kept} | {"column": field.db_column or ""}


_JUDGES: dict[type[Operation], Callable[[Any, _Case], Iterator[str]]] = {
    operations.CreateModel: _create_model,
    operations.AddField: _add_field,
    operations.AlterField: _alter_field,
    operations.SeparateDatabaseAndState: _separate,
    AddIndexConcurrently: lambda _operation, _case: iter(()),
    AddConstraintNotValid: lambda _operation, _case: iter(()),
    # Counts for pages to come; nothing is written anew, and rows are read and written meanwhile.
    SetFillfactor: lambda _operation, _case: iter(()),
}
_STATE_ONLY: tuple[type[Operation], ...] = (
    operations.AlterModelOptions,
    operations.AlterModelManagers,
)
_REMEDIES: dict[type[Operation], str] = {
    operations.AddIndex: (
        "Nobody can write to the table while it is built. AddIndexConcurrently lets them."
    ),
    operations.AddConstraint: _ALL_ROWS,
    operations.AlterUniqueTogether: _ALL_ROWS,
    operations.RemoveIndex: "The old release may lean on it. Take it away in a later release.",
    operations.RemoveConstraint: "The old release may lean on it. Take it away in a later release.",
    operations.RemoveField: "The old release still reads and writes it. " + _TWO_STEPS,
    operations.DeleteModel: "The old release still reads and writes it. " + _TWO_STEPS,
    operations.RenameField: "The old release knows it by its old name. " + _TWO_STEPS,
    operations.RenameModel: "The old release knows it by its old name. " + _TWO_STEPS,
    operations.AlterModelTable: "The old release knows it by its old name. " + _TWO_STEPS,
    operations.RunSQL: "What it does to rows and locks cannot be judged.",
    operations.RunPython: "What it does to rows and locks cannot be judged.",
}
