"""foreach: a sliding window over a list, items that ask one by one, progress, failure."""

import threading

import pytest

from workflows_app import StepContext, Workflow, errors, from_step, step
from workflows_app.engine.run import snapshots
from workflows_app.models import StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step
def double(n: int) -> int:
    """Double a number."""
    return n * 2


@step
def ask(item, ctx: StepContext):
    """Ask about each item, under a label of its own."""
    if ctx.resume_data is None:
        ctx.suspend({"about": item}, resume_label=f"about-{item}")
    return [item, ctx.resume_data, ctx.suspend_data]


def each_asking(name: str, concurrency: int = 3) -> Workflow:
    """Return a workflow that asks about each item of its input."""
    return Workflow(name).foreach(ask, concurrency=concurrency, id="each").commit()


def test_a_list_gives_a_list_in_input_order():
    flow = Workflow("doubles").foreach(double, concurrency=3).commit()
    result = flow.create_run().start([5, 3, 1, 4])

    assert result.result == [10, 6, 2, 8]
    assert list(result.steps) == ["double"]
    each = result.steps["double"]
    assert (each.status, each.payload, each.output) == ("success", [5, 3, 1, 4], [10, 6, 2, 8])
    assert [(i.status, i.payload, i.output) for i in each.iterations][1] == ("success", 3, 6)


def test_an_empty_list_gives_an_empty_list():
    flow = Workflow("no-items").foreach(double).then(step(len, id="count")).commit()
    result = flow.create_run().start([])
    assert result.result == 0
    assert result.steps["double"].output == []
    assert result.steps["double"].iterations == []


def test_a_value_that_is_not_a_list_fails_the_foreach():
    flow = Workflow("no-list").foreach(double).commit()
    result = flow.create_run().start({"a": 1})
    assert (result.status, result.error.type) == ("failed", "InvalidStepInput")
    assert "an object; it takes a list" in result.error.message
    assert result.steps["double"].status == "failed"


def test_at_most_concurrency_items_are_worked_on_and_a_free_place_is_taken_at_once():
    busy, most, lock = set(), [0], threading.Lock()
    slow = threading.Event()

    def work(n):
        with lock:
            busy.add(n)
            most[0] = max(most[0], len(busy))
        if n == 0:  # the first goes on until the last has run: a batch would never get there
            assert slow.wait(10)
        if n == 5:
            slow.set()
        with lock:
            busy.discard(n)
        return n

    flow = Workflow("window").foreach(step(work, id="work"), concurrency=2).commit()
    assert flow.create_run().start(list(range(6))).result == list(range(6))
    assert most[0] == 2


@pytest.mark.parametrize(("window", "most"), [(lambda items, ctx: len(items), 4), (0, 1), (-3, 1)])
def test_concurrency_may_be_a_function_and_below_one_counts_as_one(window, most):
    gate = threading.Barrier(most, timeout=10)
    wait = step(lambda n: gate.wait() >= 0, id="wait")
    flow = Workflow("windows").foreach(wait, concurrency=window).commit()
    assert flow.create_run().start([1, 2, 3, 4]).result == [True] * 4


def test_a_concurrency_that_is_not_a_number_fails_the_run():
    flow = Workflow("bad-window").foreach(double, concurrency=lambda: "many").commit()
    result = flow.create_run().start([1])
    assert result.status == "failed"
    assert "'many'" in result.error.message


def test_a_nested_workflow_runs_for_each_item_under_its_index():
    inner = (
        Workflow("send-one")
        .then(step(lambda n, ctx: [n, ctx.iteration, ctx.path], id="send"))
        .then(step(lambda sent, ctx: [*sent, ctx.get_init_data()], id="note"))
        .commit()
    )
    flow = Workflow("send-all").foreach(inner, id="each", concurrency=2).commit()
    result = flow.create_run().start(["a", "b"])

    assert result.result == [["a", 0, "each[0].send", "a"], ["b", 1, "each[1].send", "b"]]
    assert set(result.steps) == {
        "each", "each[0].send", "each[0].note", "each[1].send", "each[1].note",
    }  # fmt: skip
    assert [i.status for i in result.steps["each"].iterations] == ["success", "success"]


def test_a_foreach_in_a_foreach_has_two_indexes():
    inner = Workflow("inner-list").foreach(double, id="deep").commit()
    flow = Workflow("outer-list").foreach(inner, id="each", concurrency=2).commit()
    result = flow.create_run().start([[1, 2], [], [3]])
    assert result.result == [[2, 4], [], [6]]
    assert result.steps["each[0].deep"].iterations[1].output == 4


def test_later_steps_see_the_list_by_step_and_by_name():
    flow = (
        Workflow("look-back")
        .foreach(double, id="each")
        .map({"by": from_step(double, "1"), "whole": from_step("each")})
        .then(
            step(lambda data, ctx: [data, ctx.get_step_result(double), ctx.get_step_result("each")],
                 id="look")
        )
        .commit()
    )  # fmt: skip
    result = flow.create_run().start([1, 2])
    assert result.result == [{"by": 4, "whole": [2, 4]}, [2, 4], [2, 4]]


def test_progress_is_reported_for_every_item():
    flow = Workflow("progress").foreach(double, id="each").commit()
    run = flow.create_run()
    run.start([1, 2, 3])
    told = [e.payload for e in run.events() if e.type == "workflow-step-progress"]
    assert [p["completed_count"] for p in told] == [1, 2, 3]
    assert told[1] == {
        "id": "double", "path": "each", "completed_count": 2, "total_count": 3,
        "current_index": 1, "iteration_status": "success", "iteration_output": 4,
    }  # fmt: skip
    paths = {e.payload.get("path") for e in run.events() if e.type == "workflow-step-start"}
    assert paths == {"each", "each[0]", "each[1]", "each[2]"}


def test_a_failed_item_fails_the_run_and_nothing_new_starts():
    ran = []

    def work(n):
        ran.append(n)
        if n == 1:
            raise ValueError("one is bad")
        return n

    flow = Workflow("one-bad").foreach(step(work, id="work")).commit()
    run = flow.create_run()
    result = run.start([0, 1, 2, 3])
    assert (result.status, result.error.message, ran) == ("failed", "one is bad", [0, 1])
    assert result.steps["work"].status == "failed"
    assert [i.status for i in result.steps["work"].iterations] == ["success", "failed"]


def test_each_item_suspends_by_itself_and_keeps_its_place_in_the_window():
    flow = each_asking("ask-each", concurrency=2)
    run = flow.create_run()
    result = run.start(["a", "b", "c"])

    assert (result.status, result.suspended) == ("suspended", [["each"]])
    assert result.suspend_payload == {"each[0]": {"about": "a"}, "each[1]": {"about": "b"}}
    assert result.steps["each"].status == "suspended"
    assert run.resume_labels() == {
        "about-a": {"step": "each", "foreach_index": 0},
        "about-b": {"step": "each", "foreach_index": 1},
    }
    result = run.resume("yes", step="each", foreach_index=1)
    assert set(result.suspend_payload) == {"each[0]", "each[2]"}
    result = run.resume("no", label="about-a")
    assert set(result.suspend_payload) == {"each[2]"}
    result = run.resume("ok", step="each[2]")
    assert result.result == [
        ["a", "no", {"about": "a"}], ["b", "yes", {"about": "b"}], ["c", "ok", {"about": "c"}],
    ]  # fmt: skip


def test_leaving_the_index_out_answers_all_suspended_items():
    run = each_asking("answer-all").create_run()
    run.start([1, 2, 3])
    result = run.resume("all")
    assert [answer for _, answer, _ in result.result] == ["all"] * 3


def test_suspended_steps_name_each_question_and_a_suspension_answers_one():
    run = each_asking("questions").create_run()
    run.start([1, 2])
    asked = run.suspended_steps()
    assert [(q["path"], q["suspend_payload"]) for q in asked] == [
        ("each[0]", {"about": 1}), ("each[1]", {"about": 2}),
    ]  # fmt: skip
    run.resume("second", suspension=asked[1]["suspension"])
    with pytest.raises(errors.StepNotSuspended):
        run.resume("again", suspension=asked[1]["suspension"])
    assert [q["path"] for q in run.suspended_steps()] == ["each[0]"]


def test_an_item_that_does_not_ask_refuses_an_answer():
    run = each_asking("not-asking", concurrency=1).create_run()
    run.start([1, 2])
    with pytest.raises(errors.StepNotSuspended, match="item 1"):
        run.resume("x", step="each", foreach_index=1)
    with pytest.raises(errors.StepNotSuspended):
        run.resume("x", step="each[7]")
    with pytest.raises(errors.StepNotFound):
        run.resume("x", step="other")


def test_items_of_a_nested_workflow_are_answered_by_path_and_by_index():
    inner = Workflow("asks-inside").then(ask).commit()
    flow = Workflow("nested-asks").foreach(inner, id="each", concurrency=2).commit()
    run = flow.create_run()
    result = run.start([1, 2])
    assert result.suspended == [["each", "ask"]]
    assert set(result.suspend_payload) == {"each[0].ask", "each[1].ask"}
    result = run.resume("one", step=["each", ask], foreach_index=1)
    assert set(result.suspend_payload) == {"each[0].ask"}
    result = run.resume("two", step="each")
    assert [answer for _, answer, _ in result.result] == ["two", "one"]


def test_canceling_a_suspended_foreach_leaves_nothing_behind():
    run = each_asking("cancel-each", concurrency=2).create_run()
    run.start([1, 2, 3])
    run.cancel()
    assert run.status == "canceled"
    left = StepSnapshot.objects.filter(run=run.pk).values_list("status", flat=True).distinct()
    assert set(left) == {"canceled"}


def test_bail_in_an_item_ends_the_run_with_success():
    flow = Workflow("bail-each").foreach(step(lambda n, ctx: ctx.bail({"n": n}), id="b")).commit()
    result = flow.create_run().start([7, 8])
    assert (result.status, result.result) == ("success", {"n": 7})


def test_more_items_than_a_block_are_worked_on_in_order(monkeypatch):
    monkeypatch.setattr(snapshots, "AT_ONCE", 20)
    flow = Workflow("blocks").foreach(double, concurrency=4).commit()
    run = flow.create_run()
    items = list(range(110))
    assert run.start(items).result == [n * 2 for n in items]
    assert run.step_output("double") == [n * 2 for n in items]
    assert run.step_payload("double") == items


def test_an_item_that_is_too_large_fails_and_so_does_a_list_that_is(settings):
    settings.WORKFLOWS = {**settings.WORKFLOWS, "MAX_PAYLOAD_BYTES": 200, "MAX_LIST_BYTES": 400}
    long = Workflow("long-list").foreach(step(lambda n: "x" * 150, id="long")).commit()
    result = long.create_run().start([1, 2, 3])
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")
    assert "MAX_LIST_BYTES" in result.error.message
    large = Workflow("large-item").foreach(step(lambda n: "x" * 250, id="large")).commit()
    result = large.create_run().start([1])
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")


def test_a_window_as_wide_as_the_list_opens_at_once():
    flow = Workflow("wide").foreach(double, concurrency=90).commit()
    items = list(range(90))
    assert flow.create_run().start(items).result == [n * 2 for n in items]
