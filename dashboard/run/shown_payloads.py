"""The values of a run and of its steps as pages show them: beginnings, trees and errors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext

from workflows_app import jsontext
from workflows_app.engine.run.payloads import PARTS
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import RunStatus

from .. import lookup
from ..forms.wording import items
from ..values import borrowing, previews, sight, trees
from ..values.previews import Preview
from ..values.trees import Tree
from . import records
from .addresses import Addresses
from .playback import Moment

#: The suffixes of the columns that `previews.with_previews` adds.
SHOWN: Final = ("_text", "_size")
LABELS: Final = {
    "payload": gettext_lazy("Input"),
    "output": gettext_lazy("Output"),
    "suspend_payload": gettext_lazy("What it asks"),
    "resume_payload": gettext_lazy("The answer"),
    "input": gettext_lazy("Input"),
    "result": gettext_lazy("Result"),
    "state": gettext_lazy("State"),
    "error": gettext_lazy("Error"),
}
#: How many rows of a run's input, and of its result, the run's page shows.
MOST_VALUE_ROWS: Final = 40


@dataclass
class Payload:
    """One value of a step or a run on the page."""

    label: str
    preview: Preview
    field: str = ""
    #: The address of the page of this value alone.
    url: str = ""
    tree: Tree | None = None
    #: Whether the page has a link instead, which the script follows once it becomes visible.
    is_away: bool = False
    #: Whether the value's own page draws more of it than this one.
    is_part: bool = False
    #: How many rows its tree may have; None means all of them.
    most: int | None = None

    @property
    def key(self) -> str:
        """The id of its place on the page."""
        return f"value-{self.url or self.field}"

    @property
    def mark(self) -> Hashable:
        """Equal for values that are drawn alike; None for a large value, which is never kept."""
        if len(self.preview.text) > previews.LIMIT:
            return None
        drawn = self.tree is not None, self.most, self.is_away, self.is_part
        return self.label, self.preview, self.url, *drawn

    def draw(self, most: int = trees.MOST_ROWS) -> int:
        """Make the tree of a value that is known as a whole; return how many rows it has."""
        self.most = most
        self.tree = None if self.preview.is_cut else trees.tree_of(self.preview.text, most)
        self.is_part = most < trees.MOST_ROWS
        return self.tree.size if self.tree else 1

    def draw_within(self, room: int) -> int:
        """Draw the value if it fits into this many rows, or leave a link; return the rows drawn."""
        drawn = 0 if self.preview.is_cut or room <= 0 else self.draw(room)
        self.is_away = self.tree is None or not self.tree.is_whole
        self.most = None
        return 0 if self.is_away else drawn


def of_record(run: Run, step: StepSnapshot) -> list[Payload]:
    """Return the values of one record, read with `records.with_keys` and `TREE_LIMIT`, as trees."""
    borrowed = borrowing.borrowed_by(run, [step], previews.TREE_LIMIT)
    found = of_step(Addresses(run.run_id), step, borrowed)
    for payload in found:
        payload.draw()
    return found


def one_of_run(run: Run, name: str) -> Payload | None:
    """Return one value of a run as a tree, or its beginning; None if it has no such value."""
    rows = Run.objects.filter(pk=run.pk).only("pk")
    row = previews.with_previews(rows, [name], previews.TREE_LIMIT).get()
    payload = _payload_of_run(run, row, name)
    if payload:
        payload.draw()
    return payload


def _payload_of_run(run: Run, row: Run, name: str) -> Payload | None:
    address = [run.run_id, name]
    preview = previews.preview_of(row, name, reverse("signalbox:raw-run", args=address))
    if preview is None:
        return None
    return Payload(LABELS[name], preview, name, reverse("signalbox:value-run", args=address))


def of_step(
    addresses: Addresses, step: StepSnapshot, borrowed: Mapping[str, tuple[str, int]]
) -> list[Payload]:
    """Return the values of one record, read `with_previews`, and not yet drawn.

    `borrowed` has the beginnings and sizes of values that other rows hold, as `borrowed_by` does.
    """
    found = []
    for name in records.STEP_FIELDS:
        url = addresses.raw_of_step(step.pk, name)
        preview = previews.preview_of(step, name, url)
        source = {"payload": step.payload_from, "output": step.output_from}.get(name)
        if source == PARTS:
            preview = Preview(f"[…] {items(step.total)}", previews.LIMIT + 1, url)
        elif source and source in borrowed:
            preview = Preview(*borrowed[source], url)
        if preview is not None and (preview.text != "null" or name in {"output", "resume_payload"}):
            own_page = addresses.value_of_step(step.pk, name)
            found.append(Payload(LABELS[name], preview, name, own_page))
    return found


def error_from(text: str | None) -> Mapping[str, Any] | None:
    """Return an error to show; of one that is too large, only its type, message and traceback."""
    if not text or text == "null":
        return None
    try:
        value = jsontext.loads(text)
    except ValueError:
        value = {key: previews.text_at(text, key) for key in ("type", "message", "traceback")}
    found = value if isinstance(value, dict) else {"type": gettext("Error"), "message": str(value)}
    whole: Mapping[str, Any] = sight.error(found)
    return whole


def of_run(run: Run, status: str, timeline: int) -> list[Payload]:
    """Return a run's input, and the result of a timeline on which it had this `status`.

    Asks the database if the run was not read by `with_values`.
    """
    if "input_text" not in run.__dict__:
        row = lookup.with_values(Run.objects.filter(pk=run.pk).only("pk")).get()
        run.__dict__.update(
            {name: value for name, value in row.__dict__.items() if name.endswith(SHOWN)}
        )
    found = [_payload_of_run(run, run, "input")]
    if status == RunStatus.SUCCESS:
        is_left = timeline != run.timeline
        found.append(
            _earlier_result(run, timeline) if is_left else _payload_of_run(run, run, "result")
        )
    return [payload for payload in found if payload is not None]


def _earlier_result(run: Run, timeline: int) -> Payload | None:
    """Return the result of an earlier timeline of a run; it has no address of its own."""
    left = run.earlier_timelines.filter(number=timeline).only("pk")
    row = previews.with_previews(left, ["result"], previews.TREE_LIMIT).first()
    preview = previews.preview_of(row, "result") if row is not None else None
    return None if preview is None else Payload(LABELS["result"], preview, "result")


def state_of(run: Run, moment: Moment | None = None) -> Payload | None:
    """Return the state of a run read by `with_values`, now or at a moment; None if it has none."""
    if moment is None:
        payload = _payload_of_run(run, run, "state")
    elif moment.state is None:
        preview = previews.preview_of(run, "initial_state")
        payload = Payload(LABELS["state"], preview, "state") if preview else None
    else:
        text = jsontext.dumps(moment.state)
        preview = Preview(text[: previews.TREE_LIMIT], previews.size_of(text))
        payload = Payload(LABELS["state"], preview, "state")
    return None if payload is None or payload.preview.text in {"{}", "null"} else payload


def run_error(run: Run) -> Mapping[str, Any] | None:
    """Return the error of a run read by `with_values`; None if it has none."""
    return error_from(run.__dict__.get("error_text"))
