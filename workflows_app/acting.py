"""Doing what a person asked for: the registry's names on one side, the verbs of a run on the other.

Every door calls these, so that the same act has the same effect and the same line in the trail.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workflows_app.run import Run

Act = Callable[[Run, Any, str], str]


def perform(name: str, run: Run, *, actor: Any, door: str) -> str:
    """Do what the action of this name means, without waiting; return the run to look at next.

    Empty when there is none any more. Raises what the verb raises.
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
    "proceed": _proceed,
    "rerun": _rerun,
    "delete": _delete,
}
