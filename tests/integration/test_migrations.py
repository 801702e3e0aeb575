"""What migrations do to installations that are there already."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User

pytestmark = pytest.mark.django_db


def test_people_and_groups_who_saw_values_still_see_them():
    named = {each.codename: each for each in Permission.objects.filter(codename__contains="_run")}
    values = Permission.objects.get(codename="view_payload")
    values.delete()  # as it was before
    viewers = Group.objects.create(name="viewers")
    viewers.permissions.add(named["view_run"])
    answers, starts = User.objects.create(username="a"), User.objects.create(username="s")
    answers.user_permissions.add(named["resume_run"])
    starts.user_permissions.add(named["start_run"])

    import_module("workflows_app.migrations.0028_see_values").grant(apps, None)

    assert viewers.permissions.filter(codename="view_payload").exists()
    assert answers.has_perm("workflows_app.view_payload")
    assert not starts.has_perm("workflows_app.view_payload")
