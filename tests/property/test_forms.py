"""What a form shows untouched is what it sends, for every type and every value."""

import os
from datetime import UTC, datetime, time
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError, create_model

from dashboard.forms.form import SchemaForm
from dashboard.forms.start import StartForm, StartSchemas
from dashboard.request import posted
from dashboard.start import page as start_page
from tests.property.kinds import KINDS, Kind
from tests.submitting import request_of
from workflows_app import jsontext
from workflows_app.definition.schemas import Schema
from workflows_app.errors import SerializationError
from workflows_app.models import Run

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
#: Each renders a page and sends it up to five times.
EVERY = 2000 if os.environ.get("CI") else 200
many = settings(max_examples=EVERY, suppress_health_check=SLOW)
few = settings(max_examples=EVERY // 4, suppress_health_check=SLOW)
ZONES = st.sampled_from([UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/St_Johns")])
MAY = SimpleNamespace(is_possible=True)


def alike(one: Any, other: Any) -> bool:
    """Whether two values are one and the same: 1, True and 1.0 are three."""
    if type(one) is not type(other):
        return False
    inside = _inside(one), _inside(other)
    if inside != (None, None):
        ours, theirs = (part or {} for part in inside)
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in ours)
    if isinstance(one, datetime | time) and one.utcoffset() != other.utcoffset():
        return False
    return repr(one) == repr(other) if isinstance(one, float) else bool(one == other)


def _inside(value: Any) -> dict[Any, Any] | None:
    """Return what a value consists of, by key or place; None: of nothing else."""
    match value:
        case BaseModel():
            return dict(value)
        case dict():
            return dict(value)
        case list() | tuple():
            return dict(enumerate(value))
        case _ if hasattr(value, "__dataclass_fields__"):
            return dict(vars(value))
        case _:
            return None


def page_of(form: SchemaForm) -> str:
    is_start = isinstance(form, StartForm)
    parts = {"tail": "dashboard/start/tail.html", "run_key": "1"} if is_start else {}
    context = {"form": form, "verb": "Send", "may_schedule": MAY, **parts}
    return render_to_string("dashboard/forms/form.html", context)


def sent(form: SchemaForm, schema: Any, op: str = "") -> SchemaForm:
    """Return the form after its page went through a browser."""
    data = request_of(page_of(form), op).POST
    if isinstance(form, StartForm):
        again: SchemaForm = StartForm.sent(schema, data, zone=form.zone)
    else:
        again = SchemaForm.posted(schema, data, zone=form.zone)
    assert again.act() is bool(op)
    return again


class Case:
    """A type, one of its values, and the document of that which a run was given."""

    def __init__(self, kind: Kind, data: st.DataObject) -> None:
        self.type = kind[0]
        self.schema = Schema(self.type)
        try:
            self.document = jsontext.loads(self.schema.dump(data.draw(kind[1])))
            self.meant = self.load(self.document)
        except (ValidationError, ValueError, SerializationError):
            assume(False)
        assume(alike(self.load(self.document), self.meant))

    def load(self, document: Any) -> Any:
        return self.schema.load(jsontext.dumps(document))

    def _said(self, how: str, found: Any) -> str:
        schema = self.schema.json_schema()
        return f"{how}: {found!r}\nis not {self.document!r}\nof {schema!r}"

    def check(self, form: SchemaForm, how: str) -> None:
        assert posted.fits(form, self.schema.load), self._said(how, form.complaints)
        found = self.load(form.draft())
        assert alike(found, self.meant), self._said(how, form.draft())


def _over_both_tabs(case: Case, form: SchemaForm, schema: Any) -> None:
    """Send a form as it is; as JSON; and after a look at the JSON."""
    case.check(sent(form, schema), "sent")
    if not form.has_tabs:
        return
    as_text = sent(form, schema, "tab:json")
    case.check(sent(as_text, schema), "sent as JSON")
    again = sent(as_text, schema, "tab:form")
    assert again.tab == "form"
    case.check(sent(again, schema), "over the JSON tab and back")


@many
@given(KINDS, st.data(), ZONES)
def test_a_form_that_nobody_touched_sends_what_it_shows(
    kind: Kind, data: st.DataObject, zone: Any
) -> None:
    case = Case(kind, data)
    schema = case.schema.json_schema()

    _over_both_tabs(case, SchemaForm.blank(schema, case.document, zone=zone), schema)


@few
@given(KINDS, st.data(), ZONES)
def test_a_form_of_defaults_that_nobody_touched_sends_the_defaults(
    kind: Kind, data: st.DataObject, zone: Any
) -> None:
    default = Case(kind, data).meant
    model = create_model("Defaults", value=(kind[0], default))
    case = Case((model, st.just(model.model_construct(value=default))), data)
    schema = case.schema.json_schema()

    _over_both_tabs(case, SchemaForm.blank(schema, zone=zone), schema)


@few
@given(KINDS, KINDS, st.data())
def test_the_form_of_a_run_that_is_copied_starts_the_same_run(
    kind: Kind, state: Kind, data: st.DataObject
) -> None:
    model = create_model("State", value=(state[0], ...), other=(state[0] | None, None))
    states = st.builds(model.model_construct, value=state[1])
    case, beside = Case(kind, data), Case((model, states), data)
    assume(case.document is not None)
    run = Run(input=case.document, initial_state=beside.document, resource_id=" a\tb", tags=["x "])
    shapes = StartSchemas(case.schema.json_schema(), beside.schema.json_schema())
    graph = {"input_schema": shapes.input, "state_schema": shapes.state}
    known: Any = SimpleNamespace(graph=SimpleNamespace(json=graph))

    form = sent(start_page.fresh(known, None, run), shapes)

    case.check(form, "copied")
    assert isinstance(form, StartForm)
    given = form.given
    assert alike(beside.load(given.pop("initial_state")), beside.meant)
    assert given == {"resource_id": " a\tb", "tags": ["x "]}
