"""What people read of the engine's refusals in other languages than that of the source.

The engine raises its sentences to Python, in English and with every detail. A page in another
language says what kind of refusal it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from workflows_app import engine_words, errors, languages
from workflows_app.languages import gettext_lazy

WORDS: Final[Mapping[type[Exception], str]] = {
    errors.InvalidCron: gettext_lazy(
        "This cron expression cannot be read, or its time never comes."
    ),
    errors.InvalidSchedule: gettext_lazy("This is not a valid time zone or time for a schedule."),
    errors.WorkflowNotFound: gettext_lazy("The code of this workflow is not in this process."),
    errors.RunNotFound: gettext_lazy("There is no such run. It may have been deleted."),
    errors.RunIdTaken: gettext_lazy("This run id belongs to a run of another workflow."),
    errors.StepNotFound: gettext_lazy("The workflow has no such step."),
    errors.InvalidInput: gettext_lazy("The input does not fit the type of the workflow."),
    errors.InvalidResumeData: gettext_lazy("The answer does not fit what the step asks for."),
    errors.InvalidRequestContext: gettext_lazy("The request context does not fit the workflow."),
    errors.PayloadTooLarge: gettext_lazy("This value is too large."),
    errors.NotPermitted: gettext_lazy("You do not have the permission for this."),
    errors.RunAlreadyStarted: gettext_lazy(
        "This run has already been started; a run starts only once."
    ),
    errors.RunNotSuspended: gettext_lazy("No step of this run waits for an answer."),
    errors.StepNotSuspended: gettext_lazy("This step does not wait for an answer any more."),
    errors.ResumeAlreadyClaimed: gettext_lazy("Somebody else answered this question first."),
    errors.RunStillRunning: gettext_lazy("This is possible once the run is not under way."),
    errors.NothingToRestart: gettext_lazy("The run was never started."),
    errors.RunNotActive: gettext_lazy("This is possible only while the run is under way."),
    errors.RunNotFailed: gettext_lazy("This is possible only for a failed run."),
    errors.RunNotPaused: gettext_lazy("This is possible only for a paused run."),
    errors.StepNotWaiting: gettext_lazy("No step of this run waits by itself any more."),
    errors.MultipleWaitingSteps: gettext_lazy(
        "Several steps of this run wait: choose one of them."
    ),
    errors.UniqueKeyTaken: gettext_lazy("Another run now holds the unique key of this one."),
    errors.MissingStepResult: gettext_lazy("An earlier step has no result that could be used."),
    errors.DefinitionChanged: gettext_lazy(
        "The code of the workflow has changed, and this run cannot go on with it."
    ),
    errors.DuplicateSchedule: gettext_lazy("There is another schedule with this id."),
    errors.InvalidId: gettext_lazy("This id has characters that are not allowed, or is too long."),
    errors.InvalidState: gettext_lazy("The state does not fit the type of the workflow."),
    errors.LabelNotFound: gettext_lazy("No question of this run has this label any more."),
    errors.MultipleSuspendedSteps: gettext_lazy(
        "Several steps of this run wait for an answer: choose one of them."
    ),
    errors.WaitTimeout: gettext_lazy("This takes longer than a page waits; it goes on."),
    errors.PlanOutdated: gettext_lazy(
        "The run or its workflow has changed since this was planned."
    ),
}


def of(refusal: Exception) -> str:
    """Return what people read of a refusal."""
    if languages.shown() == languages.SOURCE:
        return str(refusal)
    if (told := engine_words.retold(said := str(refusal))) != said:
        return told
    kinds = (WORDS.get(kind) for kind in type(refusal).__mro__)
    return str(next(filter(None, kinds), refusal))
