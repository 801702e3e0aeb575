"""What somebody answered is shown wherever it is said that they did."""

import csv
import io
import json

import pytest

from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import StepContext, Workflow, step

SAID = "approved, &#x27;ok &lt;b&gt;&#x27;"


@pytest.fixture
def answered(pages):
    """A run whose question Ana answered."""
    run = started()
    address = f"/runs/{run.run_id}/answer/{question_of(run).suspension}/"
    pages.post(address, {"tab": "form", "data.approved": "true", "data.note": "ok <b>"})
    assert row_of(run).status == "success"
    return run


def test_the_done_tab_says_it(pages, answered):
    page = pages.get("/inbox/?tab=done").content.decode()

    assert f'answered by ana: <strong class="said">{SAID}</strong>' in page


def test_the_audit_page_and_the_tab_of_the_run_say_it(pages, answered):
    for address in ("/audit/", f"/runs/{answered.run_id}/?tab=audit"):
        page = pages.get(address).content.decode()
        assert f'<span class="said">{SAID}</span>' in page, address


def test_the_head_of_the_step_says_who_and_what(pages, answered):
    page = pages.get(f"/runs/{answered.run_id}/").content.decode()
    head = page.split('id="step-manager"')[1].split("</summary>")[0]

    assert f"ana: {SAID}" in head
    assert f'Answered by <strong>ana</strong>: <span class="said">{SAID}</span>' in page

    page = pages.get(f"/runs/{answered.run_id}/steps/manager/").content.decode()
    assert "<dt>Answered by ana</dt>" in page
    assert f'ana: resume (<span class="said">{SAID}</span>)' in page


def test_the_exports_hold_it(pages, answered):
    text = pages.get("/audit/export.csv").content.decode()
    (row,) = [row for row in csv.DictReader(io.StringIO(text)) if row["verb"] == "resume"]
    assert json.loads(row["answer"]) == {"approved": True, "note": "ok <b>"}

    told = json.loads(pages.get("/audit/export.json").content)["actions"]
    (action,) = [each for each in told if each["verb"] == "resume"]
    assert action["answer"] == {"approved": True, "note": "ok <b>"}


def test_nothing_is_said_of_a_step_that_asks_again(pages):
    @step
    def twice(value: int, ctx: StepContext) -> int:
        if ctx.resume_data != "second":
            ctx.suspend({"question": "Well?"})
        return value

    run = Workflow("answered-twice").then(twice).commit().create_run()
    run.start(1)
    run.resume("first")

    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "answered: &#x27;first&#x27;" not in page

    run.resume("second")
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "answered: &#x27;second&#x27;" in page


def test_one_answer_to_several_steps_is_said_at_each(pages, ana):
    @step
    def left(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"question": "Left?"})
        return value

    @step
    def right(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"question": "Right?"}, resume_label="right")
        return value

    run = Workflow("answered-both").parallel([left, right]).commit().create_run()
    run.start(1)
    run.resume("yes", step="left", actor=ana)
    run.resume("no", step="right", actor=ana)

    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "ana: &#x27;yes&#x27;" in page
    assert "ana: &#x27;no&#x27;" in page


def test_a_long_answer_is_not_read_for_lists_and_stands_with_its_step(pages, ana):
    @step
    def listen(value: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"question": "Well?"})
        return value

    run = Workflow("answered-long").then(listen).commit().create_run()
    run.start(1)
    run.resume("n" * 10_000, actor=ana)

    for address in ("/inbox/?tab=done", "/audit/", f"/runs/{run.run_id}/"):
        page = pages.get(address).content.decode()
        assert "an answer that is too long to be shown here" in page, address
        assert "n" * 5000 not in page
