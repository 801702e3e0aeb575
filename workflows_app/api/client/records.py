"""Runs as the client knows them: a result, one run, the snapshot of one in a list.

Read as values are everywhere in the API: as text, whole, and only for those who may see them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery

from workflows_app import errors, results
from workflows_app.api.client import graphs, names
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import errors as error_shapes
from workflows_app.api.shapes import runs as run_shapes
from workflows_app.api.shapes import steps as step_shapes
from workflows_app.api.shapes import values
from workflows_app.api.shapes.values import Asked
from workflows_app.definition import registry
from workflows_app.engine.run import step_paths
from workflows_app.models import Run, RunEvent, StepSnapshot, WorkflowVersion
from workflows_app.planner.statuses import RunStatus, StepStatus

#: The bytes of any value: here all are given in place.
_ANY: Final = 2**62
_TIMES: Final = ("started_at", "ended_at", "suspended_at", "resumed_at")
#: Values that a step may lack; the others are always told.
_OPTIONAL: Final = ("output", "suspend_payload", "resume_payload")


def rows(found: QuerySet[Run], wanted: Asked) -> QuerySet[Run]:
    """Return runs with all that their JSON needs of their own rows."""
    last = RunEvent.objects.filter(run=OuterRef("pk")).order_by("-last_seq").values("at")[:1]
    return run_shapes.rows(found, wanted).annotate(changed_at=Subquery(last))


def asked(call: Call) -> Asked:
    """Return which values of runs the caller may see."""
    return values.all_of(call.caller, run_shapes.VALUES, inline=True)


def read(call: Call, pk: uuid.UUID) -> Story:
    """Return a run and its steps as they stand. Raises RunNotFound where it was deleted."""
    row = rows(Run.objects.filter(pk=pk), asked(call)).first()
    if row is None:
        raise errors.RunNotFound("The run was deleted meanwhile.")
    return Story.of(call, row)


@dataclass(frozen=True)
class Story:
    """One run with its steps, as they were read."""

    run: Run
    wanted: Asked
    #: Its steps as the API shows them, in order of start, and the graph that they stand in.
    steps: Sequence[Mapping[str, Any]]
    entries: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, call: Call, row: Run) -> Story:
        """Return a run, which was read by `rows`, with its steps."""
        of_steps = values.all_of(call.caller, step_shapes.VALUES, inline=True)
        steps = step_shapes.listed(call, row, list(step_shapes.in_order(row)), of_steps)
        return cls(row, asked(call), steps, _entries_of(row))

    def value(self, name: str) -> Any:
        """Return a value of the run; None where there is none, or where it may not be seen."""
        if not self.wanted.shows(name):
            return None
        return values.given(values.of_column(self.run, name), "")

    @property
    def error(self) -> dict[str, Any] | None:
        """The error that the run failed with."""
        text = getattr(self.run, "error_text", None)
        return names.error(error_shapes.shown(text, is_whole=self.wanted.may_see))

    def records(self, *, with_nested: bool = True) -> dict[str, Any]:
        """Return the records of the steps, nested ones by dotted paths."""
        shown = (each for each in self.steps if with_nested or "." not in each["path"])
        return {each["path"]: record(each) for each in shown}

    def input(self) -> dict[str, Any]:
        """Return the input under the name that it has among the steps."""
        return {"input": self.value("input")} if self.wanted.may_see else {}

    def outcome(self) -> dict[str, Any]:
        """Return what came of the run: its result, or its error."""
        if self.run.status == RunStatus.SUCCESS and self.wanted.may_see:
            return {"result": self.value("result")}
        return {"error": self.error} if self.run.status == RunStatus.FAILED else {}

    def where(self, *statuses: StepStatus) -> dict[str, list[int]]:
        """Return where the steps with these statuses stand in the graph."""
        known = graphs.positions(self.entries)
        found = [each["path"] for each in self.steps if each["status"] in statuses]
        return {path: known[path] for path in found if path in known}

    def path_of_execution(self) -> list[str]:
        """Return the ids of the workflow's own steps in the order of their start."""
        return [each["path"] for each in self.steps if "." not in each["path"]]


def _entries_of(run: Run) -> Sequence[Mapping[str, Any]]:
    """Return the entries of the graph that a run follows: that of the code, or as it was stored."""
    definition = registry.find(run.workflow_id)
    if definition is not None:
        found: Sequence[Mapping[str, Any]] = definition.graph()["entries"]
        return found
    version = WorkflowVersion.objects.filter(pk=run.later_version_id or run.version_id).first()
    return [] if version is None else version.graph.get("entries", [])


def record(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a step; times in milliseconds, what is not known left out."""
    shown: dict[str, Any] = {"status": step["status"]}
    if "payload" in step:
        shown["payload"] = step["payload"]
    for name in _OPTIONAL:
        if step.get(name) is not None or (name == "output" and _succeeded(step)):
            shown[names.camel(name)] = step[name]
    if step["error"] is not None:
        shown["error"] = names.brief(step["error"])
    shown |= names.present({names.camel(name): names.millis(step[name]) for name in _TIMES})
    if step["kind"] == "loop":
        shown["metadata"] = {**step["metadata"], "iterationCount": step["iterations"]}
    elif step["metadata"]:
        shown["metadata"] = step["metadata"]
    return shown


def _succeeded(step: Mapping[str, Any]) -> bool:
    return "output" in step and step["status"] == StepStatus.SUCCESS


# The three shapes.


def result(call: Call, pk: uuid.UUID) -> dict[str, Any]:
    """Return what a verb that waits answers, whatever came of the run."""
    story = read(call, pk)
    run = story.run
    shown = {
        "status": run.status,
        "runId": run.run_id,
        **story.input(),
        "steps": {**story.input(), **story.records()},
        "stepExecutionPath": story.path_of_execution(),
        **story.outcome(),
        **(_asking(call, run) if run.status == RunStatus.SUSPENDED else {}),
    }
    return {
        **shown,
        **names.present({"traceId": run.trace_id or None, "spanId": run.span_id or None}),
    }


def _asking(call: Call, run: Run) -> dict[str, Any]:
    """Return which steps ask; what the first of each top step asks, by that step's id."""
    asking = StepSnapshot.objects.suspended().light().filter(run=run.pk).order_by("pk")
    paths = list(
        dict.fromkeys(
            tuple(step_paths.ids_of(path)) for path in asking.values_list("path", flat=True)
        )
    )
    found: dict[str, Any] = {"suspended": [list(ids) for ids in paths]}
    if not call.caller.sees_values:
        return found
    first: dict[str, StepSnapshot] = {}
    for step in asking:
        first.setdefault(step_paths.ids_of(step.path)[0], step)
    texts = values.of_steps(list(first.values()), ["suspend_payload"], _ANY)
    found["suspendPayload"] = {
        top: values.given(texts.get((step.pk, "suspend_payload")), "")
        for top, step in first.items()
    }
    return found


def _dates(run: Run) -> dict[str, datetime]:
    return {
        "createdAt": run.created_at,
        "updatedAt": getattr(run, "changed_at", None) or run.created_at,
    }


def _standing(story: Story) -> dict[str, Any]:
    """Return where a run stands in its graph."""
    labels = results.labels_of(
        list(StepSnapshot.objects.suspended().light().filter(run=story.run.pk))
        if story.run.suspended_count
        else []
    )
    return {
        "activeStepsPath": story.where(StepStatus.RUNNING),
        "serializedStepGraph": graphs.step_graph(story.entries),
        "suspendedPaths": story.where(StepStatus.SUSPENDED),
        "resumeLabels": {
            label: names.present({"stepId": at["step"], "foreachIndex": at["foreach_index"]})
            for label, at in labels.items()
        },
        "waitingPaths": story.where(StepStatus.WAITING),
    }


def snapshot(story: Story) -> dict[str, Any]:
    """Return a run as it stands in a list."""
    run = story.run
    standing = _standing(story)
    hidden = {} if not story.wanted.may_see else {
        "value": story.value("state"), "requestContext": story.value("request_context"),
    }  # fmt: skip
    kept = {
        "runId": run.run_id,
        "status": run.status,
        **hidden,
        "context": {**story.input(), **story.records()},
        "activePaths": list(standing["activeStepsPath"].values()),
        **standing,
        "stepExecutionPath": story.path_of_execution(),
        **story.outcome(),
        "timestamp": names.millis(_dates(run)["updatedAt"]),
    }
    return {**_about(run), **_dates(run), "snapshot": kept}


def _about(run: Run) -> dict[str, Any]:
    return {"runId": run.run_id, "workflowName": run.workflow_id, "resourceId": run.resource_id}


#: What may be named in `fields`; without any all of it is told, and the rest always.
FIELDS: Final = frozenset(
    {"result", "error", "payload", "steps", "activeStepsPath", "serializedStepGraph"}
)


def one(story: Story, fields: frozenset[str] | None, *, with_nested: bool) -> dict[str, Any]:
    """Return one run; `fields`: those of `FIELDS` that are wanted, None for all."""
    run = story.run
    shown: dict[str, Any] = {**_about(run), **_dates(run), "status": run.status}
    if story.wanted.may_see:
        is_empty = values.of_column(run, "state").text in {None, "{}"}
        shown |= {} if is_empty else {"initialState": story.value("state")}
        shown |= {"result": story.value("result"), "payload": story.value("input")}
    shown |= {"error": story.error, **_standing(story)}
    shown["steps"] = story.records(with_nested=with_nested)
    left_out = FIELDS - fields if fields is not None else frozenset()
    return {name: value for name, value in shown.items() if name not in left_out}
