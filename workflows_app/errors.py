"""Every error of the product. A message has one sentence: the fact, the rule, the way out.

All derive from `WorkflowError`. Messages are for people; the class is for programs, and HTTP maps
classes to status codes.
"""

from typing import Any


class WorkflowError(Exception):
    """The root of every error that this library raises on purpose."""

    #: Facts for programs besides the message, or None: for values that do not fit, Pydantic's list
    #: as `errors`.
    details: dict[str, Any] | None = None


def shown(value: object) -> str:
    """Return a value as text for a sentence: not too long, whatever its `repr` does."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - also for numbers with more digits than Python writes
        return f"<{type(value).__name__}>"
    return text if len(text) <= 200 else f"{text[:199]}…"  # noqa: PLR2004 - a part of a sentence


# Definition: raised where the mistake is made, with the name of what is wrong.


class DefinitionError(WorkflowError):
    """A workflow or a step is defined in a way that cannot work."""


class InvalidId(DefinitionError, ValueError):
    """An id has characters that are not allowed, or is a reserved word."""


class InvalidStep(DefinitionError, TypeError):
    """A step, a condition or a mapping cannot work as one."""


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
    """A schedule has no id in a list, or an invalid time zone, overlap or span."""


class InvalidDeadline(DefinitionError, ValueError):
    """A deadline, or the time within which a run has to begin, cannot be as it is given."""


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
    """A call has arguments that the function does not take; it is also a TypeError."""


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


# Permissions.


class NotPermitted(WorkflowError):
    """The actor lacks the permission that the workflow asks for before any verb on its runs."""


class NotAllowedToAnswer(NotPermitted):
    """The actor lacks the permission of a step that the verb answers, leaves out or replaces."""


# Refusals because of a run's state.


class RunAlreadyStarted(WorkflowError):
    """The run has already been started; a run starts only once."""


class RunNotSuspended(WorkflowError):
    """No step of the run waits for an answer."""


class StepNotSuspended(WorkflowError):
    """The named step does not wait for an answer, or not for this one."""


class MultipleSuspendedSteps(WorkflowError):
    """Several steps wait for an answer, and the call does not say which is meant."""


class ResumeAlreadyClaimed(WorkflowError):
    """Another resume answered this suspension first, and its step is running."""


class RunStillRunning(WorkflowError):
    """The verb needs a run that is not active."""


class NothingToRestart(WorkflowError):
    """The run was never started, so there is nothing to continue."""


class RunNotActive(WorkflowError):
    """The verb needs an active run, and this one is not active."""


class RunNotFailed(WorkflowError):
    """The verb needs a failed run, and this one has not failed."""


class RunNotPaused(WorkflowError):
    """The verb needs a paused run, and this one is not paused."""


class StepNotWaiting(WorkflowError):
    """No such step sleeps or waits for its next attempt."""


class MultipleWaitingSteps(WorkflowError):
    """Several steps sleep or wait for their next attempt, and the call does not say which."""


class UniqueKeyTaken(WorkflowError):
    """Another run now holds the unique key of a run that is to go on."""


class MissingStepResult(WorkflowError, LookupError):
    """A step before the target of a time travel has no recorded result, and none was given."""


class PlanOutdated(WorkflowError):
    """The run or its workflow has changed since the time travel was planned."""


class WaitTimeout(WorkflowError, TimeoutError):
    """The run did not settle within `timeout` seconds; it continues."""


class WaitTooDeep(WorkflowError):
    """A step waits for a run, but so many steps do that no thread is left to work on it."""


class WaitInsideTransaction(WorkflowError):
    """A verb would wait inside an open transaction, which no worker can see."""


class InsideEventLoop(WorkflowError, RuntimeError):
    """A blocking verb was called on a running event loop, which it would stop."""


class NotMigrated(WorkflowError):
    """The database lacks a table or a column that this version of the code needs."""


class DefinitionChanged(WorkflowError):
    """The workflow's definition no longer fits the run."""


# Errors of a step besides its own exceptions.


class InvalidStepInput(WorkflowError, ValueError):
    """The input of a step does not fit its type."""


class InvalidStepOutput(WorkflowError, ValueError):
    """The output of a step does not fit its type."""


class InvalidSuspendPayload(WorkflowError, ValueError):
    """The argument of `suspend` does not fit the step's suspend type."""


class InvalidState(WorkflowError, ValueError):
    """The state, with a step's changes merged in, does not fit the state type."""


class SerializationError(WorkflowError, TypeError):
    """A value cannot be turned into JSON."""


class StepTimeout(WorkflowError, TimeoutError):
    """An attempt took longer than the step's timeout."""


class EventTimeout(WorkflowError, TimeoutError):
    """An event that a step waited for did not come within its timeout."""


class RunDeadlineExceeded(WorkflowError, TimeoutError):
    """A run took longer than its deadline allows."""


class WorkerLost(WorkflowError):
    """A step lost its worker more often than `MAX_LOST_ATTEMPTS` allows."""


class LostLease(WorkflowError):
    """A result came after its claim was taken over, so it was dropped."""
