"""Each version of a run's row was entered in an index by its workflow's version, for nobody."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0017_snoozes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="run",
            name="version",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="runs",
                to="workflows_app.workflowversion",
            ),
        ),
    ]
