"""A step remembers the version whose code queued it, where a run went on under newer code."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0018_lean_runs"),
    ]

    operations = [
        migrations.AddField(
            model_name="stepsnapshot",
            name="version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="workflows_app.workflowversion",
            ),
        ),
        migrations.AddField(
            model_name="run",
            name="later_version",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="workflows_app.workflowversion",
            ),
        ),
    ]
