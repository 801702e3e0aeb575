"""Runs user code: one attempt of a step, a mapping, the conditions of a branch.

Nothing here writes to a run; the attempt returns an `Outcome`.
"""

import inspect
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from workflows_app import calling, errors
from workflows_app.definition import (
    ANY,
    EventWait,
    Function,
    Graph,
    Kind,
    Node,
    Schema,
    Step,
    fitting,
    options,
)
from workflows_app.engine.host import surroundings
from workflows_app.engine.host.control import AbortRun, BailRun, Interrupted, SuspendStep
from workflows_app.engine.record.recorder import Said
from workflows_app.engine.run import failures, payloads, tracing
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work import attempts, draining, failure_lines, loops
from workflows_app.engine.work.context import StepContext
from workflows_app.engine.work.entry_values import EntryValues
from workflows_app.jsontext import Raw, dumps, loads, loads_revealed, revealed
from workflows_app.planner import retries
from workflows_app.planner.outcomes import (
    Aborted,
    Bailed,
    Changes,
    Failed,
    Listed,
    Looped,
    Opened,
    Outcome,
    Slept,
    Succeeded,
    Suspended,
)


@dataclass(frozen=True, slots=True)
class Done:
    """The outcome of an attempt, and the events it wrote that are not yet recorded."""

    outcome: Outcome
    said: list[Said]


def execute(graph: Graph, claim: Claim) -> Done:
    """Run one attempt of the claimed entry.

    Raises only a foreign `BaseException` (`SystemExit`, `KeyboardInterrupt`); the attempt is then
    lost.
    """
    return surroundings.within(claim.name, lambda: _execute(graph, claim))


def _execute(graph: Graph, claim: Claim) -> Done:
    node = graph.nodes[claim.base_path]
    timeout = node.step.timeout if node.step is not None else None
    with attempts.running(claim.run, timeout, claim.name, claim) as attempt:
        execution = _Execution(graph, node, claim, attempt)
        outcome = execution.run_traced() if node.kind is Kind.STEP else execution.run()
        failure_lines.write(claim, outcome)
        return Done(outcome, execution.ctx.writer.close())


class _Execution:
    """One attempt, from its input to its outcome."""

    def __init__(self, graph: Graph, node: Node, claim: Claim, attempt: attempts.Attempt) -> None:
        self.graph = graph
        self.node = node
        self.claim = claim
        self.attempt = attempt
        self.ctx = StepContext(claim, attempt, graph=graph, schemas=node.step)

    def run_traced(self) -> Outcome:
        """Return the outcome; the attempt runs inside a span."""
        with tracing.step(self.claim) as span:
            self.ctx.span = span
            outcome = self.run()
            tracing.ended(span, outcome)
        return outcome

    def run(self) -> Outcome:  # noqa: PLR0911 - one return for each way a function can end
        """Return the outcome, whatever happens inside."""
        try:
            return self._run()
        except Interrupted:
            return self._timed_out()
        except SuspendStep as asked:
            return self._suspended(asked)
        except BailRun as bail:
            return self._bailed(bail.result)
        except AbortRun:
            return Aborted()
        except errors.WorkflowError as error:
            return Failed(failures.describe(error), may_retry=not isinstance(error, _FINAL))
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            if self.attempt.timed_out:
                return self._timed_out()
            return Failed(failures.describe(error))

    def _run(self) -> Outcome:  # noqa: C901, PLR0911 - one return for each kind
        match self.node.kind:
            case Kind.STEP:
                return self._step()
            case Kind.MAP:
                return self._map()
            case Kind.BRANCH:
                return self._branch()
            case Kind.FOREACH:
                return self._list()
            case Kind.DO_WHILE | Kind.DO_UNTIL:
                return self._test()
            case Kind.SLEEP:
                return self._sleep()
            case Kind.WORKFLOW:
                return self._enter_workflow()
            case Kind.PARALLEL:
                raise errors.InvalidStep(f"Entry {self.claim.path} is not run by a worker.")

    # A step.

    def _step(self) -> Outcome:
        step = self.node.step
        if step is None:
            raise errors.InvalidStep(f"Entry {self.claim.path} has no step.")
        if self.node.event is not None:
            return self._event(self.node.event)
        self.ctx.input_data = self._input(step)
        if self.claim.is_resuming and self.claim.resume_payload is not None:
            self.ctx.resume_data = self._answer(step, self.claim.resume_payload)
        self._check_contexts(step)
        is_open = step.output.may_hold_iterators
        returned = self._call(step.fn, step.arity, self.ctx.input_data, is_open=is_open)
        if self.attempt.timed_out:
            return self._timed_out()
        return Succeeded(self._output(step, returned), self._changes(step))

    def _event(self, event: EventWait) -> Outcome:
        """Wait for the event of an entry; after a timeout its output may be its input."""
        key = event.key(EntryValues(self))
        try:
            data = self.ctx.wait_for_event(event.name, key, timeout=event.timeout)
        except errors.EventTimeout:
            if not event.goes_on:
                raise
            return Succeeded(self.claim.payload, self.ctx.changes())
        return Succeeded(self._sized(ANY, data), self.ctx.changes())

    def _input(self, step: Step) -> Any:
        if not retries.owner(self.graph, self.node).validate_inputs:
            return loads_revealed(self.claim.payload)
        try:
            return step.input.load(self.claim.payload)
        except ValidationError as error:
            source = fitting.source_of(self.graph, self.node)
            what = (
                f"The input of step {self.claim.path} does not fit its type; it comes from {source}"
            )
            raise failures.invalid(errors.InvalidStepInput, what, error) from error

    def _answer(self, step: Step, payload: str) -> Any:
        try:
            return step.resume.load(payload)
        except ValidationError as error:
            what = f"The resume data does not fit what step {self.claim.path} asks for"
            raise failures.invalid(errors.InvalidResumeData, what, error) from error

    def _check_contexts(self, step: Step) -> None:
        """Refuse a state or request context that does not fit, before the step's code runs."""
        try:
            if not step.state.is_any:
                step.state.check(revealed(self.claim.state))
        except ValidationError as error:
            what = f"The state does not fit what step {self.claim.path} uses of it"
            raise failures.invalid(errors.InvalidState, what, error) from error
        try:
            if not step.request_context.is_any:
                step.request_context.check(revealed(self.claim.request_context))
        except ValidationError as error:
            what = f"The request context does not fit what step {self.claim.path} needs"
            raise failures.invalid(errors.InvalidRequestContext, what, error) from error

    def _output(self, step: Step, returned: Any) -> Raw:
        try:
            value = step.output.check(returned, is_made=True)
            if hasattr(value, "__next__"):  # Pydantic checks its items as they are read
                value = list(value)
        except ValidationError as error:
            what = f"What step {self.claim.path} returned does not fit its output type"
            raise failures.invalid(errors.InvalidStepOutput, what, error) from error
        text = step.output.dump(value, unread=errors.InvalidStepOutput)
        return payloads.check_size(Raw(text.decode()), f"What {self.claim.path} gives")

    def _changes(self, step: Step) -> Changes:
        changes = self.ctx.changes()
        schema = self.graph.workflow.state
        if changes.made and not self._fits(schema, changes):
            changes = replace(changes, made={})  # only this step's type knows these values
        if changes.state and not schema.is_any:
            try:
                schema.check(revealed(changes.over(self.claim.state)))
            except ValidationError as error:
                what = f"The state as step {step.id} changed it does not fit the workflow's type"
                raise failures.invalid(errors.InvalidState, what, error) from error
        return changes

    def _fits(self, schema: Schema, changes: Changes) -> bool:
        try:
            schema.check(revealed(changes.over(self.claim.state)))
        except ValidationError:
            return False
        return True

    def _suspended(self, asked: SuspendStep) -> Outcome:
        step = self.node.step
        if step is None:
            error = errors.InvalidStep(
                f"Entry {self.claim.path} called suspend(), which only a step can do: move the "
                "question into a step."
            )
            return Failed(failures.describe(error), may_retry=False)
        return self._guarded(lambda: self._suspension(step, asked))

    def _suspension(self, step: Step, asked: SuspendStep) -> Outcome:
        schema = step.suspend if asked.awaited is None else ANY
        try:
            payload = schema.check(asked.payload, is_made=True)
        except ValidationError as error:
            what = f"What step {self.claim.path} passed to suspend() does not fit its suspend type"
            raise failures.invalid(errors.InvalidSuspendPayload, what, error) from error
        text = None if payload is None else self._sized(schema, payload)
        told = dumps({label: {"step": self.claim.path} for label in asked.labels})
        payloads.check_size(told, f"The list of resume labels of {self.claim.path}")
        return Suspended(
            text, asked.labels, self._changes(step), asked.awaited, tuple(self.ctx.tokens)
        )

    def _bailed(self, result: Any) -> Outcome:
        return self._guarded(lambda: Bailed(self._sized(ANY, result), self.ctx.changes()))

    # Glue.

    def _map(self) -> Outcome:
        if self.node.mapping is None:
            raise errors.InvalidStep(f"Entry {self.claim.path} has no mapping.")
        value = self.node.mapping.evaluate(EntryValues(self))
        return Succeeded(self._sized(ANY, value), self.ctx.changes())

    def _branch(self) -> Outcome:
        value = self.plain_input
        # A list, because inside a generator their StopIteration would become another error.
        taken = [
            index
            for index, condition in enumerate(self.node.conditions)
            if self.function(condition, value)
        ]
        return Opened(tuple(taken), self.claim.payload, self.ctx.changes())

    def _enter_workflow(self) -> Outcome:
        workflow = self.node.workflow
        if workflow is None or not workflow.validate_inputs or workflow.input.is_any:
            return Opened((0,), self.claim.payload)
        try:
            value = workflow.input.load(self.claim.payload)
        except ValidationError as error:
            source = fitting.source_of(self.graph, self.node)
            what = (
                f"The input of nested workflow {self.claim.path} does not fit its type; it comes "
                f"from {source}"
            )
            raise failures.invalid(errors.InvalidStepInput, what, error) from error
        return Opened((0,), Raw(workflow.input.dump(value).decode()))

    def _list(self) -> Outcome:
        items = loads(self.claim.payload)
        if not isinstance(items, list):
            raise errors.InvalidStepInput(
                f"The input of foreach {self.claim.path} is {_type_of(items)}; it takes a list. "
                "Let the entry before it return one."
            )
        for index, item in enumerate(items):
            payloads.check_size(dumps(item), f"Item {index} of {self.claim.path}")
        window = self.node.concurrency or 1
        if isinstance(window, Function):
            window = self.function(window, self.plain_input)
        if isinstance(window, bool) or not isinstance(window, int):
            raise errors.InvalidStep(
                f"The concurrency of {self.claim.path} is {window!r}; its function must return a "
                "whole number."
            )
        return Listed(len(items), min(max(window, 1), calling.MOST), self.ctx.changes())

    def _test(self) -> Outcome:
        says_so = bool(self.function(self.node.conditions[0], self.plain_input))
        again = says_so is (self.node.kind is Kind.DO_WHILE)
        return Looped(again, self.ctx.changes())

    def _sleep(self) -> Outcome:
        delay = self.node.delay
        if isinstance(delay, Function):
            delay = self.function(delay, self.plain_input)
        check = options.moment if self.node.is_until else options.duration
        checked = check(delay, "the time", f"Sleep {self.claim.path}")
        return Slept(checked, self.ctx.changes())

    def function(self, function: Function, value: Any) -> Any:
        """Call a condition or mapping function with the entry's input."""
        return self._call(function.fn, function.arity, value)

    @cached_property
    def plain_input(self) -> Any:
        """The entry's input as JSON values."""
        self.ctx.input_data = loads_revealed(self.claim.payload)
        return self.ctx.input_data

    # Common to all.

    def _call(self, fn: Callable[..., Any], arity: int, value: Any, *, is_open: bool = True) -> Any:
        with self.attempt:
            returned = fn(*(value, self.ctx)[:arity])
            if inspect.iscoroutine(returned):
                returned = loops.run(returned, self.attempt, self.claim.name)
            elif inspect.isasyncgen(returned):
                returned = loops.run(_listed(returned), self.attempt, self.claim.name)
            returned = draining.drained(returned, is_open=is_open)
            self.ctx.read_out()
        return returned

    def _sized(self, schema: Schema, value: Any) -> Raw:
        text = Raw(schema.dump(value).decode())
        return payloads.check_size(text, f"What {self.claim.path} gives")

    def _guarded(self, build: Callable[[], Outcome]) -> Outcome:
        try:
            return build()
        except errors.WorkflowError as error:
            return Failed(failures.describe(error), may_retry=False)

    def _timed_out(self) -> Failed:
        error = errors.StepTimeout(
            f"Step {self.claim.path} took longer than its timeout of {self.attempt.timeout} s."
        )
        return Failed(failures.describe(error))


#: Errors that another attempt cannot fix.
_FINAL = (
    errors.InvalidStepInput,
    errors.InvalidResumeData,
    errors.InvalidStepOutput,
    errors.InvalidState,
    errors.InvalidRequestContext,
    errors.SerializationError,
    errors.PayloadTooLarge,
    errors.InvalidStep,
    errors.EventTimeout,
)


async def _listed(generator: AsyncGenerator[Any, Any]) -> list[Any]:
    return [each async for each in generator]


def _type_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    if value is None:
        return "nothing (null)"
    kinds = {dict: "an object", str: "text", bool: "true or false"}
    return kinds.get(type(value), "a number")
