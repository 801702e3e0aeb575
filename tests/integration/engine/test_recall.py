"""What a caller recalls of its own run is what it would have read."""

from typing import Any

import pytest

from workflows_app import StepContext, Workflow, errors, results, step
from workflows_app.engine.run import recall, sessions, transfer
from workflows_app.engine.verbs import starting
from workflows_app.models import Run as RunRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("embedded")]


def add(data: Any) -> dict[str, int]:
    """Return one more."""
    return {"n": data["n"] + 1}


@pytest.fixture
def read(monkeypatch):
    """The runs that a caller looked at in the database when they had settled."""
    seen = []
    read_run = results.run_and_steps
    monkeypatch.setattr(results, "run_and_steps", lambda pk: seen.append(pk) or read_run(pk))
    return seen


def chain(*steps):
    """Return a workflow of these steps, its threads warm."""
    made = Workflow("recalled")
    for each in steps:
        made = made.then(each)
    made.commit()
    return made


def values_of(row):
    """Return what a row holds, as attributes."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_the_result_and_the_run_are_as_they_are_read(read):
    flow = chain(
        step(add, id="a", metadata={"team": ("x", 1)}), step(add, id="b"), step(add, id="c")
    )
    run = flow.create_run(resource_id="r")
    result = run.start(
        {"n": 0},
        initial_state={"pair": (1, 2)},
        request_context={"who": ("a",)},
        output_options={"include_state": True, "include_resume_labels": True},
    )

    assert read == []
    assert values_of(run._row) == values_of(RunRow.objects.get(pk=run.pk))
    again = results.build(run.pk, include_state=True, include_resume_labels=True)
    assert result == again
    assert result.steps["b"].payload == {"n": 1}
    result.steps["c"].output["n"] = 9
    assert result.result == {"n": 3}


@pytest.mark.parametrize("given", [{"n": 0, "text": "ü" * 3000}, {"n": 0}], ids=["large", "many"])
def test_what_is_large_or_long_is_read(read, given):
    count = 2 if "text" in given else recall.MOST + 1
    flow = chain(*(step(add, id=f"s{index}") for index in range(count)))
    run = flow.create_run()

    result = run.start(given)

    assert result == results.build(run.pk)
    assert len(result.steps) == count
    assert read


def test_what_is_not_plain_is_read(read):
    def changes_state(data: Any, ctx: StepContext) -> Any:
        ctx.set_state({"seen": True})
        return data

    flow = chain(step(add, id="a"), step(changes_state, id="b"), step(add, id="c"))
    run = flow.create_run()
    result = run.start({"n": 0}, output_options={"include_state": True})
    assert result.state == {"seen": True}
    assert list(result.steps) == ["a", "b", "c"]
    assert read


def test_a_failure_is_read(read):
    def fails(_: Any) -> Any:
        raise errors.WorkflowError("no")

    result = chain(step(add, id="a"), step(fails, id="b")).create_run().start({"n": 0})
    assert result.status == "failed"
    assert result.error.message == "no"
    assert read


def test_a_remote_caller_that_cannot_be_reached_changes_nothing_for_the_run(monkeypatch):
    asked = []
    hand = starting._hand_over

    def hand_for_a_caller(slot, begun):
        hand(slot, begun)
        sessions.of(begun.run.pk).caller = "elsewhere"

    def fails(of):
        asked.append(len(of.steps))
        raise ValueError

    monkeypatch.setattr(starting, "_hand_over", hand_for_a_caller)
    monkeypatch.setattr(transfer, "pack_end", fails)
    run = chain(step(add, id="a"), step(add, id="b")).create_run()

    assert run.start({"n": 0}).result == {"n": 2}

    assert asked == [2]
    assert run.refresh().status == "success"
