"""What the admin calls our tables and columns, in the language of whoever looks."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.utils import translation

from tests.integration.dashboard.conftest import started

MODELS = list(apps.get_app_config("workflows_app").get_models())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_table_and_its_columns_have_german_names(model):
    own = [field for field in model._meta.local_fields if not field.auto_created]
    english = [str(field.verbose_name) for field in own]

    with translation.override("de"):
        german = [str(field.verbose_name) for field in own]
        several = str(model._meta.verbose_name_plural)

    # One word in both languages: a name that programs have is all that may stay.
    assert several != str(model._meta.verbose_name_plural) or several == "Workflows"
    assert len([1 for pair in zip(english, german, strict=True) if pair[0] == pair[1]]) == 0


def test_german_names_of_tables_and_columns_are_shown_and_so_are_statuses(pages):
    started()
    with translation.override("de"):
        page = pages.get("/admin/workflows_app/run/", headers={"accept-language": "de"})

    shown = page.content.decode()
    assert "Läufe" in shown
    assert "Begonnen am" in shown
    assert "angehalten" in shown
    assert "suspended<" not in shown


@pytest.mark.parametrize("language", ["en", "de", "fr"])
@pytest.mark.django_db
def test_names_make_no_migrations_in_any_language(language, capsys):
    with translation.override(language):
        call_command("makemigrations", check=True, dry_run=True)

    assert "No changes" in capsys.readouterr().out


@pytest.mark.django_db
def test_permissions_keep_their_names():
    names = Permission.objects.filter(content_type__app_label="workflows_app")

    assert names.get(codename="view_run").name == "Can view run"
    assert names.get(codename="delete_apitoken").name == "Can delete API token"
