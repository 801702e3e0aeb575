"""Traces of runs through OpenTelemetry: a span for each verb, and one below it for each step.

OpenTelemetry is never imported here unless the process has imported and configured it itself. Until
then a trace costs one look into `sys.modules`, and given ids are stored and returned. The spans of
a run are in one trace over all suspensions, verbs and processes: the run stores the ids of the
latest verb's span, and each step's span is made below it, wherever the step runs.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workflows_app import errors
from workflows_app.definition import ANY, MISSING
from workflows_app.definition.places import walk
from workflows_app.jsontext import loads
from workflows_app.models import statements

if TYPE_CHECKING:
    from workflows_app.engine.run.change import Change
    from workflows_app.engine.run.claims import Claim
    from workflows_app.models import Run
    from workflows_app.planner.outcomes import Outcome

_KNOWN: Final = (
    "metadata", "request_context_keys", "trace_id", "parent_span_id", "tags", "root_span_name",
)  # fmt: skip
_NAME: Final = "workflows_app"


class NoSpan:
    """Replaces a span when nothing is traced: accepts the calls of a span, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_args, **_kwargs: None

    def is_recording(self) -> bool:
        """Say that nothing is recorded."""
        return False

    def __enter__(self) -> NoSpan:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Do nothing."""


NO_SPAN: Final = NoSpan()


@dataclass
class Trace:
    """What one verb adds to the trace of its run, and the ids of its own span."""

    given: dict[str, Any] = field(default_factory=dict)
    trace_id: str = ""
    span_id: str = ""
    is_sampled: bool = True


# Reading options.


def read(options: Mapping[str, Any] | None, context: Any) -> dict[str, Any]:
    """Check tracing options and context. Raises InvalidTraceId, and InvalidInput for the rest."""
    given = dict(options or {})
    if unknown := sorted(set(given) - set(_KNOWN)):
        raise errors.InvalidInput(
            f"tracing_options has no {', '.join(unknown)}; it has {', '.join(_KNOWN)}."
        )
    given = {name: value for name, value in given.items() if value is not None}
    given = {**_ids_of(context), **given}
    for name, most in (("trace_id", 32), ("parent_span_id", 16)):
        if name in given:
            _check_id(given[name], name, most)
    for name in ("tags", "request_context_keys"):
        if name in given:
            given[name] = _texts(given[name], name)
    if not isinstance(given.get("root_span_name", ""), str):
        raise errors.InvalidInput("root_span_name in tracing_options is text.")
    if "metadata" in given and not isinstance(given["metadata"], Mapping):
        raise errors.InvalidInput("metadata in tracing_options is a mapping of names to values.")
    plain: dict[str, Any] = loads(ANY.dump(given))
    return plain


def _check_id(value: Any, name: str, most: int) -> None:
    is_hex = isinstance(value, str) and re.fullmatch(rf"[0-9a-fA-F]{{1,{most}}}", value)
    if not is_hex or not int(value, 16):
        raise errors.InvalidTraceId(
            f"{name} is {value!r}; it is 1 to {most} hex digits, and not all of them 0."
        )


def _texts(value: Any, name: str) -> list[str]:
    is_list = isinstance(value, (list, tuple, set, frozenset))
    if not is_list or not all(isinstance(each, str) for each in value):
        raise errors.InvalidInput(f"{name} in tracing_options is a list of texts, not {value!r}.")
    return list(value)


def _ids_of(context: Any) -> dict[str, str]:
    """Return the ids in a span, a span context, an OpenTelemetry context or a W3C carrier."""
    if context is None:
        return {}
    if isinstance(context, Mapping) and "traceparent" in context:
        return _ids_of_carrier(str(context["traceparent"]))
    if isinstance(context, Mapping) and "trace_id" in context:
        pairs = (("trace_id", "trace_id"), ("parent_span_id", "span_id"))
        return {name: str(context[key]) for name, key in pairs if context.get(key)}
    span = _span_in(context)
    if span is None:
        raise errors.InvalidInput(
            "tracing_context is a span, an OpenTelemetry context, or a mapping with 'traceparent', "
            f"not {type(context).__name__}."
        )
    if not span.is_valid:
        return {}
    return {"trace_id": f"{span.trace_id:032x}", "parent_span_id": f"{span.span_id:016x}"}


def _ids_of_carrier(text: str) -> dict[str, str]:
    found = re.fullmatch(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", text.strip())
    if found is None:
        raise errors.InvalidTraceId(
            f"The traceparent {text!r} is invalid; write 00-<32 hex>-<16 hex>-01 (W3C Trace "
            "Context)."
        )
    return {"trace_id": found[1], "parent_span_id": found[2]}


def _span_in(context: Any) -> Any:
    if hasattr(context, "get_span_context"):
        return context.get_span_context()
    if hasattr(context, "trace_id") and hasattr(context, "is_valid"):
        return context
    api = sys.modules.get("opentelemetry.trace")
    if api is not None and isinstance(context, Mapping):
        return api.get_current_span(context).get_span_context()
    return None


# The span of a verb.


@contextmanager
def verb(
    name: str, run: Run, options: Mapping[str, Any] | None, context: Any
) -> Iterator[Trace | None]:
    """Open the span of a verb; yield the trace that the verb must store, or None."""
    tracer = _tracer()
    if tracer is None and not options and context is None:
        yield None
        return
    given = read(options, context)
    trace = Trace(given, given.get("trace_id", ""), given.get("parent_span_id", ""))
    if tracer is None:
        trace.span_id = ""
        yield trace
        return
    if statements.is_written(run):
        # The handle may be older than the run's own trace, which continues.
        run.refresh_from_db(fields=["trace_id", "span_id", "tracing"])
    told = {**run.tracing, **given}
    with tracer.start_as_current_span(
        str(told.get("root_span_name") or f"workflow.{name} {run.workflow_id}"),
        context=_above(run, given),
        attributes=_attributes(run, told, name),
    ) as span:
        ids = span.get_span_context()
        trace.trace_id = given.get("trace_id") or run.trace_id or f"{ids.trace_id:032x}"
        trace.span_id = f"{ids.span_id:016x}"
        trace.is_sampled = ids.trace_flags.sampled
        yield trace


def keep(changing: Change, trace: Trace | None, context: Mapping[str, Any] | None = None) -> None:
    """Store a verb's trace on its run, where later verbs and spans of steps continue from it."""
    if trace is None:
        return
    run = changing.model
    run.trace_id = trace.trace_id or run.trace_id
    run.span_id = trace.span_id or run.span_id
    kept = {**run.tracing, **trace.given, "sampled": trace.is_sampled}
    run.tracing = kept
    if "tags" in trace.given:
        run.tags = trace.given["tags"]
        changing.touch("tags")
    changing.touch("trace_id", "span_id", "tracing")
    _show_context(kept.get("request_context_keys", ()), context or run.request_context)


def _show_context(keys: Any, context: Mapping[str, Any]) -> None:
    """Put the chosen values of the request context on the verb's span."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None or not keys:
        return
    span = api.get_current_span()
    for key in keys:
        value = walk(context, tuple(key.split(".")))
        if value is not MISSING:
            span.set_attribute(f"workflow.request_context.{key}", _simple(value))


def _above(run: Run, given: Mapping[str, Any]) -> Any:
    """Return the context for the span of a verb: that of the trace, if there is one.

    Without a given parent, the later verbs of a run are below the first.
    """
    trace_id = given.get("trace_id") or run.trace_id
    if not trace_id:
        return None
    parent = given.get("parent_span_id") or run.tracing.get("parent_span_id")
    return _context(trace_id, parent or run.span_id or run.pk.hex[-16:], is_sampled=True)


def _attributes(run: Run, told: Mapping[str, Any], verb: str) -> dict[str, Any]:
    found = {"workflow.id": run.workflow_id, "workflow.run_id": run.run_id, "workflow.verb": verb}
    if run.resource_id:
        found["workflow.resource_id"] = run.resource_id
    if told.get("tags"):
        found["workflow.tags"] = told["tags"]
    metadata = told.get("metadata", {}).items()
    return found | {f"workflow.metadata.{key}": _simple(value) for key, value in metadata}


# The span of a step.


def step(claim: Claim) -> AbstractContextManager[Any]:
    """Open the span of one attempt of a step below that of its run's latest verb."""
    tracer = _tracer()
    return nullcontext(NO_SPAN) if tracer is None else _step(claim, tracer)


@contextmanager
def _step(claim: Claim, tracer: Any) -> Iterator[Any]:
    above = None
    if claim.trace_id:
        parent = claim.span_id or claim.run.hex[-16:]
        above = _context(claim.trace_id, parent, is_sampled=claim.is_sampled)
    with tracer.start_as_current_span(
        f"workflow.step {claim.path}",
        context=above,
        attributes={
            "workflow.id": claim.workflow_id,
            "workflow.run_id": claim.run_id,
            "workflow.step.path": claim.path,
            "workflow.step.retry_count": claim.retry_count,
        },
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


def ended(span: Any, outcome: Outcome) -> None:
    """Record the outcome on the span of a step; only a failure is an error."""
    if span is NO_SPAN:
        return
    span.set_attribute("workflow.step.outcome", type(outcome).__name__.lower())
    error = getattr(outcome, "error", None)
    if error is not None:
        api = sys.modules["opentelemetry.trace"]
        span.set_status(api.StatusCode.ERROR, error["message"])
        span.add_event(
            "exception",
            {
                "exception.type": error["type"],
                "exception.message": error["message"],
                "exception.stacktrace": error["traceback"],
            },
        )


# OpenTelemetry, if this process has it.


def _tracer() -> Any:
    """Return a tracer, or None if none is configured."""
    api = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    provider = api.get_tracer_provider()
    if isinstance(provider, (api.ProxyTracerProvider, api.NoOpTracerProvider)):
        return None
    return provider.get_tracer(_NAME)


def _context(trace_id: str, span_id: str, *, is_sampled: bool) -> Any:
    api = sys.modules["opentelemetry.trace"]
    parent = api.SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=True,
        trace_flags=api.TraceFlags(api.TraceFlags.SAMPLED if is_sampled else 0),
    )
    return api.set_span_in_context(api.NonRecordingSpan(parent))


def _simple(value: Any) -> Any:
    """Return a value that an attribute can hold: JSON text unless it is plain."""
    return value if isinstance(value, (str, bool, int, float)) else ANY.dump(value).decode()
