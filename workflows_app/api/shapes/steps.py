"""Steps as JSON: of one run, in order of their start."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce

from workflows_app import results
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import errors, values
from workflows_app.api.shapes.values import Asked, Value
from workflows_app.definition import BODY, LOOPS, Kind, registry
from workflows_app.engine.run import payloads, step_paths
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.statuses import StepStatus

VALUES: Final = ("payload", "output", "suspend_payload", "resume_payload")
ALSO: Final = {"input": "payload"}


def asked(call: Call) -> Asked:
    """Return which values of steps a request asked for. Raises InvalidRequest."""
    query = call.query
    return values.asked(call.caller, query.include, VALUES, inline=query.inline, also=ALSO)


def shown_of(run: Run) -> QuerySet[StepSnapshot]:
    """Return the steps of a run that people know: no items and rounds, and none that is queued."""
    steps = StepSnapshot.objects.current().filter(run=run.pk).exclude(kind__in=results.HIDDEN)
    return rows(steps.exclude(base_path__endswith=BODY).exclude(status=StepStatus.QUEUED))


def in_order(run: Run) -> QuerySet[StepSnapshot]:
    """Return the same steps in the order of their start."""
    return shown_of(run).order_by(*_BY_START)


_BY_START: Final = ["began", "pk"]


def inside_of(run: Run, step: StepSnapshot) -> QuerySet[StepSnapshot]:
    """Return the items of a foreach, or the rounds of a loop, that were reached."""
    steps = StepSnapshot.objects.current().filter(
        run=run.pk, base_path=f"{step.base_path}{BODY}", path__startswith=f"{step.path}["
    )
    return rows(steps.exclude(status=StepStatus.QUEUED))


def rows(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    """Return steps with all that their JSON needs of their own rows."""
    return steps.defer(*PAYLOAD_FIELDS).annotate(
        error_text=payloads.as_text("error"), began=Coalesce("started_at", F("queued_at"))
    )


def listed(
    call: Call, run: Run, found: Sequence[StepSnapshot], wanted: Asked
) -> list[dict[str, Any]]:
    """Return steps of one run, which were read by `rows`, as JSON."""
    latest = _latest_rounds(run, found)
    owners = [latest.get(step.pk, step) for step in found]
    names = [name for name in VALUES if wanted.shows(name)]
    texts = values.of_steps(owners, names, wanted.most)
    statuses = results.statuses_now(found, run.timeline)
    shown = []
    for step, owner in zip(found, owners, strict=True):
        each = _shown(call, run, step, statuses[step.path])
        each["retry_count"], each["given_by"] = owner.retry_count, owner.given_by or None
        shown.append(each | _values(call, run, owner, wanted, texts))
    return shown


def _latest_rounds(run: Run, found: Sequence[StepSnapshot]) -> dict[int, StepSnapshot]:
    """Return the latest round of each loop: a loop shows what its latest round shows."""
    paths = {f"{s.path}[{s.opened - 1}]": s.pk for s in found if s.kind in LOOPS and s.opened}
    if not paths:
        return {}
    rounds = rows(StepSnapshot.objects.current().filter(run=run.pk, path__in=list(paths)))
    return {paths[each.path]: each for each in rounds}


def _shown(
    call: Call,
    run: Run,
    step: StepSnapshot,
    status: str,
) -> dict[str, Any]:
    error = getattr(step, "error_text", None)
    return {
        "path": step.path,
        "id": id_of(run, step),
        "key": str(step.pk),
        "kind": "loop" if step.kind in LOOPS else step.kind,
        "status": status,
        "retry_count": step.retry_count,
        "iteration": step_paths.index_of(step.path),
        "iterations": _iterations(step),
        "error": errors.shown(error, is_whole=call.caller.sees_values),
        "started_at": step.started_at,
        "ended_at": step.ended_at,
        "suspended_at": step.suspended_at,
        "resumed_at": step.resumed_at,
        "suspension": str(step.suspension) if step.suspension else None,
        "metadata": step.metadata,
        "given_by": step.given_by or None,
    }


def _values(
    call: Call,
    run: Run,
    owner: StepSnapshot,
    wanted: Asked,
    texts: Mapping[tuple[int, str], Value],
) -> dict[str, Any]:
    """Return the values of a step that were asked for; `owner` is the one that has them."""
    found: dict[str, Any] = {}
    for name in VALUES:
        if wanted.shows(name):
            address = value_address(call, run.run_id, owner.pk, name)
            found[name] = values.given(texts.get((owner.pk, name)), address)
    if wanted.withheld:
        found["withheld"] = wanted.withheld
    return found


def value_address(call: Call, run_id: str, key: int, name: str) -> str:
    """Return where a value of a step can be read alone."""
    return call.address("runs", run_id, "values", f"{key}.{name}")


def address(call: Call, run_id: str, path: str) -> str:
    """Return the address of a step."""
    return call.address("runs", run_id, "steps", quote(path, safe=""))


def _iterations(step: StepSnapshot) -> int | None:
    if step.kind == Kind.FOREACH:
        return step.total
    return step.opened if step.kind in LOOPS else None


def id_of(run: Run, step: StepSnapshot) -> str:
    """Return the id that a step has in its workflow: its entry may be named otherwise."""
    definition = registry.find(run.workflow_id)
    node = definition.tree.nodes.get(step.base_path) if definition is not None else None
    if node is not None:
        return node.key
    return step_paths.plain(step.name).partition("#")[0]
