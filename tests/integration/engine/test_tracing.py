"""Tracing through OpenTelemetry: one trace per run, one span per verb, one per step below it."""

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from workflows_app import StepContext, Workflow, errors, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

TRACE = "abc123"
PADDED = int(TRACE, 16)


@pytest.fixture
def exporter(monkeypatch):
    """Where the spans of a test end up; afterwards nothing is configured again."""
    found = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(found))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return found


def spans(exporter):
    """Return the spans by name."""
    return {span.name: span for span in exporter.get_finished_spans()}


@step
def ask(data, ctx: StepContext):
    """Ask once, and note something on the span."""
    ctx.span.set_attribute("mine", ctx.step_id)
    if ctx.resume_data is None:
        ctx.suspend()
    return ctx.resume_data


def test_without_opentelemetry_a_span_takes_every_call_and_given_ids_are_returned():
    def work(data, ctx: StepContext):
        ctx.span.set_attribute("a", 1)
        ctx.span.add_event("b")
        return ctx.span.is_recording()

    flow = Workflow("untraced").then(step(work, id="work")).commit()
    result = flow.create_run().start(1, tracing_options={"trace_id": TRACE})
    assert (result.result, result.trace_id, result.span_id) == (False, TRACE, None)
    assert flow.create_run().start(1).trace_id is None


def test_nothing_of_opentelemetry_is_imported_by_itself():
    code = (
        "import django, sys, os\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'dashboard.settings')\n"
        "django.setup()\n"
        "import workflows_app.run\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_verb_has_a_span_and_each_step_one_below_it(exporter):
    one, two = step(lambda d: d, id="one"), step(lambda d: d, id="two")
    flow = Workflow("traced").then(one).then(two).commit()
    result = flow.create_run(run_id="traced-1", resource_id="r").start(
        {},
        request_context={"user": {"id": 7, "name": "x"}, "lang": "nl"},
        tracing_options={
            "metadata": {"team": "a"},
            "request_context_keys": ["user.id", "nowhere"],
            "tags": ["nightly"],
            "root_span_name": "my root",
        },
    )
    found = spans(exporter)
    assert set(found) == {"my root", "workflow.step one", "workflow.step two"}
    root = found["my root"]
    assert result.trace_id == f"{root.context.trace_id:032x}"
    assert result.span_id == f"{root.context.span_id:016x}"
    for name in ("one", "two"):
        span = found[f"workflow.step {name}"]
        assert span.parent.span_id == root.context.span_id
        assert span.context.trace_id == root.context.trace_id
        assert span.attributes["workflow.step.path"] == name
    told = dict(root.attributes)
    assert told["workflow.id"] == "traced"
    assert told["workflow.run_id"] == "traced-1"
    assert told["workflow.resource_id"] == "r"
    assert told["workflow.metadata.team"] == "a"
    assert told["workflow.tags"] == ("nightly",)
    assert told["workflow.request_context.user.id"] == 7
    assert "workflow.request_context.lang" not in told


def test_the_trace_goes_on_over_suspend_and_resume(exporter):
    flow = Workflow("traced-ask").then(ask).commit()
    run = flow.create_run()
    first = run.start({}, tracing_options={"trace_id": TRACE, "parent_span_id": "ff"})
    second = flow.get_run(run.run_id).resume("yes")
    assert (first.trace_id, second.trace_id) == (TRACE, TRACE)
    assert first.span_id != second.span_id
    finished = exporter.get_finished_spans()
    assert {span.context.trace_id for span in finished} == {PADDED}
    roots = [span for span in finished if span.name.startswith(("workflow.start", "workflow.res"))]
    assert [span.parent.span_id for span in roots] == [0xFF, 0xFF]
    steps = [span for span in finished if span.name == "workflow.step ask"]
    assert [f"{span.parent.span_id:016x}" for span in steps] == [first.span_id, second.span_id]
    assert [span.attributes["mine"] for span in steps] == ["ask", "ask"]
    assert steps[0].attributes["workflow.step.outcome"] == "suspended"
    assert all(span.status.status_code is not trace.StatusCode.ERROR for span in steps)


def test_a_failed_step_has_its_error_on_its_span(exporter):
    def boom(data):
        raise ValueError("no")

    Workflow("traced-fail").then(step(boom, id="boom")).commit().create_run().start({})
    span = spans(exporter)["workflow.step boom"]
    assert (span.status.status_code, span.status.description) == (trace.StatusCode.ERROR, "no")
    assert span.events[0].attributes["exception.type"] == "ValueError"


def test_spans_of_user_code_are_below_that_of_the_step_async_ones_too(exporter):
    tracer = trace.get_tracer_provider().get_tracer("mine")

    async def work(data):
        with tracer.start_as_current_span("inner"):
            return data

    Workflow("traced-async").then(step(work, id="work")).commit().create_run().start({})
    found = spans(exporter)
    assert found["inner"].parent.span_id == found["workflow.step work"].context.span_id


def test_a_context_of_the_caller_is_continued(exporter):
    flow = Workflow("traced-context").then(step(lambda d: d, id="s")).commit()
    carrier = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    assert flow.create_run().start({}, tracing_context=carrier).trace_id == "a" * 32
    with trace.get_tracer_provider().get_tracer("mine").start_as_current_span("caller") as caller:
        result = flow.create_run().start({}, tracing_context=caller)
    assert result.trace_id == f"{caller.get_span_context().trace_id:032x}"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"trace_id": "xyz"}, errors.InvalidTraceId),
        ({"trace_id": "a" * 33}, errors.InvalidTraceId),
        ({"trace_id": ""}, errors.InvalidTraceId),
        ({"trace_id": "0" * 32}, errors.InvalidTraceId),
        ({"parent_span_id": "a" * 17}, errors.InvalidTraceId),
        ({"unknown": 1}, errors.InvalidInput),
        ({"tags": "one"}, errors.InvalidInput),
        ({"metadata": [1]}, errors.InvalidInput),
    ],
)
def test_invalid_options_are_refused_and_change_nothing(options, error):
    run = Workflow("refused-trace").then(ask).commit().create_run()
    with pytest.raises(error):
        run.start({}, tracing_options=options)
    assert run.refresh().status == "pending"
    with pytest.raises(errors.InvalidTraceId):
        run.start({}, tracing_context={"traceparent": "nonsense"})
    assert run.refresh().status == "pending"


def test_a_handle_from_before_the_start_goes_on_with_the_trace_of_the_run(exporter):
    flow = Workflow("stale").then(ask).commit()
    run = flow.create_run(run_id="stale-handle")
    stale = flow.create_run(run_id="stale-handle")
    begun = run.start(1)
    resumed = stale.resume(2)
    assert begun.trace_id is not None
    assert resumed.trace_id == begun.trace_id
    assert {span.context.trace_id for span in exporter.get_finished_spans()} == {
        int(begun.trace_id, 16)
    }
