"""Every error of the product, each with one sentence: the fact, the rule, the way out.

All derive from `WorkflowError`. Messages are written for the person who reads them; the class
says what kind of refusal it is, and the HTTP doors map classes to status codes.
"""

from typing import Any


class WorkflowError(Exception):
    """The root of every error that this library raises on purpose."""

    #: What a program may want to know besides the message: `errors`, Pydantic's list, for values
    #: that do not fit. None where there is nothing to add.
    details: dict[str, Any] | None = None


def shown(value: object) -> str:
    """Return a value as it stands in a sentence: not too long, whatever its `repr` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - also of numbers with more digits than Python writes
        return f"<{type(value).__name__}>"
    return text if len(text) <= 200 else f"{text[:199]}…"  # noqa: PLR2004 - a part of a sentence


# Definition: raised where the mistake is made, with the name of the offender.


class DefinitionError(WorkflowError):
    """A workflow or a step is defined in a way that cannot work."""


class InvalidId(DefinitionError, ValueError):
    """An id has characters that are not allowed, or is a reserved word."""


class InvalidStep(DefinitionError, TypeError):
    """A step, a condition or a mapping is not something that can run as one."""


class DuplicateStep(DefinitionError):
    """Two different steps of one workflow have the same id."""


class EmptyWorkflow(DefinitionError):
    """A workflow was committed without a single entry."""


class NotCommitted(DefinitionError):
    """A workflow was asked to run before `commit()` froze it."""


class AlreadyCommitted(DefinitionError):
    """Something was added to a workflow that `commit()` has frozen."""


class InvalidTemplate(DefinitionError, ValueError):
    """A `template()` has an unknown root or a brace that is never closed."""


class DuplicateSchedule(DefinitionError):
    """Two schedules of one workflow have the same id."""


class InvalidSchedule(DefinitionError, ValueError):
    """A schedule has no id in a list, or a time zone, overlap or span that cannot be."""


class InvalidCron(DefinitionError, ValueError):
    """A cron expression cannot be read, or never comes."""


# Finding things.


class WorkflowNotFound(WorkflowError, LookupError):
    """No workflow with this id is registered in this process."""


class RunNotFound(WorkflowError, LookupError):
    """The workflow has no run with this id."""


class RunIdTaken(WorkflowError):
    """The run id belongs to a run of another workflow."""


class StepNotFound(WorkflowError, LookupError):
    """The workflow has no step at this path."""


class LabelNotFound(WorkflowError, LookupError):
    """No suspended step of the run set this resume label."""


# Input that does not fit.


class InvalidInput(WorkflowError, ValueError):
    """The input, or the initial state, does not fit the workflow's type."""


class InvalidArguments(InvalidInput, TypeError):
    """A call has arguments that the function does not take; also Python's own TypeError."""


class InvalidResumeData(WorkflowError, ValueError):
    """The resume data does not fit the type that the suspended step asks for."""


class InvalidRequestContext(WorkflowError, ValueError):
    """The request context does not fit the workflow's type."""


class InvalidTraceId(WorkflowError, ValueError):
    """A trace id is not 1 to 32 hex digits, or a span id not 1 to 16, or all are zero."""


class InvalidEventType(WorkflowError, ValueError):
    """A custom event has a type that does not start with `data-`."""


class PayloadTooLarge(WorkflowError, ValueError):
    """A value is larger than `MAX_PAYLOAD_BYTES` (a joined list: `MAX_LIST_BYTES`)."""


# What a person may not do.


class NotPermitted(WorkflowError):
    """The actor lacks the permission that the workflow asks for before any verb on its runs."""


class NotAllowedToAnswer(NotPermitted):
    """The actor lacks the permission of a step that the verb answers, leaves out or replaces."""


# What a run's state refuses.


class RunAlreadyStarted(WorkflowError):
    """The run was started before; a run starts once."""


class RunNotSuspended(WorkflowError):
    """No step of the run waits for an answer."""


class StepNotSuspended(WorkflowError):
    """The step named does not wait for an answer, or not for this one."""


class MultipleSuspendedSteps(WorkflowError):
    """Several steps wait for an answer, and the call does not say which is meant."""


class ResumeAlreadyClaimed(WorkflowError):
    """Another resume answered this suspension first, and its step is running."""


class RunStillRunning(WorkflowError):
    """The verb needs a run that is not active."""


class NothingToRestart(WorkflowError):
    """The run was never started, so there is nothing to go on with."""


class RunNotActive(WorkflowError):
    """The verb goes on with an active run, and this one is not."""


class RunNotFailed(WorkflowError):
    """Only a failed run is retried."""


class RunNotPaused(WorkflowError):
    """Only a paused run proceeds."""


class MissingStepResult(WorkflowError, LookupError):
    """A step before the target of a time travel has no recorded result, and none was given."""


class PlanOutdated(WorkflowError):
    """The run, or its workflow, has changed since the time travel was planned."""


class WaitTimeout(WorkflowError, TimeoutError):
    """The run did not settle within `timeout` seconds; it goes on."""


class WaitTooDeep(WorkflowError):
    """A step waits for a run, and so many do already that no thread is left to work on it."""


class WaitInsideTransaction(WorkflowError):
    """A waiting verb was called inside an open transaction, which no worker can see."""


class InsideEventLoop(WorkflowError, RuntimeError):
    """A verb that blocks was called on a running event loop, which would stand still meanwhile."""


class NotMigrated(WorkflowError):
    """The database lacks a table or a column that this version of the code needs."""


class DefinitionChanged(WorkflowError):
    """The workflow's definition differs from the one the run would go on under."""


# What a step can fail with, besides its own exceptions.


class InvalidStepInput(WorkflowError, ValueError):
    """What came to a step does not fit its input type."""


class InvalidStepOutput(WorkflowError, ValueError):
    """What a step returned does not fit its output type."""


class InvalidSuspendPayload(WorkflowError, ValueError):
    """What a step passed to `suspend` does not fit its suspend type."""


class InvalidState(WorkflowError, ValueError):
    """The state, with a step's changes merged in, does not fit the state type."""


class SerializationError(WorkflowError, TypeError):
    """A value cannot be turned into JSON."""


class StepTimeout(WorkflowError, TimeoutError):
    """An attempt took longer than the step's timeout."""


class WorkerLost(WorkflowError):
    """A step lost its worker more often than `MAX_LOST_ATTEMPTS` allows."""


class LostLease(WorkflowError):
    """A result came after its claim was taken over, so it was dropped."""
