"""`manage.py migrate_release` on a real PostgreSQL, with real migrations of a shop."""

import signal
import threading
import time
from pathlib import Path

import pytest

from app.schema.migrating import LOCK
from tests.app.schema.shop import Shop, shop_on
from tests.postgresql import Cluster

TABLE = """
migrations.CreateModel("Shoe", [
    ("id", models.BigAutoField(primary_key=True)),
    ("name", models.CharField(max_length=10)),
    ("size", models.IntegerField()),
    ("price", models.DecimalField(max_digits=6, decimal_places=2, default=0)),
])
"""
COLUMN = 'AddField("shoe", "colour", models.TextField(null=True))'
INDEX = 'AddIndexConcurrently("shoe", models.Index(fields=["size"], name="shoe_size"))'


@pytest.fixture
def shop(postgresql_cluster: Cluster, tmp_path: Path) -> Shop:
    """Give a shop that has been founded, with a shoe in it."""
    shop = shop_on(postgresql_cluster, tmp_path)
    shop.write(TABLE)
    shop.works()
    shop.ask("INSERT INTO shop_shoe (name, size, price) VALUES ('boot', 42, 1)")
    return shop


def file_of_table(shop: Shop) -> object:
    """Return what changes when PostgreSQL writes the table anew."""
    return shop.ask("SELECT pg_relation_filenode('shop_shoe')")


def applied(shop: Shop) -> set[object]:
    return {name for (name,) in shop.ask("SELECT name FROM django_migrations WHERE app = 'shop'")}


def test_a_fresh_database_takes_all(postgresql_cluster: Cluster, tmp_path: Path) -> None:
    shop = shop_on(postgresql_cluster, tmp_path)
    shop.write(TABLE)
    shop.write('RenameField("shoe", "size", "length")')
    said = shop.works()
    assert "pending accounts.0001_initial" in said
    assert applied(shop) == {"0001_m", "0002_m"}
    types = "SELECT model FROM django_content_type WHERE app_label = 'accounts'"
    assert ("project",) in shop.ask(types)
    assert shop.works() == "The tables are those of this release.\n"


def test_a_fresh_database_that_was_cut_off_takes_the_rest(
    postgresql_cluster: Cluster, tmp_path: Path
) -> None:
    shop = shop_on(postgresql_cluster, tmp_path)
    shop.write(TABLE)
    shop.write("RunSQL('SELECT pg_sleep(600)')")
    with shop.start() as process:
        deadline = time.monotonic() + 60
        while not shop.ask("SELECT to_regclass('shop_shoe') WHERE to_regclass('shop_shoe') > 0"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    shop.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%600%'"
        " AND pid <> pg_backend_pid() AND datname = current_database()"
    )
    (tmp_path / "shop/migrations/0002_m.py").unlink()
    shop.written = 1
    shop.write("RunPython(lambda apps, editor: None)")
    shop.works()
    assert applied(shop) == {"0001_m", "0002_m"}
    shop.write("RunPython(lambda apps, editor: None)")
    status, _, complained = shop.run()
    assert status == 1
    assert "shop.0003_m: RunPython" in complained


def test_what_is_refused_changes_nothing_until_it_is_named(shop: Shop) -> None:
    shop.write(COLUMN)
    shop.write('RemoveField("shoe", "size")')
    status, _, complained = shop.run()
    assert status == 1
    assert "shop.0003_m: RemoveField (Remove field size from shoe)" in complained
    assert "0002_m" not in complained
    assert applied(shop) == {"0001_m"}
    assert shop.run("--check")[0] == 1
    shop.works("--allow", "shop.0003_m")
    assert applied(shop) == {"0001_m", "0002_m", "0003_m"}
    # As a deploy that is run again says it.
    shop.works("--allow", "shop.0003_m")
    assert "no such migration" in shop.run("--allow", "shop.0009_m")[2]


def test_check_changes_nothing(shop: Shop) -> None:
    shop.write(COLUMN)
    assert shop.works("--check") == "pending shop.0002_m\n"
    assert applied(shop) == {"0001_m"}


def test_what_is_allowed_writes_no_table_anew_and_old_inserts_work(shop: Shop) -> None:
    """The rules of expand_only, asked of PostgreSQL itself."""
    shop.write(
        """
        AddField("shoe", "a", models.IntegerField(null=True, default=3)),
        AddField("shoe", "b", models.CharField(max_length=9, db_default="x")),
        AddField("shoe", "c", models.DateTimeField(db_default=models.functions.Now())),
        AddField("shoe", "d", models.ForeignKey("shop.Shoe", models.CASCADE, null=True,
                                                db_index=False)),
        AlterField("shoe", "name", models.CharField(max_length=200)),
        AlterField("shoe", "name", models.TextField()),
        AlterField("shoe", "price", models.DecimalField(max_digits=9, decimal_places=2)),
        AddConstraintNotValid("shoe", models.CheckConstraint(
            condition=models.Q(size__gt=0), name="shoe_has_size")),
        """
    )
    before = file_of_table(shop)
    shop.works()
    assert applied(shop) == {"0001_m", "0002_m"}
    assert file_of_table(shop) == before
    shop.ask("INSERT INTO shop_shoe (name, size, price) VALUES ('clog', 1, 1)")


def test_a_busy_table_is_waited_for_briefly_and_again(shop: Shop) -> None:
    """Somebody holds the table; a writer that comes after us is held up for two seconds at most."""
    shop.write(COLUMN)
    holder = shop.connect()
    holder.autocommit = False
    with holder.cursor() as cursor:
        cursor.execute("SELECT * FROM shop_shoe")
    longest = [0.0]
    is_over = threading.Event()

    def write() -> None:
        while not is_over.wait(0.02):
            begin = time.monotonic()
            shop.ask("UPDATE shop_shoe SET size = size + 1")
            longest[0] = max(longest[0], time.monotonic() - begin)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with shop.start() as process:
            assert process.stderr is not None
            for _ in range(2):
                assert "migration_waits name=shop.0002_m" in process.stderr.readline()
            holder.rollback()
            said, complained = process.communicate(timeout=60)
    finally:
        is_over.set()
        writer.join()
        holder.close()
    assert process.returncode == 0, complained
    assert "tries" in said
    assert applied(shop) == {"0001_m", "0002_m"}
    assert 1.0 < longest[0] < 8.0


def test_a_second_one_waits_and_says_for_whom(shop: Shop) -> None:
    shop.write(COLUMN)
    holder = shop.connect()
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    with shop.start() as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert f"Somebody else migrates: process {holder.get_backend_pid()} of" in line
        assert applied(shop) == {"0001_m"}
        holder.close()
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert applied(shop) == {"0001_m", "0002_m"}


def test_an_index_that_was_cut_off_is_built_anew(shop: Shop) -> None:
    shop.write(INDEX, atomic=False)
    shop.ask("CREATE INDEX shoe_size ON shop_shoe (size)")
    shop.ask("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'shoe_size'::regclass")
    shop.works()
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shoe_size'::regclass"
    assert shop.ask(valid) == [(True,)]
    assert applied(shop) == {"0001_m", "0002_m"}


def test_a_migration_that_fails_leaves_nothing_and_says_why(shop: Shop) -> None:
    shop.write(COLUMN + ", RunSQL('SELECT 1 / 0')")
    status, _, complained = shop.run("--allow", "shop.0002_m")
    assert status == 1
    assert "shop.0002_m failed and left nothing: division by zero" in complained
    assert "Traceback" not in complained
    assert applied(shop) == {"0001_m"}
    columns = "SELECT 1 FROM information_schema.columns WHERE column_name = 'colour'"
    assert shop.ask(columns) == []


def test_sqlite_is_migrated_plainly(tmp_path: Path) -> None:
    shop = Shop(tmp_path, "")
    shop.write(TABLE)
    shop.write('RemoveField("shoe", "size")')
    assert "shop.0001_m" in shop.works("--check")
    assert "shop.0002_m" in shop.works()
    assert shop.works() == ""
