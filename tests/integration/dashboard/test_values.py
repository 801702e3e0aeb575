"""The values of a run on its pages: as trees, bounded, and never as markup."""

import json
import re

import pytest

from dashboard import previews
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import StepSnapshot

NASTY = "</span><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
#: What draws one row of a value or of the list of steps.
ROWS = re.compile('class="leaf"|<summary|class="step"|class="more-rows"')


def shown(client, address, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def anything(**values):
    return started(flows.open_flow, **values)


def test_a_run_shows_its_input_as_a_tree(pages):
    page = shown(pages, f"/runs/{anything(lines=[{'price': 2.5}]).run_id}/")

    assert '<span class="key">lines</span>' in page
    assert '<span class="value" data-kind="number">2.5</span>' in page


@pytest.mark.parametrize("tab", ["graph", "data"])
def test_markup_in_keys_and_values_is_text_on_every_page(pages, tab):
    run = row_of(anything(**{NASTY: {NASTY: [NASTY, {"x": NASTY * 90}]}}))
    step = run.steps.get(path="anything")

    for address in (
        f"/runs/{run.run_id}/?tab={tab}",
        f"/runs/{run.run_id}/steps/anything/",
        f"/runs/{run.run_id}/values/input/",
        f"/runs/{run.run_id}/values/{step.pk}/output/",
    ):
        page = shown(pages, address)
        assert "<img" not in page
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_a_run_with_many_values_is_a_light_page(pages):
    run = anything(many=[{"a": number, "b": [number] * 50} for number in range(200)])

    page = shown(pages, f"/runs/{run.run_id}/")

    assert len(ROWS.findall(page)) < 300
    assert f'href="/runs/{run.run_id}/values/input/" data-whole' in page


def test_a_folded_step_fetches_what_is_not_small(pages):
    run = row_of(anything(many=list(range(90))))
    step = run.steps.get(path="anything")
    address = f"/runs/{run.run_id}/values/{step.pk}/output/"

    assert f'<p data-away><a href="{address}">' in shown(pages, f"/runs/{run.run_id}/")
    part = shown(pages, address, **{"HX-Request": "true"})
    assert "<html" not in part
    assert part.count('class="leaf"') == 92
    assert "<html" in shown(pages, address)


def test_a_value_of_50_mb_is_not_read_whole(pages, monkeypatch):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    text = '{"rows": [' + "12345678, " * 5_000_000 + "1]}"
    StepSnapshot.objects.filter(pk=step.pk).update(output=previews.jsontext.Raw(text))
    read = []
    loads = previews.jsontext.loads
    monkeypatch.setattr(
        "workflows_app.jsontext.loads", lambda text: read.append(len(text)) or loads(text)
    )

    for address in (
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/steps/anything/",
        f"/runs/{run.run_id}/values/{step.pk}/output/",
    ):
        page = shown(pages, address)
        assert len(page) < 100_000
    assert "Only the beginning is shown" in page
    assert max(read) <= previews.TREE_LIMIT


def test_a_value_that_cannot_be_a_tree_is_text(pages):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    deep = previews.jsontext.Raw("[" * 10_000 + "]" * 10_000)
    StepSnapshot.objects.filter(pk=step.pk).update(output=deep)

    page = shown(pages, f"/runs/{run.run_id}/values/{step.pk}/output/")

    assert "nested too deeply" in page


def test_half_characters_and_nul_do_not_break_a_page(pages):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    odd = previews.jsontext.Raw(r'{"\ud800": "\udfff", "nul\u0000": "a\u0000b"}')
    StepSnapshot.objects.filter(pk=step.pk).update(output=odd)

    assert r"a\u0000b" in shown(pages, f"/runs/{run.run_id}/steps/anything/")
    assert r"a\u0000b" in shown(pages, f"/runs/{run.run_id}/?tab=data")


def test_a_payload_is_downloaded_under_a_telling_name(pages):
    run = row_of(anything(a=1))
    step = run.steps.get(path="anything")

    seen = pages.get(f"/runs/{run.run_id}/raw/input/")
    kept = pages.get(f"/runs/{run.run_id}/raw/{step.pk}/output/?download=1")

    assert seen.headers["Content-Disposition"].startswith("inline")
    assert kept.headers["Content-Disposition"] == (
        f'attachment; filename="{run.run_id}-anything-output.json"'
    )
    assert json.loads(kept.content) == {"a": 1, "title": "Desk", "amount": 700}


@pytest.mark.parametrize("path", ["values/secret/", "values/99999/output/", "values/1/worker/"])
def test_there_is_no_page_of_other_fields(pages, path):
    assert pages.get(f"/runs/{anything().run_id}/{path}").status_code == 404


def test_a_value_of_another_run_is_not_shown(pages):
    other = row_of(anything()).steps.get(path="anything")

    assert pages.get(f"/runs/{anything().run_id}/values/{other.pk}/output/").status_code == 404


def test_values_are_for_people_who_may_see_runs(person, client):
    run = anything()
    _, nobody = person()

    assert client.get(f"/runs/{run.run_id}/values/input/").status_code == 302
    assert nobody.get(f"/runs/{run.run_id}/values/input/").status_code == 403
