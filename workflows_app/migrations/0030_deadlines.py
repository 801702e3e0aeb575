"""Runs have deadlines, and starts that wait may expire."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0029_given_results"),
    ]

    operations = [
        migrations.CreateModel(
            name="RunDeadline",
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
                ("after", models.FloatField()),
                ("then", models.CharField(max_length=8)),
                ("while_suspended", models.BooleanField(default=True)),
                ("warn_after", models.FloatField(blank=True, null=True)),
                ("is_own", models.BooleanField(default=False)),
                ("began_at", models.DateTimeField(blank=True, null=True)),
                ("stopped_at", models.DateTimeField(blank=True, null=True)),
                ("warned_at", models.DateTimeField(blank=True, null=True)),
                ("passed_at", models.DateTimeField(blank=True, null=True)),
                ("due_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name="acceptedstart",
            name="expires_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="run",
            name="ended_reason",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="run",
            name="is_timed",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddIndex(
            model_name="acceptedstart",
            index=models.Index(
                condition=models.Q(("expires_at__isnull", False)),
                fields=["expires_at"],
                name="start_by_expiry",
            ),
        ),
        migrations.AddIndex(
            model_name="rundeadline",
            index=models.Index(
                condition=models.Q(("due_at__isnull", False)),
                fields=["due_at"],
                name="deadline_by_time",
            ),
        ),
    ]
