"""The form that starts a workflow: its input, the other options of a run, and when it starts.

There are three documents in one form. The names of the second and the third begin with a character
that no field of an input has. Pure but for its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from typing import Any, Final, Self

from django.utils.translation import gettext, pgettext

from workflows_app.languages import gettext_lazy

from . import binding, posting
from .bound import Bound
from .fields import (
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
from .form import Complaint, SchemaForm
from .groups import BoundGroup
from .schema import field_of
from .wording import Schema

NOW, AT, CRON = "now", "at", "cron"
MOMENTS: Final = {
    NOW: gettext_lazy("Now"),
    AT: gettext_lazy("At a time"),
    CRON: gettext_lazy("Again and again, by cron"),
}

#: The fields of the start time that count for each kind of moment.
COUNTING: Final = {NOW: (), AT: (AT,), CRON: (CRON, "timezone", "overlap")}

RUN_PATH: Final = ("~run",)
WHEN_PATH: Final = ("~when",)
STATE, CONTEXT = "initial_state", "request_context"

OVERLAPS: Final = (
    Option("allow", gettext_lazy("Start another beside it")),
    Option("skip", gettext_lazy("Skip the time")),
    Option("queue", gettext_lazy("Wait until it has ended")),
)


@dataclass(frozen=True)
class StartSchemas:
    """The schemas of what a workflow is given; None means that anything fits."""

    input: Schema | None = None
    state: Schema | None = None
    context: Schema | None = None


def run_fields(shapes: StartSchemas, zone: tzinfo = UTC) -> Group:
    """Return the fields of what a run is given apart from its input; none of them is required."""
    tag = Text(label=gettext("Tag"), min_length=1, max_length=200)
    return Group(
        label=gettext("More"),
        fields=(
            Text(
                key="run_id",
                label=gettext("Run id"),
                hint=gettext(
                    "A key that prevents a second start: starting again with it "
                    "leads to the same run. Without one, this form uses a key of "
                    "its own."
                ),
                required=False,
                max_length=255,
            ),
            Text(
                key="resource_id",
                label=gettext("Resource id"),
                hint=gettext("What the run is about, such as the id of an order or of a customer."),
                required=False,
                max_length=255,
            ),
            Rows(key="tags", label=pgettext("run", "Tags"), item=tag, required=False),
            _optional(shapes.state, zone, STATE, gettext("Initial state")),
            _optional(shapes.context, zone, CONTEXT, gettext("Request context")),
        ),
    )


def _optional(schema: Schema | None, zone: tzinfo, key: str, label: str) -> Field:
    found = field_of(schema, zone)
    if isinstance(found, Raw):
        found = replace(found, reason=gettext("An object as JSON: names and their values."))
    return replace(found, key=key, label=label, required=False, default=MISSING)


def when_fields(zone: tzinfo = UTC) -> Group:
    """Return the fields of the start time; the kind of moment decides which of them count."""
    return Group(
        label=gettext("When"),
        fields=(
            Text(
                key=AT,
                label=gettext("Time"),
                hint=gettext("Time zone: {zone}.").format(zone=zone),
                input="datetime-local",
                zone=zone,
            ),
            Text(
                key=CRON,
                label=gettext("Cron expression"),
                hint=gettext(
                    "Minute, hour, day of month, month, day of week; or @daily and the like."
                ),
                max_length=255,
            ),
            Text(
                key="timezone",
                label=gettext("Its time zone"),
                hint=gettext("A name such as Europe/Amsterdam."),
                default=str(zone),
                max_length=100,
            ),
            Choice(
                key="overlap",
                label=gettext("When the previous run has not ended"),
                default="allow",
                options=OVERLAPS,
            ),
        ),
    )


@dataclass
class StartForm(SchemaForm):
    """The form of an input, together with two more documents."""

    more: SchemaForm = field(default_factory=lambda: _part(run_fields(StartSchemas()), RUN_PATH))
    when: SchemaForm = field(default_factory=lambda: _part(when_fields(), WHEN_PATH))
    moment: str = NOW

    @classmethod
    def begun(
        cls,
        shapes: StartSchemas,
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
        shapes: StartSchemas,
        data: posting.Posted,
        uploads: Mapping[str, str] | None = None,
        zone: tzinfo = UTC,
    ) -> Self:
        """Return the form with what was posted."""
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
        """Whether anything apart from the input was typed, or has an error."""
        return not self.more.root.is_pristine or bool(self.more.complaints)

    def part(self, key: str) -> Bound:
        """Return the field of an option of a run, or of the start time."""
        found = self.more.root.child(key) or self.when.root.child(key)
        if found is None:
            raise LookupError(f"The form has no field {key!r}.")
        return found

    def act(self) -> bool:
        """Do what a button of the form asked for, in the document that it belongs to."""
        did = super().act()
        if did and not self.op.startswith("tab:"):
            self.more.act()
            self.focus = self.focus or self.more.focus
        return did

    def check(self) -> bool:
        """Check all three documents; only the fields that count for the moment are required."""
        super().check()
        self.more.check()
        for key in COUNTING[self.moment]:
            self.part(key).check()
        return not self.complaints

    @property
    def complaints(self) -> list[Complaint]:
        """All errors in the order of the page; the first field with one gets the focus."""
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
        """Return what was typed apart from the input; raises `NotJson` if JSON cannot be read."""
        found = self.more.draft()
        return {key: value for key, value in found.items() if value not in ("", [], None)}

    @property
    def timed(self) -> dict[str, JSON]:
        """Return what was typed about the start time."""
        found = self.when.draft()
        return {key: value for key, value in found.items() if value not in ("", None)}


def _part(shape: Group, path: tuple[str, ...], value: JSON | Missing = MISSING) -> SchemaForm:
    root = binding.bind_value(shape, value, path)
    if isinstance(root, BoundGroup):
        root.is_given = False  # these are fields of this page, not an object that somebody gave
    return SchemaForm(root=root)
