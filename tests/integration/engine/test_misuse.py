"""Wrong calls of verbs: what they say, and that nothing changes."""

from datetime import UTC, date, datetime, timedelta, timezone
from unittest import mock

import pytest
from django.db import OperationalError, ProgrammingError

from workflows_app import Schedule, StepContext, Workflow, errors, from_step, step
from workflows_app.engine.verbs import creating

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@step
def first(data):
    """Return the input."""
    return data


@step(resume=str)
def asks(data, ctx: StepContext):
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend()
    return ctx.resume_data


def flow():
    """Return a workflow that asks once."""
    return Workflow("misused-verbs").then(first).then(asks).commit()


FILTERS = {
    "a status that there is not": ({"status": "succes"}, "one of pending, running,.* success"),
    "a status in capitals": ({"status": "SUCCESS"}, "one of pending"),
    "two statuses": ({"status": ["success", "failed"]}, "one of pending"),
    "a date as text": ({"from_date": "2026-01-01"}, "from_date is a datetime with a time zone"),
    "a number for a date": ({"to_date": 5}, "to_date is a datetime with a time zone"),
    "a day": ({"from_date": date(2026, 1, 1)}, "with a time zone"),
    "a moment without a zone": ({"to_date": datetime(2026, 1, 1)}, "with a time zone"),  # noqa: DTZ001
    "a limit as text": ({"limit": "5"}, "limit is a whole number, 1 or more"),
    "a limit below one": ({"limit": 0}, "1 or more"),
    "a limit below zero": ({"limit": -1}, "1 or more"),
    "a limit in parts": ({"limit": 1.5}, "1 or more"),
    "no limit": ({"limit": None}, "1 or more"),
    "a cursor that is none": ({"cursor": "x"}, "next_cursor"),
    "a number for a cursor": ({"cursor": 5}, "next_cursor"),
    "a list for a resource": ({"resource_id": ["x"]}, "resource_id is text"),
    "a filter that there is not": ({"state": "success"}, r"'state'.*list_runs\(\*, status=None"),
}  # fmt: skip


@pytest.mark.parametrize("given", FILTERS)
def test_a_wrong_filter_of_a_list_is_refused(given):
    options, says = FILTERS[given]
    with pytest.raises(errors.InvalidInput, match=says):
        flow().list_runs(**options)


def test_filters_that_are_right_are_taken_as_before():
    made = flow()
    made.create_run(resource_id=5).start("x")
    now = datetime.now(UTC)
    assert len(made.list_runs(status="suspended", to_date=now, resource_id=5, limit=1)) == 1
    assert len(made.list_runs(status=None, from_date=now)) == 0


EARLIEST = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
LATEST = datetime.max.replace(tzinfo=timezone(timedelta(hours=-12)))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"limit": 10**30}, 1),
        ({"limit": 2**63 - 1}, 1),
        ({"limit": 2**31 - 1}, 1),
        ({"from_date": EARLIEST}, 1),
        ({"to_date": LATEST}, 1),
        ({"from_date": LATEST}, 0),
        ({"to_date": EARLIEST}, 0),
        ({"from_date": EARLIEST, "to_date": LATEST, "limit": 10**400}, 1),
    ],
)
def test_a_limit_or_a_date_beyond_all_that_there_is_leaves_nothing_out(options, found):
    made = flow()
    made.create_run().start("x")
    assert len(made.list_runs(**options)) == found


@pytest.mark.parametrize("after", [2**31, 2**63, 10**30, 10**5000], ids=["a", "b", "c", "d"])
def test_no_event_comes_after_a_number_beyond_all(after):
    run = flow().create_run()
    run.start("x")
    assert run.events(after=after) == []
    assert list(run.observe_stream(after=after)) == []


HUGE = {
    "a time that no float holds": (lambda run: run.start("x", timeout=10**400), "timeout"),
    "a time that nobody writes": (lambda run: run.start("x", timeout=10**5000), "timeout is a num"),
    "a time in a stream": (lambda run: list(run.stream("x", timeout=10**400)), "timeout"),
    "a resource": (lambda run: run.workflow.create_run(resource_id=10**5000), "too many digits"),
    "a filter": (lambda run: run.workflow.list_runs(resource_id=10**5000), "too many digits"),
    "a count below all": (lambda run: run.events(after=-(10**5000)), "after is a whole number"),
    "a limit below all": (lambda run: run.workflow.list_runs(limit=-(10**5000)), "1 or more"),
}


@pytest.mark.parametrize("given", HUGE)
def test_a_number_beyond_all_is_refused_in_words(given):
    call, says = HUGE[given]
    run = flow().create_run()
    with pytest.raises(errors.InvalidInput, match=says) as refusal:
        call(run)
    assert len(str(refusal.value)) < 500
    assert run.refresh().status == "pending"


def test_a_retry_count_beyond_all_is_refused_and_the_question_stays():
    run = flow().create_run()
    run.start("x")
    for huge in (2**31, 10**30, 10**5000):
        with pytest.raises(errors.InvalidInput, match="from 0 to 2,147,483,647"):
            run.resume("yes", retry_count=huge)
    assert run.refresh().status == "suspended"
    assert run.resume("yes", retry_count=2**31 - 1).result == "yes"


@pytest.mark.parametrize("concurrency", [10**30, lambda: 10**30])
def test_a_window_beyond_all_is_as_large_as_there_is(concurrency):
    made = Workflow("wide").foreach(first, concurrency=concurrency).commit()
    assert made.create_run().start([1, 2]).result == [1, 2]


def test_a_schedule_beyond_all_days_is_refused_where_it_is_written():
    for given in ({"run_at": LATEST}, {"run_at": EARLIEST}):
        with pytest.raises(errors.InvalidSchedule, match="all days of UTC"):
            Schedule(**given)
    with pytest.raises(errors.InvalidSchedule, match="all days of UTC"):
        Schedule("* * * * *", end_at=LATEST)
    with pytest.raises(errors.InvalidStep, match="retries is a whole number") as refusal:
        step(lambda data: data, id="x", retries=-(10**5000))
    assert len(str(refusal.value)) < 300


def test_an_unknown_step_is_refused_with_names_that_people_gave():
    """A branch whose name a step has gets another, which nobody can name."""
    taken = step(lambda data: data, id="branch-1")
    made = Workflow("told").then(taken).branch([(lambda _: True, first)]).commit()
    run = made.create_run()
    run.start("x")
    for verb in (
        lambda: run.time_travel("nope"),
        lambda: run.time_travel("first", context={"nope": {"output": 1}}),
        lambda: run.resume(1, step="nope"),
    ):
        with pytest.raises(errors.WorkflowError, match=r"no|suspended") as said:
            verb()
        assert "~" not in str(said.value)
    with pytest.raises(errors.InvalidStep, match="before it: branch-1, first"):
        Workflow("told-too").then(taken).branch([(lambda _: True, first)]).map(
            {"a": from_step("nope")}
        )


def test_an_input_of_a_time_travel_that_is_too_large_is_named(settings, execution):
    settings.WORKFLOWS = {"EXECUTION": execution, "MAX_PAYLOAD_BYTES": 4000}
    run = flow().create_run()
    run.start("x")
    with pytest.raises(errors.PayloadTooLarge, match=r"^The input of 'asks' is 6,002 bytes"):
        run.time_travel("asks", input_data="x" * 6000)


OPTIONS = {
    "an unknown option": ({"state": {}}, "has no option 'state'; it has .*actor"),
    "a context that is none": ({"request_context": 5}, "request_context"),
    "tracing options": ({"tracing_options": 5}, "tracing_options is a mapping"),
    "a tracing list": ({"tracing_options": {"tags": "x"}}, "tags in tracing_options is a list"),
    "tracing keys": ({"tracing_options": {"request_context_keys": 5}}, "is a list of texts"),
    "a span name": ({"tracing_options": {"root_span_name": 5}}, "root_span_name"),
    "output options": ({"output_options": ["include_state"]}, "output_options is a mapping"),
    "a wait": ({"wait": "no"}, "wait is True or False"),
    "a time as text": ({"timeout": "5"}, "timeout is a number of seconds"),
    "a time below zero": ({"timeout": -1}, "timeout is a number of seconds"),
    "no number": ({"timeout": float("nan")}, "timeout is a number of seconds"),
    "a step flag": ({"per_step": "yes"}, "per_step"),
}  # fmt: skip

VERBS = {
    "start": ("pending", ("x",)),
    "resume": ("suspended", ("yes",)),
    "restart": ("suspended", ()),
    "retry": ("suspended", ()),
    "proceed": ("suspended", ()),
    "time_travel": ("suspended", ("first",)),
    "fork": ("suspended", ("first",)),
    "rerun": ("suspended", ()),
    "stream": ("pending", ("x",)),
}


@pytest.mark.parametrize("given", OPTIONS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_option_of_a_verb_is_refused_and_changes_nothing(verb, given):
    how, args = VERBS[verb]
    options, says = OPTIONS[given]
    if verb == "stream" and set(options) & {"wait", "timeout"}:
        options, says = {"output_options": 5}, "output_options"
    run = flow().create_run()
    if how == "suspended":
        run.start("x")
    before = run.refresh().status, len(run.events()), run.workflow.list_runs().total
    with pytest.raises((errors.InvalidInput, errors.InvalidRequestContext), match=says):
        getattr(run, verb)(*args, **options)
    assert (run.refresh().status, len(run.events()), run.workflow.list_runs().total) == before


@pytest.mark.parametrize("given", OPTIONS)
async def test_a_wrong_option_of_a_twin_is_refused_and_changes_nothing(given):
    options, says = OPTIONS[given]
    run = await flow().acreate_run()
    with pytest.raises((errors.InvalidInput, errors.InvalidRequestContext), match=says):
        await run.astart("x", **options)
    assert (await run.arefresh()).status == "pending"


ANSWERS = {
    "no suspension": ({"suspension": 5}, "suspension is the id of a question"),
    "an index as text": ({"foreach_index": "x"}, "foreach_index is a whole number"),
    "an index below zero": ({"foreach_index": -1}, "foreach_index is a whole number"),
    "a count as text": ({"retry_count": "x"}, "retry_count is a whole number"),
    "a count below zero": ({"retry_count": -1}, "retry_count is a whole number"),
    "a label": ({"label": 5}, "label is text"),
}
JOURNEYS = {
    "a context": ({"context": 5}, "context is a mapping"),
    "a context in a list": ({"context": [1]}, "context is a mapping"),
    "a result": ({"context": {"first": 5}}, "it must be a mapping like"),
    "a status": ({"context": {"first": {"status": "succes", "output": 1}}}, "'succes'"),
    "nested": ({"nested_steps_context": 5}, "nested_steps_context is a mapping"),
    "a nested result": ({"nested_steps_context": {"first": 5}}, "nested workflow 'first'"),
    "a state": ({"initial_state": 5}, "initial_state is a mapping"),
    "a token": ({"plan": 5}, "plan is the token"),
    "an option": ({"input": 5}, "has no option 'input'"),
}


@pytest.mark.parametrize("given", ANSWERS)
def test_a_wrong_answer_is_refused(given):
    options, says = ANSWERS[given]
    run = flow().create_run()
    run.start("x")
    with pytest.raises(errors.InvalidInput, match=says):
        run.resume("yes", **options)
    assert run.refresh().status == "suspended"


@pytest.mark.parametrize("given", JOURNEYS)
def test_a_wrong_journey_is_refused(given):
    options, says = JOURNEYS[given]
    run = flow().create_run()
    run.start("x")
    with pytest.raises(errors.InvalidInput, match=says):
        run.time_travel("asks", **options)
    with pytest.raises(errors.StepNotFound):
        run.time_travel("asks", context={5: {"output": 1}})
    assert run.refresh().timeline == 1


def test_a_call_that_does_not_fit_says_how_it_is_called():
    run = flow().create_run()
    for call, says in (
        (lambda: run.start(1, {"s": 1}), r"start\(input_data=None, \*, initial_state=None"),
        (run.time_travel, r"time_travel\(step, \*, plan=None"),
        (lambda: run.cancel("why"), r"cancel\(\*, wait=False"),
        (
            lambda: run.workflow.create_run(id="x"),
            r"create_run\(run_id=None, resource_id=None, \*, un",
        ),
        (lambda: run.events(after="x"), "after is a whole number"),
        (lambda: run.observe_stream(after=-1), "after is a whole number"),
        (lambda: run.workflow.create_run(resource_id="x" * 300), "at most 255"),
    ):
        with pytest.raises(errors.InvalidInput, match=says):
            call()
    for wrong in (5, {}, "", "a b"):
        with pytest.raises(errors.InvalidId):
            run.workflow.create_run(wrong)
    assert run.refresh().status == "pending"


def test_what_a_hook_raises_is_its_own_also_a_type_error():
    def refuse(_info):
        raise TypeError("mine")

    run = Workflow("own-error", on_start=refuse).then(first).commit().create_run()
    with pytest.raises(TypeError, match=r"^mine$"):
        run.start("x")


def test_a_schedule_refuses_wrong_arguments():
    made = Workflow("misused-schedule", schedule=Schedule("0 0 * * *")).then(first).commit()
    (schedule,) = made.schedules()
    with pytest.raises(errors.InvalidInput, match="limit is a whole number"):
        schedule.triggers(-1)
    with pytest.raises(errors.InvalidInput, match="note is text"):
        schedule.pause(["why"])
    schedule.pause(None)
    assert schedule.note == ""


@pytest.mark.parametrize(
    "said",
    [
        OperationalError("no such table: workflows_app_run"),
        OperationalError("no such column: workflows_app_stepsnapshot.version_id"),
        OperationalError("table workflows_app_run has no column named later_version_id"),
        ProgrammingError('relation "workflows_app_run" does not exist\nLINE 1: SELECT'),
        ProgrammingError('column workflows_app_run.later_version_id does not exist'),
        ProgrammingError('column "x" of relation "workflows_app_run" does not exist'),
    ],
)  # fmt: skip
def test_a_missing_table_says_to_migrate(said):
    with (
        mock.patch.object(creating, "obtain", side_effect=said),
        pytest.raises(errors.NotMigrated, match=r"manage\.py migrate") as raised,
    ):
        flow().create_run()
    assert raised.value.__cause__ is said
    with (
        mock.patch.object(creating, "obtain", side_effect=OperationalError("no such table: shop")),
        pytest.raises(OperationalError, match="shop"),
    ):
        flow().create_run()
