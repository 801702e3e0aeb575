"""The records of a run's steps that its page shows, and the values they share, in few queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db.models import Case, Count, F, IntegerField, QuerySet, Subquery, Value, When

from dashboard import previews
from dashboard.graphs import Graph
from dashboard.run_view import View
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.step import PAYLOAD_FIELDS
from workflows_app.planner.statuses import StepStatus

MOST_STEPS: Final = 250
#: Records of entries inside a foreach or loop.
MOST_REPEATED: Final = 100
#: Rows of the timeline that are shown at once.
MOST_ROWS: Final = 100
STEP_FIELDS: Final = ("payload", "output", "suspend_payload", "resume_payload")
#: What asks for attention comes first.
ASKING: Final = (
    StepStatus.FAILED,
    StepStatus.SUSPENDED,
    StepStatus.RUNNING,
    StepStatus.WAITING,
    StepStatus.PAUSED,
    StepStatus.QUEUED,
)
#: The order of keys, so written that PostgreSQL does not walk the primary key of all runs' steps to
#: find those of one run in order: it sorts that run's own.
BY_KEY: Final = F("pk") + 0
_RANKS: Final = {status.value: number for number, status in enumerate(ASKING)}
INTEREST: Final = Case(
    *(When(status=status.value, then=Value(number)) for number, status in enumerate(ASKING)),
    default=Value(9),
    output_field=IntegerField(),
)


def steps_of(run: Run) -> tuple[list[StepSnapshot], int]:
    """Return the records to show, and how many others outside of lists there are; two queries.

    What asks for attention comes along wherever it stands; of what is inside a foreach or loop,
    that comes first, then the latest.
    """
    steps = run.steps.current().exclude(path__startswith="$")
    outside, inside = steps.exclude(path__contains="["), steps.filter(path__contains="[")
    asking = steps.filter(status__in=ASKING).order_by(INTEREST, "-pk")
    rest = inside.exclude(status__in=ASKING).order_by(BY_KEY.desc())
    total = outside.order_by().values("run").annotate(number=Count("pk")).values("number")
    parts = (
        outside.order_by(BY_KEY).values("pk")[:MOST_STEPS],
        asking.values("pk")[:MOST_REPEATED],
        rest.values("pk")[:MOST_REPEATED],
    )
    # One statement, each part by keys: an OR of them would read the table from end to end.
    first, *others = [
        StepSnapshot.objects.filter(pk__in=part).order_by().values_list("pk", flat=True)
        for part in parts
    ]
    keys = list(first.union(*others))
    shown = _previewed(run.steps.filter(pk__in=keys))
    rows = list(shown.annotate(outside_total=Subquery(total)))
    plain = sorted((step for step in rows if "[" not in step.path), key=lambda step: step.pk)
    repeated = sorted((step for step in rows if "[" in step.path), key=_interest)
    hidden = (getattr(rows[0], "outside_total", None) or 0) - len(plain) if rows else 0
    return [*plain, *repeated[:MOST_REPEATED]], hidden


def _interest(step: StepSnapshot) -> tuple[int, int]:
    return _RANKS.get(step.status, len(_RANKS)), -step.pk


def shown(run: Run, keys: list[int], limit: int = previews.LIMIT) -> list[StepSnapshot]:
    """Return these records with the beginnings of their values."""
    return _with_previews(run, keys, limit)


def _with_previews(run: Run, keys: list[int], limit: int = previews.LIMIT) -> list[StepSnapshot]:
    """Return these records, in this order, with the beginnings of their values."""
    found = {step.pk: step for step in _previewed(run.steps.filter(pk__in=keys), limit)}
    return [found[key] for key in keys if key in found]


def _previewed(
    steps: QuerySet[StepSnapshot], limit: int = previews.LIMIT
) -> QuerySet[StepSnapshot]:
    light = steps.defer(*PAYLOAD_FIELDS).select_related("worker")
    shown = previews.with_previews(light, STEP_FIELDS, limit)
    return previews.with_previews(shown, ["error"], previews.ERROR_LIMIT)


def timed_steps(run: Run, view: View) -> list[StepSnapshot]:
    """Return the steps of one window of the timeline, without their values; lists are folded."""
    steps = run.steps.current().light().exclude(path__startswith="$").exclude(path__contains="[")
    if view.errors_only:
        steps = steps.filter(status=StepStatus.FAILED)
    return list(steps.order_by(BY_KEY)[view.skip : view.skip + MOST_ROWS + 1])


def tallies_of(run: Run, graph: Graph) -> dict[str, list[tuple[str, int]]]:
    """Return how many records with which status each entry inside a foreach or loop has."""
    if not any(place.is_repeated for place in graph.places.values()):
        return {}
    rows = run.steps.current().filter(path__contains="[").order_by("base_path", "status")
    found: dict[str, list[tuple[str, int]]] = {}
    for path, status, number in rows.values_list("base_path", "status").annotate(Count("pk")):
        found.setdefault(path, []).append((status, number))
    return found


def borrowed_by(
    run: Run, steps: Sequence[StepSnapshot], limit: int = previews.LIMIT
) -> dict[str, tuple[str, int]]:
    """Return the values that stand elsewhere than in the step they belong to, by reference."""
    wanted = {ref for step in steps for ref in (step.payload_from, step.output_from) if ref}
    found: dict[str, tuple[str, int]] = {}
    if "run.input" in wanted and limit == previews.LIMIT and "input_text" in run.__dict__:
        text = run.__dict__["input_text"] or "null"
        found["run.input"] = (text[:limit], run.__dict__["input_size"] or 0)
    elif "run.input" in wanted:
        own = Run.objects.filter(pk=run.pk).only("pk")
        rows = previews.with_previews(own, ["input"], limit)
        row: Any = rows.first()
        found["run.input"] = (row.input_text or "null", row.input_size or 0)
    return found | lent_by(steps, limit)


def lent_by(
    steps: Iterable[StepSnapshot], limit: int = previews.LIMIT
) -> dict[str, tuple[str, int]]:
    """Return the values of other steps that these refer to, by reference; one query."""
    wanted = {ref for step in steps for ref in (step.payload_from, step.output_from) if ref}
    keys = {int(ref.partition(".")[0]) for ref in wanted if ref[0].isdecimal()}
    found: dict[str, tuple[str, int]] = {}
    if keys:
        others = StepSnapshot.objects.filter(pk__in=keys).only("pk")
        for other in previews.with_previews(others, ["output", "payload"], limit):
            for reference, name in ((f"{other.pk}", "output"), (f"{other.pk}.payload", "payload")):
                preview = previews.preview_of(other, name)
                if preview is not None:
                    found[reference] = (preview.text, preview.size)
    return found
