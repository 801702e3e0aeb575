"""Tokens and kept answers of the HTTP API; where an act came from; who may see values."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import workflows_app.models.fields
from workflows_app.models import persons


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0024_stretches"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="run",
            options={
                "ordering": ["-pk"],
                "permissions": [
                    ("start_run", "Can start runs"),
                    ("resume_run", "Can answer suspended steps"),
                    ("cancel_run", "Can cancel runs"),
                    ("steer_run", "Can retry, restart, continue and time travel runs"),
                    ("view_payload", "Can see the values of runs"),
                ],
            },
        ),
        migrations.AddField(
            model_name="action",
            name="address",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="action",
            name="request_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=128),
        ),
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("prefix", models.CharField(max_length=20)),
                ("scopes", workflows_app.models.fields.JSONText(default=list)),
                ("workflows", workflows_app.models.fields.JSONText(blank=True, null=True)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=persons.on_delete(django.db.models.deletion.CASCADE),
                        related_name="signalbox_tokens",
                        to=settings.AUTH_USER_MODEL,
                        db_constraint=not persons.are_apart(),
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="EarlierQuestion",
            fields=[
                ("suspension", models.UUIDField(primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=1000)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workflows_app.run",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="KeptAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(db_index=True)),
                ("held_until", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("body", models.TextField(blank=True, default="")),
                ("headers", models.TextField(blank=True, default="{}")),
                ("workflow_id", models.CharField(blank=True, default="", max_length=255)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=persons.on_delete(django.db.models.deletion.CASCADE),
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        db_constraint=not persons.are_apart(),
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="one_answer_a_key")
                ],
            },
        ),
    ]
