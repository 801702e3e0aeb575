"""Performs an action that a person chose: looks up its name and calls the verb of the run.

Every door calls this module, so an action has the same effect and audit line from each.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workflows_app.run import Run

Act = Callable[[Run, Any, str], str]


def perform(name: str, run: Run, *, actor: Any, door: str) -> str:
    """Perform the action of this name without waiting; return the id of the run to look at next.

    Empty if the run is gone. Raises what the verb raises.
    """
    return ACTS[name](run, actor, door)


def _cancel(run: Run, actor: Any, door: str) -> str:
    run.cancel(actor=actor, door=door)
    return run.run_id


def _retry(run: Run, actor: Any, door: str) -> str:
    run.retry(actor=actor, door=door, wait=False)
    return run.run_id


def _restart(run: Run, actor: Any, door: str) -> str:
    run.restart(actor=actor, door=door, wait=False)
    return run.run_id


def _proceed(run: Run, actor: Any, door: str) -> str:
    run.proceed(actor=actor, door=door, wait=False)
    return run.run_id


def _pause(run: Run, actor: Any, door: str) -> str:
    run.pause(actor=actor, door=door)
    return run.run_id


def _skip_wait(run: Run, actor: Any, door: str) -> str:
    run.skip_wait(actor=actor, door=door, wait=False)
    return run.run_id


def _give_up(run: Run, actor: Any, door: str) -> str:
    run.give_up(actor=actor, door=door, wait=False)
    return run.run_id


def _rerun(run: Run, actor: Any, door: str) -> str:
    return run.rerun(actor=actor, door=door, wait=False).run_id


def _delete(run: Run, actor: Any, door: str) -> str:
    run.delete(actor=actor, door=door)
    return ""


#: The actions that need no form, by name.
ACTS: Final[Mapping[str, Act]] = {
    "cancel": _cancel,
    "retry": _retry,
    "restart": _restart,
    "pause": _pause,
    "skip-wait": _skip_wait,
    "give-up": _give_up,
    "proceed": _proceed,
    "rerun": _rerun,
    "delete": _delete,
}
