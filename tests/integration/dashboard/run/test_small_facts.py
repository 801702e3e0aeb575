"""What people look for on a run's page: who canceled it, how far a list has come, its input."""

import csv
import io
import re

import pytest

from tests.integration.dashboard.conftest import started
from workflows_app import Workflow, step
from workflows_app.models import Action, Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _inline(settings):
    settings.WORKFLOWS = {"EXECUTION": "inline"}


@step
def fussy(n: int) -> int:
    """Refuse odd numbers."""
    if n % 2:
        raise ValueError("odd")
    return n


counting = Workflow("facts-counting", input=list[int]).foreach(fussy).commit()


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.content.decode()))


def test_a_canceled_run_says_who_canceled_it_and_when(pages, ana):
    run = started()
    run.cancel(actor=ana)

    said = text_of(pages.get(f"/runs/{run.run_id}/"))

    assert re.search(r"Canceled \S.* by ana ", said)


def test_a_run_that_code_canceled_says_so(pages):
    run = started()
    run.cancel()

    said = text_of(pages.get(f"/runs/{run.run_id}/"))

    assert "by code, without a name" in said


def test_the_door_is_never_empty(pages, ana):
    run = started()
    run.cancel(actor=ana)
    Action.objects.create(at=run.created_at, verb="start", actor_name="ana", run_id=None)

    exported = pages.get("/audit/export.csv")
    content = b"".join(exported) if exported.streaming else exported.content
    rows = list(csv.DictReader(io.StringIO(content.decode())))

    assert {row["door"] for row in rows} == {"python"}
    assert Action.objects.get(verb="cancel").door == "python"
    assert ">–<" not in pages.get("/audit/").content.decode()


def test_the_counts_of_a_foreach_are_on_the_foreach(pages):
    run = counting.create_run()
    run.start([2, 4, 5])

    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    whole = page.split('id="step-fussy"')[1].split("</summary>")[0].split("<li ")[0]
    inside = page.split('id="step-fussy[]"')[1].split("</summary>")[0].split("<li ")[0]

    assert {"2 success", "1 failed"} <= set(re.findall(r'class="tag num">([^<]*)', whole))
    assert "success" not in "".join(re.findall(r'class="tag num">([^<]*)', inside))


def test_the_data_of_a_run_that_is_not_started_say_that_there_is_no_input_yet(pages):
    run = counting.create_run()

    said = text_of(pages.get(f"/runs/{run.run_id}/?tab=data"))

    assert "This run has no input yet: it gets one when it is started." in said


def test_the_data_of_a_pending_run_show_the_input_that_it_has(pages):
    run = counting.create_run()
    Run.objects.filter(run_id=run.run_id).update(input=[2, 41734])

    said = text_of(pages.get(f"/runs/{run.run_id}/?tab=data"))

    assert "41734" in said
