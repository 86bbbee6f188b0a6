"""How tables lie on PostgreSQL's pages: operations of migrations."""

from typing import Any

from django.db.migrations.operations.base import Operation


class SetFillfactor(Operation):
    """Leave room in the pages of a table, so that an update finds it in its row's own page.

    For pages that are filled from now on. Nothing is written anew; the lock (SHARE UPDATE
    EXCLUSIVE) lets rows be read and written. Other databases have no such thing.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, model_name: str, percent: int) -> None:
        self.model_name, self.percent = model_name, percent

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Change no model."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: Any,  # noqa: ARG002 - Django's signature
        to_state: Any,
    ) -> None:
        """Set it."""
        self._alter(app_label, schema_editor, to_state, f"SET (fillfactor = {self.percent:d})")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: Any,
        from_state: Any,  # noqa: ARG002
        to_state: Any,
    ) -> None:
        """Take it back."""
        self._alter(app_label, schema_editor, to_state, "RESET (fillfactor)")

    def describe(self) -> str:
        """Say what it does."""
        return f"Fill pages of {self.model_name} to {self.percent} %"

    def _alter(self, app_label: str, schema_editor: Any, state: Any, what: str) -> None:
        if schema_editor.connection.vendor != "postgresql":
            return
        table = state.apps.get_model(app_label, self.model_name)._meta.db_table
        schema_editor.execute(f"ALTER TABLE {schema_editor.quote_name(table)} {what}")
