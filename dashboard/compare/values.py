"""The values of two sides, and what differs between them, as far as they were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.urls import reverse

from workflows_app import jsontext
from workflows_app.engine.run import payloads
from workflows_app.languages import gettext_lazy
from workflows_app.models import StepSnapshot

from ..forms.fields import JSON, MISSING, Missing
from ..forms.wording import items
from ..values import differences, previews
from ..values.differences import Differences
from ..values.previews import Preview
from .page import Side, ValuePair

LABELS: Final = {
    "payload": gettext_lazy("Input"),
    "output": gettext_lazy("Output"),
    "resume_payload": gettext_lazy("The answer"),
    "error": gettext_lazy("Error"),
    "input": gettext_lazy("Input"),
    "result": gettext_lazy("Result"),
}
STEP_FIELDS: Final = ("payload", "output", "resume_payload", "error")
ERROR_KEYS: Final = ("type", "message", "details")


def values_of(
    side: Side, step: StepSnapshot | None, lent: Mapping[str, tuple[str, int]]
) -> dict[str, Preview | None]:
    """Return the values of a step by name, including those that another row stores."""
    if step is None:
        return {}
    found: dict[str, Preview | None] = {}
    for name in STEP_FIELDS:
        url = reverse("signalbox:raw-step", args=[side.run.run_id, step.pk, name])
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == payloads.RUN_INPUT:
            given = side.values["input"]
            found[name] = Preview(given.text, given.size, url) if given else None
        elif source == payloads.PARTS:
            found[name] = _items(step.total, url)
        elif source and source in lent:
            found[name] = Preview(*lent[source], url)
        else:
            found[name] = previews.preview_of(step, name, url)
    return found


def _items(total: int, url: str) -> Preview:
    """Return what is shown as the output of a foreach, whose items have rows of their own."""
    text = jsontext.dumps(items(total))
    return Preview(text, len(text), url)


def pair_of(name: str, old: Preview | None, new: Preview | None) -> ValuePair:
    """Return the same value of both sides, and what differs between them."""
    if name == "error":  # a missing error is stored as null
        old, new = (one if one and one.text != "null" else None for one in (old, new))
    return ValuePair(LABELS[name], old, new, _between(name, old, new))


def _between(name: str, old: Preview | None, new: Preview | None) -> Differences | None:
    """Return what differs; None if a value is too large or too deep to be compared."""
    if any(one is not None and one.is_locked for one in (old, new)):
        return None
    if name != "error" and any(one is not None and one.is_cut for one in (old, new)):
        return None
    if old is not None and new is not None and (old.text, old.size) == (new.text, new.size):
        return Differences()
    read = _error_in if name == "error" else _value_in
    try:
        return differences.between(read(old), read(new))
    except (ValueError, RecursionError):
        return None


def _value_in(preview: Preview | None) -> JSON | Missing:
    return MISSING if preview is None else jsontext.loads(preview.text)


def _error_in(preview: Preview | None) -> JSON | Missing:
    """Return what of an error is compared: tracebacks differ with every change of the code."""
    if preview is None:
        return MISSING
    value = preview.value
    if isinstance(value, dict):
        return {key: value[key] for key in ERROR_KEYS if value.get(key)}
    return {key: previews.text_at(preview.text, key) for key in ERROR_KEYS[:2]}
