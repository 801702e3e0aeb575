"""Readable assertions about runs; a failure shows the run's steps and events."""

from __future__ import annotations

from typing import Any, Final, Self

from workflows_app import get_workflow
from workflows_app.engine.run import step_paths
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot
from workflows_app.planner.statuses import RunStatus
from workflows_app.run import Run
from workflows_app.targets import path_of

_ANYTHING: Final = object()


def assert_run(run: Run | str) -> RunAssertions:
    """Return assertions about a run, given itself or its id, as it stands now."""
    return RunAssertions(run)


class RunAssertions:
    """Assertions about one run; each returns this object, so that they can be chained."""

    __tracebackhide__ = True

    def __init__(self, run: Run | str) -> None:
        run_id = run if isinstance(run, str) else run.run_id
        row = RunRow.objects.get(run_id=run_id)
        self._run = get_workflow(row.workflow_id).get_run(run_id)

    def succeeded(self, with_: Any = _ANYTHING) -> Self:
        """It succeeded; with this result, if one is given."""
        self._has(RunStatus.SUCCESS)
        result = self._run.result().result
        if with_ is not _ANYTHING and result != with_:
            self._fail(f"succeeded with {result!r}, not with {with_!r}")
        return self

    def failed(self, with_: Any = _ANYTHING) -> Self:
        """It failed; `with_`: the name or the class of the error, or a part of its message."""
        self._has(RunStatus.FAILED)
        error = self._run.result().error
        if with_ is _ANYTHING or error is None:
            return self
        wanted = with_.__name__ if isinstance(with_, type) else str(with_)
        if wanted != error.type.rpartition(".")[2] and wanted not in error.message:
            self._fail(f"failed with {error.type}: {error.message}, not with {wanted}")
        return self

    def canceled(self) -> Self:
        """It was canceled."""
        return self._has(RunStatus.CANCELED)

    def paused(self) -> Self:
        """It is paused."""
        return self._has(RunStatus.PAUSED)

    def waiting(self) -> Self:
        """It sleeps, or waits for the next attempt of a step."""
        return self._has(RunStatus.WAITING, RunStatus.RUNNING)

    def suspended_at(self, *steps: Any) -> Self:
        """It waits for answers, and these steps, at least, ask for them."""
        self._has(RunStatus.SUSPENDED)
        asking = [each["path"] for each in self._run.suspended_steps()]
        return self._all(steps, asking, "is suspended at")

    def ran(self, *steps: Any) -> Self:
        """Each of these steps has begun at least once on the current timeline."""
        return self._all(steps, self._begun(), "ran")

    def not_ran(self, *steps: Any) -> Self:
        """None of these steps has begun."""
        begun = self._begun()
        for step in steps:
            if _is_among(step, begun):
                self._fail(f"ran {path_of(step)!r}")
        return self

    def _begun(self) -> list[str]:
        rows = StepSnapshot.objects.current().filter(run=self._run.pk, started_at__isnull=False)
        return list(rows.order_by("pk").values_list("path", flat=True))

    def _all(self, steps: tuple[Any, ...], paths: list[str], what: str) -> Self:
        for step in steps:
            if not _is_among(step, paths):
                self._fail(f"{what} {', '.join(paths) or 'no step'}, not {path_of(step)!r}")
        return self

    def _has(self, *statuses: RunStatus) -> Self:
        if self._run.status not in statuses:
            self._fail(f"is {self._run.status}, not {statuses[0]}")
        return self

    def _fail(self, what: str) -> None:
        __tracebackhide__ = True
        raise AssertionError(f"Run {self._run.run_id} {what}.\n{self._story()}")

    def _story(self) -> str:
        """Return the run's steps and events as text."""
        rows = StepSnapshot.objects.current().filter(run=self._run.pk).order_by("pk")
        steps = [
            f"  {row.path}: {row.status}, attempt {row.retry_count + 1}"
            for row in rows.only("path", "status", "retry_count")
        ]
        error = self._run.result().error
        why = [f"Error: {error.type}: {error.message}"] if error else []
        events = [f"  {e.seq} {e.type} {e.payload.get('path', '')}" for e in self._run.events()]
        return "\n".join([*why, "Steps:", *steps, "Events:", *map(str.rstrip, events)])


def _is_among(step: Any, paths: list[str]) -> bool:
    """Return whether a step, by its id or path, is among these paths, also within others."""
    wanted = path_of(step)
    ids = wanted.split(".")
    return any(path == wanted or step_paths.ids_of(path)[-len(ids) :] == ids for path in paths)
