"""Values that a step shares with another step, or with its run, and that are stored once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from workflows_app.models import Run, StepSnapshot

from . import previews


def borrowed_by(
    run: Run, steps: Sequence[StepSnapshot], limit: int = previews.LIMIT
) -> dict[str, tuple[str, int]]:
    """Return the values that are stored elsewhere than in their own step, by reference."""
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
    """Return the values of other steps that these steps refer to, by reference; one query."""
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
