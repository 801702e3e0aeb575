"""Who gave the result of a step whose attempts were used up."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0028_see_values"),
    ]

    operations = [
        migrations.AddField(
            model_name="stepsnapshot",
            name="given_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=255),
        ),
    ]
