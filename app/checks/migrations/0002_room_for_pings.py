"""A ping is a HOT update of its check's row: it needs room in the row's own page."""

from typing import ClassVar

from django.db import migrations

from app.schema.storage import SetFillfactor


class Migration(migrations.Migration):
    dependencies: ClassVar = [("checks", "0001_initial")]
    operations: ClassVar = [SetFillfactor("check", 70)]
