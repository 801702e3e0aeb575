"""`StepContext`: what a step's function can read and do besides its input."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from workflows_app.definition import ANY
from workflows_app.definition.graph import places_of
from workflows_app.engine.host.control import AbortRun, BailRun, SuspendStep
from workflows_app.engine.run import payloads, reading, step_paths
from workflows_app.engine.run.tracing import NO_SPAN
from workflows_app.engine.work.draining import drained
from workflows_app.engine.work.waiting import Waiting
from workflows_app.engine.work.writer import Writer
from workflows_app.errors import SerializationError
from workflows_app.jsontext import (
    Raw,
    clean_key,
    clean_text,
    dumps,
    loads,
    loads_revealed,
    revealed,
)
from workflows_app.planner.outcomes import NO_CHANGES, Changes

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from workflows_app.definition import Graph, Schema, Step
    from workflows_app.engine.run.claims import Claim
    from workflows_app.engine.work.attempts import AbortSignal, Attempt

logger = logging.getLogger("workflows_app.steps")


class StepContext(Waiting):
    """One attempt of one step, as its function sees it.

    What it does to `state` and `request_context` is recorded with a success, a suspension or a
    bail; a failed attempt's changes are dropped.
    """

    def __init__(
        self,
        claim: Claim,
        attempt: Attempt,
        *,
        graph: Graph | None = None,
        input_data: Any = None,
        resume_data: Any = None,
        schemas: Step | None = None,
    ) -> None:
        self._claim = claim
        self._attempt = attempt
        self._graph = graph
        self._schemas = schemas
        self._state_changes: dict[str, Any] = {}
        self._state_made: dict[str, Any] = {}
        self._context: dict[str, Any] | None = None
        self._suspend_data: Any = None
        #: Digests of the tokens that this attempt has made.
        self.tokens: list[str] = []
        self.input_data = input_data
        self.resume_data = resume_data
        self.writer = Writer(claim)
        #: The attempt's OpenTelemetry span; it does nothing if the run is not traced.
        self.span: Any = NO_SPAN

    # Who and where.

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return self._claim.run_id

    @property
    def workflow_id(self) -> str:
        """The id of the run's workflow."""
        return self._claim.workflow_id

    @property
    def resource_id(self) -> str | None:
        """What the run is about, as given to `create_run`."""
        return self._claim.resource_id

    @property
    def path(self) -> str:
        """Where this step is: its dotted path."""
        return self._claim.path

    @property
    def step_id(self) -> str:
        """The id of the step."""
        name = self._claim.path.rpartition(".")[2]
        return self._schemas.id if self._schemas is not None else name

    @property
    def retry_count(self) -> int:
        """How many attempts failed before this one; 0 on the first."""
        return self._claim.retry_count

    @property
    def iteration(self) -> int | None:
        """The index of the item or iteration, from 0; None outside of foreach and loops."""
        tested = self._claim.round
        return step_paths.index_of(self._claim.path) if tested is None else tested

    @property
    def restarted(self) -> bool:
        """Whether an earlier attempt of this activation was lost with its worker."""
        return self._claim.restarted

    @property
    def idempotency_key(self) -> str:
        """A key that all attempts of this activation share, and no others."""
        return f"{self._claim.run}:{self._claim.step}"

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that knows the run and the step."""
        return logging.LoggerAdapter(
            logger, {"run_id": self.run_id, "step": self.path, "workflow_id": self.workflow_id}
        )

    @property
    def abort_signal(self) -> AbortSignal:
        """The signal that is raised when the run is canceled or the attempt's time is up."""
        return self._attempt.signal

    # Leaving early.

    @property
    def suspend_data(self) -> Any:
        """What this step passed to `suspend` before it was resumed; None unless resuming."""
        if self._claim.suspend_payload is None:
            return None
        if self._suspend_data is None:
            self._suspend_data = loads_revealed(self._claim.suspend_payload)
        return self._suspend_data

    def suspend(
        self, payload: Any = None, *, resume_label: str | Sequence[str] | None = None
    ) -> NoReturn:
        """Stop here and ask; after the answer the function runs again from the top.

        `payload` is the question, shown to the person who answers. Never returns.
        """
        labels = (resume_label,) if isinstance(resume_label, str) else tuple(resume_label or ())
        raise SuspendStep(drained(payload), tuple(clean_text(str(label)) for label in labels))

    def bail(self, result: Any = None) -> NoReturn:
        """End the whole run as a success with this result. Never returns."""
        raise BailRun(drained(result))

    def abort(self) -> NoReturn:
        """Cancel the run. Never returns."""
        raise AbortRun

    # State and context.

    @property
    def state(self) -> Any:
        """The run's state as this step sees it: a dict, or the step's `state` type."""
        merged = revealed({**self._state_made, **self._claim.state, **self._state_changes})
        schema = self._schemas.state if self._schemas is not None else None
        if schema is None or schema.is_any:
            return merged
        value = schema.check(merged)
        if schema.makes_values:
            self._state_made |= _made(schema, value, merged)
        return value

    def set_state(self, values: Mapping[str, Any]) -> None:
        """Merge these top-level keys into the run's state; other keys stay as they are."""
        jsonable = loads(ANY.dump(drained(dict(values))))
        self._state_changes.update(jsonable)

    @property
    def request_context(self) -> MutableMapping[str, Any]:
        """The run's request context; later steps see what is written to it."""
        if self._context is None:
            self._context = dict(revealed(self._claim.request_context))
        return self._context

    def read_out(self) -> None:
        """Run generators in the request context to their end while they may be interrupted."""
        if self._context is not None:
            self._context = drained(self._context)

    def changes(self) -> Changes:
        """Return what this attempt changed. Called by the engine when the function has ended.

        Raises PayloadTooLarge if the state or the request context has become too large.
        """
        state = NO_CHANGES
        if self._state_changes or self._state_made:
            state = Changes(self._state_changes, made=self._state_made)
            whole = state.over(self._claim.state)
            payloads.check_size(dumps(whole), f"The state as {self.path} changed it")
        if self._context is None:
            return state
        before = self._claim.request_context
        # Keys that are equal as text are the same key; the one that was written last counts.
        written = {clean_key(key): value for key, value in self._context.items()}
        text = Raw(ANY.dump(written).decode())
        payloads.check_size(text, f"The request context as {self.path} changed it")
        now: dict[str, Any] = loads(text)
        changed = {k: v for k, v in now.items() if k not in before or before[k] != v}
        removed = tuple(key for key in before if key not in now)
        return replace(state, context=changed, context_removed=removed)

    # Looking back.

    def get_step_result(self, step: Step | str, default: Any = None) -> Any:
        """Return the output of a step that succeeded, else `default`.

        A dotted path leads into nested workflows. The search begins in this step's own workflow
        and continues in those around it.
        """
        candidates = [] if isinstance(step, str) else self._places_of(step)
        if not candidates:
            candidates = reading.outward(
                self._claim.path, step if isinstance(step, str) else step.id
            )
        found = reading.output_of(self._claim.run, candidates)
        return default if found is None else loads_revealed(found)

    def _places_of(self, step: Any) -> list[str]:
        """Return the paths of a step as seen from here: in its own workflow, then outward."""
        bases = places_of(self._graph.nodes, step) if self._graph is not None else []
        seen = [step_paths.actual(base, self._claim.path) for base in bases]
        found = [path for path in seen if path is not None]
        near = reading.scopes(self._claim.path)
        in_reach = [path for path in found if path.rpartition(".")[0] in near]
        return sorted(in_reach, key=lambda path: near.index(path.rpartition(".")[0]))

    def get_init_data(self) -> Any:
        """Return the workflow's input; for a step of a nested workflow, the nested one's input."""
        text = reading.init_data(self._claim.run, self._claim.path)
        return None if text is None else loads_revealed(text)


def _made(schema: Schema, value: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a type made itself, as JSON, so that they stay the same later."""
    try:
        whole = loads(schema.dump(value))
    except SerializationError:  # it cannot be part of a state
        return {}
    known = {*given, *getattr(value, "model_fields_set", ())}
    return {key: part for key, part in whole.items() if key not in known}
