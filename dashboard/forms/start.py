"""The form that starts a workflow: its input, what else a run may be given, and when it starts.

Three documents in one form. The names of the second and the third begin with a sign that no field
of an input has. Pure: no Django in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any, Final, Self

from dashboard.forms import binding, posting
from dashboard.forms.bound import Bound, BoundGroup
from dashboard.forms.fields import (
    JSON,
    MISSING,
    Choice,
    Field,
    Group,
    Missing,
    Option,
    Raw,
    Rows,
    Text,
)
from dashboard.forms.form import Complaint, SchemaForm
from dashboard.forms.schema import Schema, field_of

NOW, AT, CRON = "now", "at", "cron"
MOMENTS: Final = {NOW: "Now", AT: "At a time", CRON: "Again and again, by cron"}

#: The fields of when it starts that count for each moment.
COUNTING: Final = {NOW: (), AT: (AT,), CRON: (CRON, "timezone", "overlap")}

RUN_PATH: Final = ("~run",)
WHEN_PATH: Final = ("~when",)
STATE, CONTEXT = "initial_state", "request_context"

OVERLAPS: Final = (
    Option("allow", "Start another beside it"),
    Option("skip", "Skip the time"),
    Option("queue", "Wait until it has ended"),
)


@dataclass(frozen=True)
class Shapes:
    """The schemas of what a workflow is given; None: anything fits."""

    input: Schema | None = None
    state: Schema | None = None
    context: Schema | None = None


def run_fields(shapes: Shapes, zone: tzinfo = UTC) -> Group:
    """Return the fields of what a run is given besides its input; none of them is needed."""
    tag = Text(label="Tag", min_length=1, max_length=200)
    return Group(
        label="More",
        fields=(
            Text(
                key="run_id",
                label="Run id",
                hint="The key that makes a start happen once: a second start with it leads to the "
                "same run. Without one, this form has a key of its own.",
                required=False,
                max_length=255,
            ),
            Text(
                key="resource_id",
                label="Resource id",
                hint="What the run is about, such as the id of an order or of a customer.",
                required=False,
                max_length=255,
            ),
            Rows(key="tags", label="Tags", item=tag, required=False),
            _optional(shapes.state, zone, STATE, "Initial state"),
            _optional(shapes.context, zone, CONTEXT, "Request context"),
        ),
    )


def _optional(schema: Schema | None, zone: tzinfo, key: str, label: str) -> Field:
    found = field_of(schema, zone)
    if isinstance(found, Raw):
        found = replace(found, reason="An object as JSON: names and their values.")
    return replace(found, key=key, label=label, required=False, default=MISSING)


def when_fields(zone: tzinfo = UTC) -> Group:
    """Return the fields of when it starts; which of them count, the moment says."""
    return Group(
        label="When",
        fields=(
            Text(
                key=AT,
                label="Time",
                hint=f"Time zone: {zone}.",
                input="datetime-local",
                zone=zone,
            ),
            Text(
                key=CRON,
                label="Cron expression",
                hint="Minute, hour, day of month, month, day of week; or @daily and the like.",
                max_length=255,
            ),
            Text(
                key="timezone",
                label="Its time zone",
                hint="A name such as Europe/Amsterdam.",
                default=str(zone),
                max_length=100,
            ),
            Choice(
                key="overlap",
                label="When the run before has not ended",
                default="allow",
                options=OVERLAPS,
            ),
        ),
    )


@dataclass
class StartForm(SchemaForm):
    """The form of an input, with two more documents at its side."""

    more: SchemaForm = field(default_factory=lambda: _part(run_fields(Shapes()), RUN_PATH))
    when: SchemaForm = field(default_factory=lambda: _part(when_fields(), WHEN_PATH))
    moment: str = NOW

    @classmethod
    def begun(
        cls,
        shapes: Shapes,
        value: JSON | Missing = MISSING,
        more: Mapping[str, Any] | None = None,
        zone: tzinfo = UTC,
    ) -> Self:
        """Return the form as it is first shown; `more` is what else the run is given."""
        form = cls.blank(shapes.input, value, zone=zone)
        form.more = _part(run_fields(shapes, zone), RUN_PATH, dict(more or {}))
        form.when = _part(when_fields(zone), WHEN_PATH)
        return form

    @classmethod
    def sent(
        cls,
        shapes: Shapes,
        data: posting.Posted,
        uploads: Mapping[str, str] | None = None,
        zone: tzinfo = UTC,
    ) -> Self:
        """Return the form holding what was posted."""
        form = cls.posted(shapes.input, data, uploads, zone=zone)
        given = uploads or {}
        more = posting.bind_posted(run_fields(shapes, zone), data, given, RUN_PATH)
        when = posting.bind_posted(when_fields(zone), data, given, WHEN_PATH)
        form.more = SchemaForm(root=more, op=form.op, zone=zone)
        form.when = SchemaForm(root=when, zone=zone)
        moment = str(data.get("when") or NOW)
        form.moment = moment if moment in MOMENTS else NOW
        return form

    @property
    def moments(self) -> list[tuple[str, str, bool]]:
        """Name, label and whether it is chosen, for each kind of moment."""
        return [(name, label, name == self.moment) for name, label in MOMENTS.items()]

    @property
    def is_more_given(self) -> bool:
        """Whether anything was typed besides the input, or is wrong there."""
        return not self.more.root.is_pristine or bool(self.more.complaints)

    def part(self, key: str) -> Bound:
        """Return the field of what a run is given besides its input, or of when it starts."""
        found = self.more.root.child(key) or self.when.root.child(key)
        if found is None:
            raise LookupError(f"The form has no field {key!r}.")
        return found

    def act(self) -> bool:
        """Do what a button of the form asked for, in whichever document it stands."""
        did = super().act()
        if did and not self.op.startswith("tab:"):
            self.more.act()
            self.focus = self.focus or self.more.focus
        return did

    def check(self) -> bool:
        """Check all three documents; only what counts for the moment is asked for."""
        super().check()
        self.more.check()
        for key in COUNTING[self.moment]:
            self.part(key).check()
        return not self.complaints

    @property
    def complaints(self) -> list[Complaint]:
        """All errors in the order of the page; the first field with one is marked for the focus."""
        found = super().complaints
        for part in (self.when, self.more):
            inner = part.complaints
            if any(one.target for one in found):
                for bound in part.root.walk():
                    bound.is_first_error = False
            found += inner
        return found

    @property
    def given(self) -> dict[str, JSON]:
        """What was typed besides the input; raises `NotJson` where JSON cannot be read."""
        found = self.more.draft()
        return {key: value for key, value in found.items() if value not in ("", [], None)}

    @property
    def timed(self) -> dict[str, JSON]:
        """What was typed of when it starts."""
        found = self.when.draft()
        return {key: value for key, value in found.items() if value not in ("", None)}


def _part(shape: Group, path: tuple[str, ...], value: JSON | Missing = MISSING) -> SchemaForm:
    root = binding.bind_value(shape, value, path)
    if isinstance(root, BoundGroup):
        root.is_given = False  # the fields of this page, not an object that somebody gave
    return SchemaForm(root=root)
