"""Whoever could see the values of runs so far, still can: `view_payload` is a permission now."""

from typing import Any

from django.conf import settings
from django.db import connections, migrations, router
from django.db.models import QuerySet

#: Permissions whose holders saw values before values had one of their own.
SAW = ("view_run", "resume_run")


def grant(apps: Any, _schema_editor: Any) -> None:
    """Give `view_payload` to the people and groups that have one of those."""
    permission = apps.get_model("auth", "Permission")
    alias = router.db_for_write(permission)
    if permission._meta.db_table not in connections[alias].introspection.table_names():  # noqa: SLF001 - documented API
        return  # another database, which is migrated later
    found = permission.objects.using(alias)
    old = list(found.filter(content_type__app_label="workflows_app", codename__in=SAW))
    if not old:  # a new installation
        return
    values, _ = found.get_or_create(
        content_type_id=old[0].content_type_id,
        codename="view_payload",
        defaults={"name": "Can see the values of runs"},
    )
    holders = (("auth.Group", "permissions"), (settings.AUTH_USER_MODEL, "user_permissions"))
    for name, field in holders:
        model = apps.get_model(name)
        if not hasattr(model, field):
            continue
        rows = QuerySet(model, using=router.db_for_write(model))
        for each in rows.filter(**{f"{field}__in": old}).distinct():
            getattr(each, field).add(values)


class Migration(migrations.Migration):
    dependencies = [
        ("workflows_app", "0027_holds"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [migrations.RunPython(grant, migrations.RunPython.noop, elidable=True)]
