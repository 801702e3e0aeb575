"""One table of what the pages know about each action on a run.

`workflows_app.actions` says which actions exist, who may perform them, and why one is not possible
now. The table adds what the pages need: the text of the dialog, the target of the button, the place
in the menu, how the action is performed, and the message afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from django.urls import reverse

from workflows_app import Run as LiveRun
from workflows_app import acting, actions
from workflows_app.actions import Action
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run

from . import consequences, same
from .consequences import Consequences
from .same import Call


@dataclass(frozen=True)
class Variant:
    """Another button of a dialog, which performs the same action in a different way."""

    op: str
    label: str
    #: The arguments of the verb that differ, and the words for them at a terminal.
    options: Mapping[str, Any]
    words: Sequence[str]
    #: What tells its calls from those of the main button.
    note: str


@dataclass(frozen=True)
class RunAct:
    """One action on a run, as pages offer it."""

    action: Action
    #: The message afterwards; a format of `run`, its id, and `step`, its path.
    done: str
    #: Makes the text of the dialog; None if the action has a page with a form instead.
    says: Callable[[Run], Consequences] | None = None
    #: Whether the menu of a run offers it when it is not the main button.
    is_in_menu: bool = True
    #: The label of its button in a list of runs; empty means the same label as everywhere else.
    short: str = ""
    #: The other buttons of its dialog; those that do the same as the main one are not shown.
    variants: tuple[Variant, ...] = ()
    #: Whether its dialog asks for a reason in words.
    takes_reason: bool = False
    #: Whether it acts on one step of the run, which its address names.
    takes_step: bool = False
    #: Whether it starts a run. The form then holds the new run's id, so that sending it twice
    #: starts one run.
    starts_a_run: bool = False
    #: Whether it is refused if the run has moved on since the dialog was shown. Otherwise a form
    #: that is sent twice would act on the result of the first time.
    needs_same_event: bool = False

    @property
    def ops(self) -> tuple[str, ...]:
        """The values of the buttons of its dialog."""
        return (self.action.name, *(variant.op for variant in self.variants))

    def variants_of(self, run: Run) -> list[Variant]:
        """Return the other buttons for this run."""
        return [each for each in self.variants if each.options.get("per_step") != _pace_of(run)]

    @property
    def list_label(self) -> str:
        """The label of its button in a list of runs."""
        return self.short or self.action.label

    def address(self, run: Run) -> str:
        """Return the target of its button on the page of a run."""
        if self.action is actions.START:
            start = reverse("signalbox:workflow-start", args=[run.workflow_id])
            return f"{start}?run={quote(run.run_id, safe='')}"
        if self.action is actions.RESUME:
            return "#questions"
        if self.says is None:
            return reverse("signalbox:run-travel", args=[run.run_id])
        return reverse("signalbox:run-act", args=[run.run_id, self.action.name])

    def python(self, run: Run) -> str:
        """Return the same action as a call in Python; two calls if the dialog offers two."""
        found = f"get_workflow({run.workflow_id!r}).get_run({run.run_id!r})"
        verb = self.action.name.replace("-", "_")
        lines = [f"{found}.{verb}()"]
        for variant in self.variants_of(run):
            given = ", ".join(f"{name}={value!r}" for name, value in variant.options.items())
            lines.append(f"{found}.{verb}({given})  # {variant.note}")
        return "\n".join(lines)

    def calls(self, run: Run) -> list[Call]:
        """Return the same action as it is called from outside; two if the dialog offers two."""
        verb = self.action.name
        if self.action is actions.DELETE:
            return [Call(f"runs/{quote(run.run_id, safe='')}", method="DELETE")]
        others = [
            same.on_run(run.run_id, verb, variant.options, variant.words, note=variant.note)
            for variant in self.variants_of(run)
        ]
        return [same.on_run(run.run_id, verb, note="as before" if others else ""), *others]

    def perform(
        self,
        op: str,
        live: LiveRun,
        *,
        key: str,
        actor: Any,
        door: str,
        reason: str = "",
        step: str = "",
    ) -> str:
        """Perform the action; return the run to show next, or an empty string if there is none.

        `op` is the button that was pressed, `key` the id of a run that is started. Raises what the
        verb raises.
        """
        variant = next((each for each in self.variants if each.op == op), None)
        if variant is not None:
            live.proceed(actor=actor, door=door, wait=False, **variant.options)
            return live.run_id
        if self.takes_step:
            verb = live.skip_wait if self.action is actions.SKIP_WAIT else live.give_up
            verb(step or None, actor=actor, door=door, wait=False)
            return live.run_id
        if self.takes_reason:
            live.pause(reason, actor, door=door)
            return live.run_id
        if self.starts_a_run:
            return live.rerun(run_id=key, actor=actor, door=door, wait=False).run_id
        return acting.perform(self.action.name, live, actor=actor, door=door)


def _pace_of(run: Run) -> bool:
    """Return whether the run goes on step by step if nobody says otherwise."""
    return consequences.goes_per_step(run)


ACTS: Final[Mapping[str, RunAct]] = {
    act.action.name: act
    for act in (
        RunAct(actions.START, gettext_lazy("Run {run} was started."), is_in_menu=False),
        RunAct(
            actions.RESUME,
            gettext_lazy("Your answer to “{step}” was accepted. The run goes on."),
            is_in_menu=False,
        ),
        RunAct(
            actions.RETRY,
            gettext_lazy("The failed steps run again on a new timeline."),
            consequences.of_retry,
            needs_same_event=True,
        ),
        RunAct(
            actions.PROCEED,
            gettext_lazy("The run goes on."),
            consequences.of_proceed,
            variants=(
                Variant(
                    "proceed:one-step",
                    gettext_lazy("Run one step"),
                    {"per_step": True},
                    ["--step"],
                    "one step",
                ),
                Variant(
                    "proceed:to-the-end",
                    gettext_lazy("Go on to the end"),
                    {"per_step": False},
                    ["--to-end"],
                    "on to the end",
                ),
            ),
            needs_same_event=True,
        ),
        RunAct(
            actions.RERUN,
            gettext_lazy("This is the new run; it has the input of {run}."),
            consequences.of_rerun,
            starts_a_run=True,
        ),
        RunAct(actions.TRAVEL, gettext_lazy("The run goes on from “{step}” on a new timeline.")),
        RunAct(
            actions.FORK,
            gettext_lazy("This new run goes on from “{step}” of {run}."),
            is_in_menu=False,
        ),
        RunAct(
            actions.SKIP_WAIT,
            gettext_lazy("The step goes on now."),
            consequences.of_skip_wait,
            is_in_menu=False,
            takes_step=True,
        ),
        RunAct(
            actions.GIVE_UP,
            gettext_lazy("The step was given up: it failed with its last error."),
            consequences.of_give_up,
            is_in_menu=False,
            takes_step=True,
        ),
        RunAct(
            actions.PAUSE,
            gettext_lazy("The run is paused: nothing of it starts until somebody continues it."),
            consequences.of_pause,
            takes_reason=True,
        ),
        RunAct(
            actions.RESTART,
            gettext_lazy("The run goes on from its last active steps."),
            consequences.of_restart,
        ),
        RunAct(
            actions.CANCEL,
            gettext_lazy("The run is canceled."),
            consequences.of_cancel,
            short=gettext_lazy("Cancel"),
        ),
        RunAct(actions.DELETE, gettext_lazy("Run {run} is deleted."), consequences.of_delete),
    )
}

#: The buttons of dialogs that are not named after their action.
VARIANTS: Final = tuple(each.op for act in ACTS.values() for each in act.variants)
