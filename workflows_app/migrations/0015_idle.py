"""For how long a run had settled before it went on."""

import datetime

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("workflows_app", "0013_schedules_by_hand")]

    operations = [
        migrations.AddField(
            model_name="run",
            name="idle",
            field=models.DurationField(
                db_default=datetime.timedelta(0), default=datetime.timedelta
            ),
        ),
    ]
