"""Find ids and resources with capitals along an index, however they are spelled.

For PostgreSQL alone: SQLite reads through the ids in any case. The indexes hold only what has
capitals, which our own ids do not. PostgreSQL estimates rows for an expression index with a
condition only from statistics of the whole table, so these are made, too. No model declares any of
this, because Django's indexes cannot say how texts are compared.
"""

from typing import Any

from django.db import migrations

RUNS = "workflows_app_run"
MADE = (
    f"CREATE INDEX run_by_run_id_in_capitals ON {RUNS} (upper(run_id::text) text_pattern_ops)"
    " WHERE NOT (run_id = lower(run_id))",
    f"CREATE INDEX run_by_resource_in_capitals ON {RUNS} (upper(resource_id::text))"
    " WHERE resource_id IS NOT NULL AND NOT (resource_id = lower(resource_id))",
    f"CREATE STATISTICS run_ids_in_capitals ON (upper(run_id::text)) FROM {RUNS}",
    f"CREATE STATISTICS run_resources_in_capitals ON (upper(resource_id::text)) FROM {RUNS}",
)
DROPPED = (
    "DROP INDEX IF EXISTS run_by_run_id_in_capitals",
    "DROP INDEX IF EXISTS run_by_resource_in_capitals",
    "DROP STATISTICS IF EXISTS run_ids_in_capitals",
    "DROP STATISTICS IF EXISTS run_resources_in_capitals",
)


def make(_apps: Any, schema_editor: Any) -> None:
    """Make them where the database is PostgreSQL."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in MADE:
            schema_editor.execute(statement)


def drop(_apps: Any, schema_editor: Any) -> None:
    """Forget them."""
    if schema_editor.connection.vendor == "postgresql":
        for statement in DROPPED:
            schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0022_step_versions"),
    ]

    operations = [migrations.RunPython(make, drop)]
