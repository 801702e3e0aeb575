"""Add stretches: items of a foreach that are claimed together, each written when it has ended."""

import django.db.models.deletion
from django.db import migrations, models

import workflows_app.models.fields


def forget_planned(apps, _schema_editor):
    """Delete items that were written before their turn, because nothing reads them any more."""
    apps.get_model("workflows_app", "StepSnapshot").objects.filter(status="planned").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0023_capitals"),
    ]

    operations = [
        migrations.RunPython(forget_planned, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name="stepsnapshot",
            name="written",
        ),
        migrations.AddField(
            model_name="run",
            name="stretches",
            field=models.IntegerField(default=0),
        ),
        migrations.AlterField(
            model_name="stepsnapshot",
            name="status",
            field=models.CharField(
                choices=[
                    ("queued", "queued"),
                    ("running", "running"),
                    ("waiting", "waiting"),
                    ("suspended", "suspended"),
                    ("paused", "paused"),
                    ("success", "success"),
                    ("failed", "failed"),
                    ("canceled", "canceled"),
                    ("skipped", "skipped"),
                ],
                default="queued",
                max_length=12,
            ),
        ),
        migrations.CreateModel(
            name="Stretch",
            fields=[
                (
                    "id",
                    models.BigIntegerField(
                        default=workflows_app.models.fields.step_key,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("start", models.IntegerField()),
                ("position", models.IntegerField()),
                ("until", models.IntegerField()),
                ("queue", models.CharField(max_length=100)),
                ("timeline", models.IntegerField()),
                ("claimed_at", models.DateTimeField()),
                ("payloads", workflows_app.models.fields.JSONText(blank=True, null=True)),
                (
                    "parent",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workflows_app.stepsnapshot",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workflows_app.run",
                    ),
                ),
                (
                    "worker",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="workflows_app.worker",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "stretches",
            },
        ),
    ]
