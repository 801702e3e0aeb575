"""Steps that wait for the end of another run, and runs that end with it."""

from contextlib import suppress

from workflows_app.engine.host import clock
from workflows_app.engine.run import canceling, waits
from workflows_app.engine.run.performing import change, leave
from workflows_app.jsontext import Raw
from workflows_app.models import Run, Wait
from workflows_app.models.wait import GIVEN, RUN
from workflows_app.planner.statuses import RunStatus


def give(run_id: str, value: Raw | None, *, outcome: str = GIVEN) -> None:
    """Let every step go on that waits for the end of this run, with the run's result as text."""
    for row in Wait.objects.open().filter(kind=RUN, name="", key=run_id):
        with suppress(Run.DoesNotExist), change(row.run_id, clock.now()) as changing:
            step = waits.waiting_step(changing, row)
            if step is None:
                leave()
            waits.give(changing, step, row, value, outcome=outcome)


def tell(run: Run, value: Raw | None) -> None:
    """Tell those who follow a run that it has ended; without its result, they read it."""
    if run.is_awaited:
        give(run.run_id, value)
    if run.status == RunStatus.CANCELED:
        _cancel_tied(run)


def _cancel_tied(run: Run) -> None:
    """Cancel the runs that a canceled run has started with `cancel_with_parent`."""
    tied = Wait.objects.tied(run.pk).values_list("target", flat=True)
    for child in Run.objects.filter(run_id__in=list(tied)).light().order_by("pk"):
        with suppress(Run.DoesNotExist):
            reason = f"Run {run.run_id}, which started it, was canceled."
            canceling.cancel(child, actor=run.canceled_by or None, reason=reason)
