"""Deciding about a step whose attempts are used up: in the inbox and on the run's page."""

from typing import Any

import pytest
from pydantic import BaseModel

from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app import StepContext, Workflow, step
from workflows_app.models import Action, StepSnapshot


class Parcel(BaseModel):
    """What the step takes."""

    weight: int
    note: str = ""


class Label(BaseModel):
    """What the step gives."""

    code: str


@step(on_exhausted="ask", retries=1)
def weigh(parcel: Parcel, ctx: StepContext) -> Label:
    """Weigh a parcel; one of 13 cannot be."""
    if parcel.weight == 13:
        raise RuntimeError("the *scale* broke")
    return Label(code=f"w{parcel.weight}")


flow = Workflow("pages-used-up", input=Parcel).then(weigh).commit()


def asking() -> Any:
    """Return a run that asks for a decision."""
    return started(flow, weight=13, note="fragile")


def address_of(run):
    return f"/runs/{run.run_id}/answer/{question_of(run).suspension}/"


def again(op, **values):
    """Return what the form for another input posts."""
    fields = {f"data.input.{name}": value for name, value in values.items()}
    return {"tab": "form", "part": "again", "op": f"decide:{op}", **fields}


def test_the_page_of_the_run_shows_the_error_the_input_and_the_buttons(pages):
    run = asking()
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "2 attempts failed, and no attempt is left." in page
    assert "<strong>RuntimeError</strong> the *scale* broke" in page
    assert 'value="13"' in page
    assert "fragile" in page
    for op in ("retry", "with-input", "result", "fail"):
        assert f'value="decide:{op}"' in page
    assert "weigh is asking: All attempts failed. RuntimeError: the *scale* broke" in page


def test_the_inbox_shows_the_same(pages):
    run = asking()
    listed = pages.get("/inbox/").content.decode()
    assert "All attempts failed. RuntimeError: the *scale* broke" in listed
    page = pages.get(f"/inbox/?item={question_of(run).suspension}").content.decode()
    assert "2 attempts failed, and no attempt is left." in page
    assert 'value="decide:with-input"' in page
    assert "All attempts failed. RuntimeError" in pages.get("/runs/").content.decode()


def test_retry_runs_the_step_again(pages):
    run = asking()
    answer = pages.post(address_of(run), again("retry", weight="99"))
    assert answer.url.startswith(f"/runs/{run.run_id}/")
    assert row_of(run).status == "suspended"
    assert Action.objects.get(verb="resume").data["resume_data"] == {"action": "retry"}


def test_retry_with_this_input_takes_what_the_form_holds(pages):
    run = asking()
    pages.post(address_of(run), again("with-input", weight="12", note="light"))
    assert row_of(run).status == "success"
    step_ = StepSnapshot.objects.current().get(run=run.pk, path="weigh")
    assert step_.payload == {"weight": 12, "note": "light"}
    assert step_.output == {"code": "w12"}


def test_enter_in_a_field_does_what_its_form_is_for(pages):
    run = asking()
    sent = {**again("", weight="12"), "op": "send"}
    pages.post(address_of(run), sent)
    assert row_of(run).status == "success"


def test_a_result_is_given(pages, ana):
    run = asking()
    sent = {"tab": "form", "part": "given", "op": "decide:result", "data.output.code": "by hand"}
    pages.post(address_of(run), sent)
    assert row_of(run).status == "success"
    assert StepSnapshot.objects.get(run=run.pk, path="weigh").given_by == "ana"
    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    assert "result given by ana" in page


def test_fail_fails_it(pages):
    run = asking()
    pages.post(address_of(run), again("fail"))
    assert row_of(run).status == "failed"


def test_a_wrong_value_is_said_beside_its_field_and_the_rest_stays(pages):
    run = asking()
    answer = pages.post(address_of(run), again("with-input", weight="heavy", note="keep me"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "keep me" in page
    assert 'value="decide:result"' in page
    part = pages.post(
        address_of(run), again("with-input", weight="", note="x"), headers={"HX-Request": "true"}
    )
    assert part.status_code == 422
    assert 'value="decide:result"' not in part.content.decode()
    answer = pages.post(address_of(run), {"tab": "form", "part": "given", "op": "decide:result"})
    assert answer.status_code == 422
    assert row_of(run).status == "suspended"


@pytest.mark.parametrize("op", ["decide:", "decide", "send:retry", "anything"])
def test_no_other_button_does_anything(pages, op):
    run = asking()
    answer = pages.post(address_of(run), {**again("retry"), "op": op})
    assert answer.status_code in {400, 422}
    assert row_of(run).status == "suspended"


def test_the_second_to_answer_reads_who_was_first(pages):
    run = asking()
    address = address_of(run)
    pages.post(address, again("with-input", weight="12"))
    answer = pages.post(address, again("with-input", weight="11", note="my draft"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Already answered by ana" in page
    assert "my draft" in page


def test_whoever_may_not_see_values_sees_no_input_and_may_give_one(person):
    _, client = person("view_run", "resume_run", values=False)
    run = asking()
    page = client.get(f"/runs/{run.run_id}/").content.decode()
    assert "fragile" not in page
    assert 'value="decide:with-input"' in page
    client.post(address_of(run), again("with-input", weight="12"))
    assert row_of(run).status == "success"


def test_whoever_may_not_answer_gets_no_buttons(person):
    _, client = person("view_run")
    run = asking()
    assert 'value="decide:retry"' not in client.get(f"/runs/{run.run_id}/").content.decode()
    assert client.post(address_of(run), again("retry")).status_code == 403


def test_the_json_of_a_part_is_an_answer_too(pages):
    run = asking()
    text = '{"input": {"weight": 7}}'
    sent = {"tab": "json", "json": text, "part": "again", "op": "decide:with-input"}
    pages.post(address_of(run), sent)
    assert row_of(run).status == "success"
