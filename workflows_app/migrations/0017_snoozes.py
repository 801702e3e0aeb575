"""Questions that a person has put off."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from workflows_app.models import persons


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0015_idle"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Snooze",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("suspension", models.UUIDField()),
                ("until", models.DateTimeField()),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=persons.on_delete(django.db.models.deletion.CASCADE),
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        db_constraint=not persons.are_apart(),
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="workflows_app.run",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("person", "suspension"), name="one_snooze_a_person"
                    )
                ],
            },
        ),
    ]
