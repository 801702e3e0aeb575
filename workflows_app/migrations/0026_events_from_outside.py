"""Events from outside, what steps wait for, and runs whose end is awaited."""

import django.db.models.deletion
from django.db import migrations, models

import workflows_app.models.fields


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0025_api"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="is_awaited",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="stepsnapshot",
            name="awaits",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
        migrations.CreateModel(
            name="OutsideEvent",
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
                ("name", models.CharField(max_length=255)),
                ("key", models.CharField(blank=True, default="", max_length=255)),
                ("data", workflows_app.models.fields.JSONText(blank=True, null=True)),
                ("event_id", models.CharField(blank=True, max_length=255, null=True)),
                ("answered", models.IntegerField(default=0)),
                ("taken_at", models.DateTimeField(blank=True, null=True)),
                ("emitted_by", models.CharField(blank=True, default="", max_length=255)),
                ("emitted_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["name", "key"], name="event_by_name"),
                    models.Index(fields=["emitted_at"], name="event_by_time"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("name", "event_id"), name="one_event_an_id")
                ],
            },
        ),
        migrations.CreateModel(
            name="Wait",
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
                ("kind", models.CharField(max_length=8)),
                ("name", models.CharField(blank=True, default="", max_length=255)),
                ("key", models.CharField(blank=True, default="", max_length=255)),
                ("target", models.CharField(blank=True, default="", max_length=255)),
                ("suspension", models.UUIDField(blank=True, null=True)),
                ("until", models.DateTimeField(blank=True, null=True)),
                ("outcome", models.CharField(blank=True, default="", max_length=12)),
                ("value", workflows_app.models.fields.JSONText(blank=True, null=True)),
                ("is_tied", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "run",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waits",
                        to="workflows_app.run",
                    ),
                ),
                (
                    "step",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waits",
                        to="workflows_app.stepsnapshot",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "indexes": [
                    models.Index(fields=["name", "key"], name="wait_by_name"),
                    models.Index(fields=["target"], name="wait_by_target"),
                    models.Index(fields=["until"], name="wait_by_time"),
                    models.Index(fields=["suspension"], name="wait_by_suspension"),
                    models.Index(fields=["run"], name="wait_by_run"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("step", "kind", "name", "key"), name="one_wait_an_activation"
                    )
                ],
            },
        ),
    ]
