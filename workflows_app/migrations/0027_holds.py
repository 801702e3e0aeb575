"""Runs are paused and let on; the intake of a workflow is paused and resumed."""

import django.db.models.deletion
from django.db import migrations, models

import workflows_app.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0026_events_from_outside"),
    ]

    operations = [
        migrations.CreateModel(
            name="Hold",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="hold_row",
                        serialize=False,
                        to="workflows_app.run",
                    ),
                ),
                ("reason", models.TextField(blank=True, default="")),
                ("actor", models.CharField(blank=True, default="", max_length=255)),
                ("at", models.DateTimeField()),
                ("per_step", models.BooleanField(default=False)),
            ],
        ),
        migrations.AddField(
            model_name="workflow",
            name="intake",
            field=workflows_app.models.fields.JSONText(blank=True, editable=False, null=True),
        ),
        migrations.CreateModel(
            name="AcceptedStart",
            fields=[
                (
                    "run",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="workflows_app.run",
                    ),
                ),
                ("at", models.DateTimeField()),
                ("per_step", models.BooleanField(default=False)),
                ("queue", models.CharField(blank=True, default="", max_length=255)),
                ("not_before", models.DateTimeField(blank=True, null=True)),
                (
                    "workflow",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workflows_app.workflow",
                    ),
                ),
            ],
            options={
                "ordering": ["at", "run"],
            },
        ),
    ]
