"""Which operations may run while the old release serves."""

import datetime
from typing import Any

import pytest
from django.contrib.postgres.operations import (
    AddConstraintNotValid,
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.functions import Now, Random

from app.schema.expand_only import refusals
from app.schema.storage import SetFillfactor

CHECK = models.CheckConstraint(condition=models.Q(size__gt=0), name="shoe_has_size")
INDEX = models.Index(fields=["size"], name="shoe_size")
SHOE: list[tuple[str, Any]] = [
    ("id", models.BigAutoField(primary_key=True)),
    ("size", models.IntegerField()),
    ("name", models.CharField(max_length=10)),
    ("code", models.CharField(max_length=10, unique=True)),
    ("kind", models.CharField(max_length=10, db_index=True)),
    ("text", models.TextField()),
    ("price", models.DecimalField(max_digits=6, decimal_places=2)),
]


def judged(*operations: Any, atomic: bool = True) -> list[str]:
    """Return what is said against operations on a shop with shoes in it."""
    state = ProjectState()
    state.add_model(ModelState("shop", "Shoe", SHOE))
    migration = made_of("0002_more", *operations, atomic=atomic)
    return [str(one) for one in refusals(migration, state, set())]


def made_of(name: str, *operations: Any, atomic: bool = True) -> migrations.Migration:
    contents = {"operations": list(operations), "atomic": atomic}
    migration: migrations.Migration = type("M", (migrations.Migration,), contents)(name, "shop")
    return migration


def add(field: Any) -> migrations.AddField:
    return migrations.AddField("Shoe", "new", field)


def alter(name: str, field: Any) -> migrations.AlterField:
    return migrations.AlterField("Shoe", name, field)


def new_table() -> migrations.CreateModel:
    fields: list[tuple[str, Any]] = [("id", models.BigAutoField(primary_key=True))]
    return migrations.CreateModel("Box", fields)


def shoe_key(**options: Any) -> Any:
    return models.ForeignKey("shop.Shoe", models.CASCADE, **options)


MAY = {
    "a table": new_table(),
    "a column that may be null": add(models.IntegerField(null=True)),
    "a null column that Python fills": add(models.IntegerField(null=True, default=3)),
    "a column with the database's default": add(models.IntegerField(db_default=3)),
    "an empty text": add(models.TextField(db_default="", default="")),
    "the time of the change": add(models.DateTimeField(db_default=Now())),
    "a key without an index": add(shoe_key(null=True, db_index=False)),
    "room in the pages of a table": SetFillfactor("shoe", 70),
    "a table between two": add(models.ManyToManyField("shop.Shoe")),
    "a longer text": alter("name", models.CharField(max_length=11)),
    "a longer text with an index": alter("kind", models.CharField(max_length=11, db_index=True)),
    "a text without an end": alter("name", models.TextField()),
    "more digits": alter("price", models.DecimalField(max_digits=7, decimal_places=2)),
    "words of a form": alter("size", models.IntegerField(help_text="In cm", choices=[(1, "1")])),
    "another default of Python's": alter("text", models.TextField(default="", blank=True)),
    "a check of new rows only": AddConstraintNotValid("Shoe", CHECK),
    "options": migrations.AlterModelOptions("Shoe", {"ordering": ["size"]}),
    "what only the state knows": migrations.SeparateDatabaseAndState(
        state_operations=[migrations.RemoveField("Shoe", "size")]
    ),
}
MAY_NOT = {
    "a column that must be filled": add(models.IntegerField()),
    "a column that only Python fills": add(models.IntegerField(default=3)),
    "a default for each row": add(models.FloatField(db_default=Random())),
    "a column with an index": add(models.IntegerField(null=True, db_index=True)),
    "a unique column": add(models.IntegerField(null=True, unique=True)),
    "a key with its index": add(shoe_key(null=True)),
    "a key that is looked up": add(shoe_key(db_default=1, db_index=False)),
    "a key that Python fills": add(shoe_key(null=True, default=1, db_index=False)),
    "a computed column": add(
        models.GeneratedField(
            expression=models.F("size") + 1,
            output_field=models.IntegerField(),
            db_persist=True,
        )
    ),
    "a shorter text": alter("name", models.CharField(max_length=9)),
    "a longer text that is unique": alter("code", models.CharField(max_length=11, unique=True)),
    "no end, with an index": alter("kind", models.TextField(db_index=True)),
    "fewer digits": alter("price", models.DecimalField(max_digits=5, decimal_places=2)),
    "other digits": alter("price", models.DecimalField(max_digits=7, decimal_places=3)),
    "a wider number": alter("size", models.BigIntegerField()),
    "null where the old one reads": alter("size", models.IntegerField(null=True)),
    "longer and null": alter("name", models.CharField(max_length=11, null=True)),
    "longer and unique": alter("name", models.CharField(max_length=11, unique=True)),
    "another column": alter("name", models.CharField(max_length=10, db_column="n")),
    "an index": migrations.AddIndex("Shoe", INDEX),
    "no index": migrations.RemoveIndex("Shoe", "shoe_size"),
    "a check of all rows": migrations.AddConstraint("Shoe", CHECK),
    "uniqueness": migrations.AddConstraint(
        "Shoe", models.UniqueConstraint(fields=["name"], name="shoe_once")
    ),
    "uniqueness, the old way": migrations.AlterUniqueTogether("Shoe", {("name", "size")}),
    "a check of all rows, later": ValidateConstraint("Shoe", "shoe_has_size"),
    "a column less": migrations.RemoveField("Shoe", "size"),
    "a table less": migrations.DeleteModel("Shoe"),
    "another name": migrations.RenameField("Shoe", "size", "length"),
    "another table's name": migrations.RenameModel("Shoe", "Boot"),
    "another table's name, kept": migrations.AlterModelTable("Shoe", "boots"),
    "SQL": migrations.RunSQL("SELECT 1"),
    "Python": migrations.RunPython(migrations.RunPython.noop),
    "SQL behind a curtain": migrations.SeparateDatabaseAndState([migrations.RunSQL("SELECT 1")]),
}


@pytest.mark.parametrize("operation", MAY.values(), ids=MAY.keys())
def test_what_only_adds_may_run(operation: Any) -> None:
    assert judged(operation) == []


@pytest.mark.parametrize("operation", MAY_NOT.values(), ids=MAY_NOT.keys())
def test_everything_else_may_not(operation: Any) -> None:
    assert len(judged(operation)) == 1


def test_an_index_may_be_built_concurrently_alone() -> None:
    build = AddIndexConcurrently("Shoe", INDEX)
    assert judged(build, atomic=False) == []
    (refused,) = judged(build, add(models.IntegerField(null=True)), atomic=False)
    assert "has to stand alone" in refused
    assert judged(RemoveIndexConcurrently("Shoe", "shoe_size"), atomic=False) != []


def test_on_a_table_that_is_made_in_the_same_go_everything_may_run() -> None:
    field = models.IntegerField(unique=True)
    others = [
        migrations.AddField("Box", "new", field),
        migrations.AlterField("Box", "new", models.BigIntegerField()),
        migrations.AddIndex("box", models.Index(fields=["new"], name="box_new")),
        migrations.AddConstraint("Box", CHECK),
        migrations.AlterUniqueTogether("Box", {("id", "new")}),
    ]
    assert judged(new_table(), *others) == []
    assert len(judged(new_table(), migrations.RunPython(migrations.RunPython.noop))) == 1


def test_a_table_that_somebody_else_made_is_not_new() -> None:
    theirs = new_table()
    theirs.options = {"managed": False}
    assert len(judged(theirs, migrations.AddField("Box", "new", models.IntegerField()))) == 1


def test_tables_that_an_earlier_migration_of_the_go_made_count_as_new() -> None:
    state, made = ProjectState(), set[tuple[str, str]]()
    column = migrations.AddField("Box", "new", models.IntegerField(default=1))
    assert refusals(made_of("0001_a", new_table()), state, made) == []
    assert refusals(made_of("0002_b", column), state, made) == []


def test_an_operation_is_judged_by_the_table_as_it_is_then() -> None:
    longer = [alter("name", models.CharField(max_length=size)) for size in (20, 15)]
    (refused,) = judged(*longer)
    assert "AlterField" in refused


def test_an_operation_of_ones_own_is_refused() -> None:
    class Custom(migrations.CreateModel):
        """Could do anything."""

    assert "cannot be judged" in judged(Custom("Box", []))[0]


def test_the_refusal_names_migration_operation_and_remedy() -> None:
    (refused,) = judged(add(models.IntegerField(default=3)))
    assert refused.startswith("shop.0002_more: AddField (Add field new to Shoe): The old release")
    assert "null=True or give it a db_default" in refused
    assert refused.endswith("--allow shop.0002_more.")


def test_a_date_as_default_is_one_value() -> None:
    assert judged(add(models.DateField(db_default=datetime.date(2026, 1, 1)))) == []
