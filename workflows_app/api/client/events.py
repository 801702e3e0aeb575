"""Events as the client knows them: one for each that was recorded, so that both count alike.

Its events say more of a step than ours: the end of one repeats what its start said. A `Teller`
keeps that from one to the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from workflows_app.api.client import names
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import events as shapes
from workflows_app.definition import LOOPS
from workflows_app.engine.run import log, step_paths
from workflows_app.run import Run

Event = Mapping[str, Any]
Payload = dict[str, Any]

#: What lets a run begin, or go on.
_BEGINS: Final = frozenset({
    "workflow-start", "workflow-resumed", "workflow-restarted", "workflow-retried",
    "workflow-time-travel",
})  # fmt: skip
_STEP_STARTS: Final = "workflow-step-start"
_STEP_SAYS: Final = "workflow-step-output"
_STEP_FINISHES: Final = "workflow-step-finish"
#: Models have no part in these runs, and use no tokens.
_USAGE: Final = dict.fromkeys(("inputTokens", "outputTokens", "totalTokens"), 0)
#: Events that are read at a time.
_BATCH: Final = 500


class Teller:
    """Tells the events of one run, in their order."""

    def __init__(self, run: Run, ends: Collection[str] = ()) -> None:
        """Tell all that there is; with `ends`, until the run settles with one of these statuses."""
        self._run = run
        self._ends = ends
        #: Whether what was to be told last was told.
        self.is_done = False
        #: What was said at the start of each step that has not ended.
        self._open: dict[str, Payload] = {}

    def tell(self, batch: Iterable[tuple[object, Event]]) -> Iterator[Payload]:
        """Yield the events of a batch, up to the last that is to be told."""
        for _, event in batch:
            yield self.told(event)
            is_finish = event["type"] == "workflow-finish"
            if is_finish and event["payload"]["status"] in self._ends:
                self.is_done = True
                return

    def told(self, event: Event) -> Payload:
        """Return an event, which the API shows with its values, as the client knows it."""
        kind = event["type"]
        if kind.startswith("data-"):
            return self._of_user(event)
        if kind in _BEGINS:
            return self._of(event, "workflow-start", {"workflowId": self._run.workflow_id})
        if kind == _STEP_SAYS:
            return self._output(event)
        if kind.startswith("workflow-step-"):
            return self._of(event, kind, self._of_step(event))
        finish = self._finish(event) if kind == "workflow-finish" else {}
        return self._of(event, kind, finish)

    def _of(self, event: Event, kind: str, payload: Payload) -> Payload:
        run_id = event["run_id"]
        return {"type": kind, "runId": run_id, "from": "WORKFLOW", "payload": payload}

    def _of_user(self, event: Event) -> Payload:
        shown = {"type": event["type"], "runId": event["run_id"], "from": "WORKFLOW"}
        if event["seq"] is None:
            shown["transient"] = True
        return {**shown, **_only(event["payload"], "data")}

    def _output(self, event: Event) -> Payload:
        said = event["payload"]
        payload = {"runId": event["run_id"], "stepName": said["path"], **_only(said, "output")}
        return {**self._of(event, event["type"], payload), "from": "USER"}

    def _finish(self, event: Event) -> Payload:
        said = event["payload"]
        shown: Payload = {
            "workflowStatus": said["status"],
            "metadata": {},
            "output": {"usage": _USAGE},
        }
        if "result" in said:
            shown["finalWorkflowResult"] = said["result"]
        if said.get("error"):
            shown["error"] = names.error(said["error"])
        return shown

    # Steps.

    def _of_step(self, event: Event) -> Payload:
        path, kind = event["payload"]["path"], event["type"]
        named = {"id": path, "stepName": path}
        if kind == _STEP_STARTS:
            self._open[path] = self._start(event)
            return named | self._open[path]
        began = {} if kind not in _MORE else self._open.get(path, {})
        shown = {**named, **began, **_MORE.get(kind, _as_it_is)(event)}
        if kind == _STEP_FINISHES:
            self._open.pop(path, None)
        return shown

    def _start(self, event: Event) -> Payload:
        said = event["payload"]
        at = names.millis(said["started_at"])
        shown: Payload = {"stepCallId": f"{event['run_id']}:{event['seq']}"}
        shown |= _only(said, "payload")
        shown |= {"startedAt": at, "status": said["status"]}
        if "resume_payload" in said:
            shown |= {"resumePayload": said["resume_payload"], "resumedAt": at}
        if (count := self._round(said["path"])) is not None:
            shown["metadata"] = {"iterationCount": count}
        return shown

    def _round(self, path: str) -> int | None:
        """Return the number of a loop's round, from 1; None for what is none."""
        if not path.endswith("]"):
            return None
        loop = self._run.workflow.tree.nodes.get(step_paths.base(path[: path.rindex("[")]))
        index = step_paths.index_of(path)
        return index + 1 if loop is not None and loop.kind in LOOPS and index is not None else None


def _only(said: Payload, name: str) -> Payload:
    """Return a value where it is told: it is left out for those who may not see it."""
    return {name: said[name]} if name in said else {}


def _waiting(event: Event) -> Payload:
    return {"status": "waiting", "resumeAt": names.millis(event["payload"]["resume_at"])}


def _suspended(event: Event) -> Payload:
    said = event["payload"]
    shown = {"status": "suspended", "suspendedAt": names.millis(event["at"])}
    asked = _only(said, "suspend_payload")
    return {**shown, **{names.camel(name): value for name, value in asked.items()}}


def _result(event: Event) -> Payload:
    said = event["payload"]
    shown = {"status": said["status"], "endedAt": names.millis(said["ended_at"])}
    if said.get("is_bailed"):
        shown["status"] = "bailed"
    if said.get("error"):
        shown["error"] = names.brief(said["error"])
    return {**shown, **_only(said, "output")}


#: What the later events of a step add to what its start said.
_MORE: Final[Mapping[str, Callable[[Event], Payload]]] = {
    "workflow-step-waiting": _waiting,
    "workflow-step-suspended": _suspended,
    "workflow-step-result": _result,
}
_NAMES: Final = frozenset({"id", "path"})


def _as_it_is(event: Event) -> Payload:
    """Return what an event says, in the client's names."""
    said = event["payload"]
    return {names.camel(name): _plain(name, said[name]) for name in said if name not in _NAMES}


def _plain(name: str, value: Any) -> Any:
    """Return a value of an event: a moment in milliseconds, an error without its traceback."""
    if name.endswith("_at"):
        return names.millis(value)
    return names.brief(value) if name == "error" and value else value


def primed(call: Call, run: Run, offset: int) -> Teller:
    """Return a teller that knows what the first `offset` events of a run said."""
    teller = Teller(run)
    begun: dict[str, dict[str, Any]] = {}
    for event in _until(run, offset):
        path = event["payload"].get("path", "")
        if event["type"] == _STEP_STARTS:
            begun[path] = event
        elif event["type"] == _STEP_FINISHES:
            begun.pop(path, None)
    for event in shapes.listed(call, run.pk, list(begun.values())):
        teller.told(event)
    return teller


def _until(run: Run, offset: int) -> Iterable[dict[str, Any]]:
    """Yield the first `offset` events of a run, without the values that stand elsewhere."""
    seen = 0
    while seen < offset and (found := log.read_referring(run.pk, seen, _BATCH)):
        yield from (event for event in found if event["seq"] <= offset)
        seen = found[-1]["seq"]
