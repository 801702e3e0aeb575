"""What the engine says in English, in the reader's language: what failed, and what has changed.

Its sentences are stored with the runs, or raised to Python. What authors of workflows say is shown
as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from workflows_app import languages, terms, type_words
from workflows_app.languages import gettext_lazy

#: What a version of a workflow has changed.
CHANGES: Final = (
    gettext_lazy("it has no step '{path}' in the version that the run began with"),
    gettext_lazy("where '{path}' ({kind}) was, there is now '{other}' ({other_kind})"),
    gettext_lazy("'{path}' ({kind}) is gone"),
    gettext_lazy("'{path}' ({kind}) is new"),
    gettext_lazy("workflow '{workflow}' is not known here (WORKFLOWS_MODULES?)"),
)
#: What a plan of a time travel warns of.
WARNINGS: Final = (
    gettext_lazy("{step} is inside {container}, which runs again as a whole."),
    gettext_lazy("{step} has no result, so it stays out of the output."),
    gettext_lazy(
        "Workflow '{workflow}' has changed since this run began in its types, options or "
        "descriptions."
    ),
    gettext_lazy("Workflow '{workflow}' has changed since this run began: {change}."),
)
#: Why a step failed, where its own code did not say it.
FAILURES: Final = (
    gettext_lazy("Step {step} took longer than its timeout of {timeout} s."),
    gettext_lazy(
        "The event '{name}' with the key '{key}' did not come in time for step {step}, which has "
        "waited since {at} UTC."
    ),
    gettext_lazy(
        "Step {step} lost its worker {number} times; the step itself may end the process. Its "
        "attempts ended like this: {losses}. Look at the workers' logs, then retry the run."
    ),
    gettext_lazy(
        "Run '{run}' had not ended at its deadline, {seconds} seconds after it began. retry() "
        "gives it that time again."
    ),
    gettext_lazy("Its worker stopped or was killed while the step ran."),
    gettext_lazy("Worker {host} (process {pid}) stopped or was killed while the step ran."),
    gettext_lazy("Worker {host} (process {pid}) fell silent while the step ran."),
    gettext_lazy(
        "No worker has had code for step '{step}' for {seconds} s: {change}. Deploy code that fits "
        "the run, then retry it."
    ),
    gettext_lazy("What step {step} returned does not fit its output type: {problems}."),
    gettext_lazy(
        "The input of step {step} does not fit its type; it comes from {source}: {problems}."
    ),
    gettext_lazy(
        "The input of nested workflow {step} does not fit its type; it comes from {source}: "
        "{problems}."
    ),
    gettext_lazy(
        "The input of foreach {step} is {kind_of_value}; it takes a list. Let the entry before it "
        "return one."
    ),
    gettext_lazy("The state does not fit what step {step} uses of it: {problems}."),
    gettext_lazy("The request context does not fit what step {step} needs: {problems}."),
    gettext_lazy(
        "The state as step {step} changed it does not fit the workflow's type: {problems}."
    ),
    gettext_lazy("What step {step} passed to suspend() does not fit its suspend type: {problems}."),
    gettext_lazy("The data of event '{name}' does not fit what step {step} waits for: {problems}."),
    gettext_lazy(
        "{what} is {size} bytes of JSON; at most {limit} are kept. Store it elsewhere and pass a "
        "reference, or raise MAX_PAYLOAD_BYTES."
    ),
)
#: Why a time of a schedule was skipped.
SKIPPED: Final = (
    gettext_lazy("missed: no process was running at that time"),
    gettext_lazy("too many times waited for the run before"),
    gettext_lazy("the run before has not ended"),
)
#: Why something was refused, where more can be said than its kind.
REFUSALS: Final = (
    gettext_lazy(
        "Run '{run}' cannot {verb} under today's code of workflow '{workflow}': {change}. Go back "
        "to the code that it began with, or start a new run (rerun)."
    ),
    gettext_lazy(
        "Answering step '{step}' needs {permission}, which {person} does not have; leaving the "
        "step out, or changing what its answer was about, needs it, too. Ask somebody who has it, "
        "or go back to the step so that it asks again."
    ),
    gettext_lazy("The name of a token has 1 to {number} characters."),
    gettext_lazy("There is no workflow {listed}; name those that there are."),
    gettext_lazy("A token that expires does so in the future."),
)
_PERMISSIONS: Final = (
    gettext_lazy("membership of the group '{group}'"),
    gettext_lazy("the permission '{permission}'"),
)
_SENTENCES: Final = (*SKIPPED, *CHANGES, *WARNINGS, *FAILURES, *REFUSALS)


def retold(said: str) -> str:
    """Return a sentence of the engine in the reader's language; anything else as it is."""
    if languages.shown() == languages.SOURCE:
        return said
    return _retold(said, _SENTENCES)


def _retold(said: str, sentences: Iterable[str]) -> str:
    for sentence in sentences:
        if (found := languages.read_back(sentence, said)) is not None:
            return sentence.format(**{name: _filled(name, text) for name, text in found.items()})
    return said


def _filled(name: str, text: str) -> str:
    """Return what is filled into a sentence, which may have words of its own."""
    match name:
        case "kind" | "other_kind":
            return terms.term(text)
        case "change":
            return _retold(text, CHANGES)
        case "permission":
            return _retold(text, _PERMISSIONS)
        case "verb":
            return terms.verb(text.replace(" ", "-").replace("_", "-"))
        case "problems":
            return "; ".join(map(_problem, text.split("; ")))
        case _:
            return text


def _problem(text: str) -> str:
    """Return one problem of a value, after the name of its place."""
    place, colon, said = text.rpartition(": ")
    return f"{place}{colon}{type_words.retold(said)}"
