"""What the wheel brings into somebody's environment."""

import zipfile
from email import message_from_string
from pathlib import Path


def _names(built: Path) -> list[str]:
    with zipfile.ZipFile(built) as wheel:
        return wheel.namelist()


def test_no_file_is_outside_of_the_two_packages(built):
    tops = {name.partition("/")[0] for name in _names(built)}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"signalbox", "workflows_app"}
    beside = {name for name in _names(built) if name.startswith("signalbox/")}
    assert {name.split("/")[1] for name in beside} == {"dashboard", "worker"}


def test_no_template_or_static_file_can_take_the_place_of_a_projects_own(built):
    names = _names(built)
    templates = [name.partition("/templates/")[2] for name in names if "/templates/" in name]

    assert templates == ["admin/workflows_app/act.html"]
    assert not [name for name in names if "/static/" in name]
    assert not [name for name in names if Path(name).name in {"404.html", "403.html", "500.html"}
                and "/dashboard/errors/" not in name]  # fmt: skip


def test_the_languages_are_in_it_compiled(built):
    found = {name for name in _names(built) if name.endswith(".mo")}

    assert found == {
        "signalbox/dashboard/locale/de/LC_MESSAGES/django.mo",
        "workflows_app/locale/de/LC_MESSAGES/django.mo",
    }


def test_every_package_says_that_it_is_typed(built):
    marks = {name for name in _names(built) if name.endswith("py.typed")}

    assert marks == {
        "workflows_app/py.typed", "signalbox/dashboard/py.typed", "signalbox/worker/py.typed",
    }  # fmt: skip


def test_the_metadata_shuts_out_no_django_to_come(built):
    with zipfile.ZipFile(built) as wheel:
        (name,) = [each for each in wheel.namelist() if each.endswith("METADATA")]
        said = message_from_string(wheel.read(name).decode())
    needs = [need for need in said.get_all("Requires-Dist") or [] if "extra ==" not in need]

    assert said["Name"] == "django-signalbox"
    assert "django>=5.2" in needs
    assert {"redis", "tracing"} <= set(said.get_all("Provides-Extra") or [])
    assert not [need for need in needs if need.startswith(("django-axes", "whitenoise", "redis"))]
