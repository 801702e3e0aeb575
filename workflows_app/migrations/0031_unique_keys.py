"""At most one run of a workflow holds a unique key at a time."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0030_deadlines"),
    ]

    operations = [
        migrations.AddField(
            model_name="run",
            name="unique_key",
            field=models.CharField(blank=True, max_length=255, null=True),
        ),
        migrations.CreateModel(
            name="UniqueKey",
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
                ("key", models.CharField(max_length=255)),
                ("is_latest", models.BooleanField(default=True)),
                ("is_for_ever", models.BooleanField(default=False)),
                ("until", models.DateTimeField(blank=True, null=True)),
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
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_latest", True)),
                        fields=("workflow", "key"),
                        name="one_holder_a_key",
                    )
                ],
            },
        ),
    ]
