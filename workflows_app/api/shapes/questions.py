"""Questions as JSON: what is asked, who may answer it, and how a form asks for the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db.models import Exists, OuterRef, Q, QuerySet

from workflows_app import actions, permissions
from workflows_app.api.entry import rules
from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.shapes import hints, steps, values
from workflows_app.definition import exhausted, registry
from workflows_app.engine.host import clock
from workflows_app.engine.run import step_paths, versions
from workflows_app.engine.verbs import answering
from workflows_app.models import Assignment, Run, Snooze, StepSnapshot, WorkflowVersion, persons
from workflows_app.models.run import PAYLOAD_FIELDS as RUN_PAYLOADS
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.statuses import StepStatus

#: What says who may answer a step, as columns.
ANSWERABLE: Final = (
    "run__workflow_id", "run__version_id", "run__later_version_id", "version_id", "base_path",
)  # fmt: skip

Allowed = Callable[[tuple[Any, ...]], bool]


def rows(asking: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    """Return steps that ask, with their runs and without values."""
    heavy = [f"run__{name}" for name in RUN_PAYLOADS]
    return asking.select_related("run").defer(*PAYLOAD_FIELDS, *heavy)


VALUES: Final = ("suspend_payload",)


def check_names(call: Call) -> None:
    """Refuse names to include that a question does not have. Raises InvalidRequest."""
    values.asked(call.caller, call.query.include, VALUES)


def suspensions(call: Call, found: Sequence[StepSnapshot]) -> list[dict[str, Any]]:
    """Return what steps ask as JSON."""
    may_see = call.caller.sees_values
    most = 2**62 if call.query is not None and getattr(call.query, "inline", False) else values.MOST
    texts = values.of_steps(found, ["suspend_payload"], most) if may_see else {}
    shown = [_shown(step) for step in found]
    for step, each in zip(found, shown, strict=True):
        if may_see:
            value = texts.get((step.pk, "suspend_payload"))
            address = steps.value_address(call, step.run.run_id, step.pk, "suspend_payload")
            each["suspend_payload"] = values.given(value, address)
        else:
            each["withheld"] = ["suspend_payload"]
    return shown


def _shown(step: StepSnapshot) -> dict[str, Any]:
    run: Run = step.run
    return {
        "suspension": str(step.suspension),
        "run_id": run.run_id,
        "workflow_id": run.workflow_id,
        "id": steps.id_of(run, step),
        "path": step.path,
        "foreach_index": step_paths.index_of(step.path),
        "asked_at": step.suspended_at,
        "resume_labels": step.resume_labels,
        "resume_schema": schema_of(run, step),
        "approval": None,
    }


def schema_of(run: Run, step: StepSnapshot) -> Any:
    """Return the JSON Schema of the answer, by the code that asked; None: anything."""
    definition = registry.find(run.workflow_id)
    version = step.version_id or run.version_id
    if definition is not None and versions.is_present(definition, version):
        node = definition.tree.nodes.get(step.base_path)
        asks = node.step if node is not None else None
        return None if asks is None else asks.answer_schema(is_used_up=step.is_used_up)
    graph = WorkflowVersion.objects.values_list("graph", flat=True).get(pk=version)
    written = _in_graph(graph.get("entries", ()), step.base_path) or {}
    return exhausted.answer_schema(written, is_used_up=step.is_used_up)


def _in_graph(entries: Sequence[Any], path: str) -> Any:
    """Return the step at a path, as a stored graph has it; None if there is none."""
    for entry in entries:
        if entry["path"] == path:
            return entry.get("step")
        if path.startswith((f"{entry['path']}.", f"{entry['path']}[")) or "children" in entry:
            inner = entry.get("children") or (entry.get("workflow") or {}).get("entries", ())
            if found := _in_graph(inner, path):
                return found
    return None


def listed(call: Call, found: Sequence[StepSnapshot]) -> list[dict[str, Any]]:
    """Return questions as they stand in an inbox, as JSON."""
    keys = [step.suspension for step in found if step.suspension]
    user = call.caller.user
    claims = persons.joined(Assignment.objects.filter(suspension__in=keys), "person")
    held = {claim.suspension: claim for claim in claims}
    snoozed = Snooze.objects.filter(suspension__in=keys, person=user.pk, until__gt=clock.now())
    until = dict(snoozed.values_list("suspension", "until"))
    shown = suspensions(call, found)
    for step, each in zip(found, shown, strict=True):
        claim = held.get(step.suspension) if step.suspension else None
        refusal = why_not(call.caller, step.run, step)
        each["hints"] = hints.hints_of(each["resume_schema"])
        each["claimed_by"] = claim.person.get_username() if claim else None
        each["claimed_at"] = claim.at if claim else None
        each["put_off_until"] = until.get(step.suspension) if step.suspension else None
        each["may_answer"] = not refusal
        each["why_not"] = refusal or None
    return shown


# Who may answer.


def require_answer(caller: Caller, step: StepSnapshot) -> None:
    """Refuse a caller who may not answer a step. Raises NotAllowedToAnswer."""
    missing = actions.missing(caller.user, needed(step.run, step))
    if missing is not None:
        raise Refusal(
            "NotAllowedToAnswer",
            f"Answering step {step.path!r} needs {permissions.named(missing)}.",
            permission=missing,
        )


def needed(run: Run, step: StepSnapshot) -> tuple[str, ...]:
    """Return the permissions that an answer to a step needs besides, by each code that counts."""
    stored = map(versions.permissions_of, permissions.versions_of(run, step))
    return permissions.to_answer(stored, run.workflow_id, step.base_path)


def require_any_answer(caller: Caller, run: Run, acts: Mapping[str, Any]) -> None:
    """Refuse a caller who may answer nothing of all that a run asks. Raises NotAllowedToAnswer.

    The attempt is in the audit trail, with who and through which door in `acts`.
    """
    refusal: Refusal | None = None
    for step in rows(StepSnapshot.objects.asking().filter(run=run.pk)).order_by("pk")[:MOST_ASKED]:
        try:
            require_answer(caller, step)
        except Refusal as no:
            refusal = refusal or no
        else:
            return
    if refusal is not None:
        note_refused(run, refusal, acts)
        raise refusal


def note_refused(run: Run, refusal: Refusal, acts: Mapping[str, Any], path: str = "") -> None:
    """Note in the audit trail that somebody's answer was not taken."""
    answering.note_refused(run, str(refusal), refusal.kind, path=path, **acts)


#: Questions of a run among which one is looked for that a caller may answer.
MOST_ASKED: Final = 50


def why_not(caller: Caller, run: Run, step: StepSnapshot) -> str:
    """Return why a caller may not answer what a step asks; empty where they may."""
    if rules.ANSWER.scope not in caller.scopes:
        return f"The token lacks the scope {rules.ANSWER.scope!r}."
    return actions.offer(actions.RESUME, caller.user, run, needed(run, step)).why_not


def waiting_for(caller: Caller) -> Q:
    """Return which runs have a question that the caller may answer."""
    suspended = StepSnapshot.objects.current().filter(status=StepStatus.SUSPENDED, kind="step")
    mine = answerable(caller, suspended.filter(run=OuterRef("pk")))
    return Q(Exists(mine), suspended_count__gt=0)


def answerable(caller: Caller, asking: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    """Return those questions that a caller may answer; of each kind it is asked once."""
    if not caller.meets(rules.ANSWER):
        return asking.none()
    kinds = StepSnapshot.objects.asking().order_by().values_list(*ANSWERABLE).distinct()
    refused = [kind for kind in kinds if not _may(caller, kind)]
    for kind in refused:
        same = {
            name if value is not None else f"{name}__isnull": True if value is None else value
            for name, value in zip(ANSWERABLE, kind, strict=True)
        }
        asking = asking.exclude(**same)
    return asking


def _may(caller: Caller, kind: tuple[Any, ...]) -> bool:
    workflow_id, *keys, base_path = kind
    stored = map(versions.permissions_of, dict.fromkeys(key for key in keys if key is not None))
    specials = permissions.to_answer(stored, workflow_id, base_path)
    return actions.missing(caller.user, specials) is None
