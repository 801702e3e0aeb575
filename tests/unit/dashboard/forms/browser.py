"""A browser in miniature: turns the form on the page into what a submit would post."""

from typing import Any

from django.utils.datastructures import MultiValueDict

from dashboard.forms.bound import Bound, BoundInput
from dashboard.forms.compound import BoundDuration, BoundEither, BoundPair
from dashboard.forms.fields import Raw
from dashboard.forms.form import SchemaForm
from dashboard.forms.groups import BoundGroup, BoundOneOf, BoundRows
from dashboard.forms.inputs import BoundMany, BoundRaw, BoundSwitch, BoundText


def submitted(form: SchemaForm, op: str = "", **typed: str) -> MultiValueDict[str, Any]:
    """Return what is posted when `typed` is typed over what the page shows and `op` is pressed."""
    data: MultiValueDict[str, Any] = MultiValueDict()
    data["tab"] = form.tab
    if form.tab == "json":
        data["json"] = form.text
    else:
        for part in form.root.walk():
            _post(part, data)
    for name, value in typed.items():
        data[name] = value
    if op:
        data["op"] = op
    return data


def _post(part: Bound, data: MultiValueDict[str, Any]) -> None:
    match part:
        case BoundRaw():
            is_plain = isinstance(part.field, Raw)
            data[part.name if is_plain else f"{part.name}:json"] = part.raw
        case BoundPair() | BoundDuration() | BoundEither():
            _post_compound(part, data)
        case BoundInput():
            _post_line(part, data)
        case BoundOneOf() | BoundMany():
            _post_choice(part, data)
        case BoundGroup() | BoundRows():
            _post_many(part, data)
        case _:
            pass


def _post_many(part: BoundGroup | BoundRows, data: MultiValueDict[str, Any]) -> None:
    if part.is_given:
        data[f"{part.name}:given"] = "1"
    if isinstance(part, BoundRows):
        data[f"{part.name}:rows"] = str(len(part.rows))
    else:
        data[f"{part.name}:extra"] = part.extra_text


def _post_choice(part: BoundOneOf | BoundMany, data: MultiValueDict[str, Any]) -> None:
    if isinstance(part, BoundMany):
        data.setlist(part.name, part.raws)
        return
    chosen = "" if part.chosen is None else str(part.chosen)
    data[part.name], data[part.was_name] = chosen, chosen


def _post_line(part: BoundInput, data: Any) -> None:
    is_unticked = isinstance(part, BoundSwitch) and part.field.is_checkbox and part.raw == "false"
    if not is_unticked:
        data[part.name] = "" if part.is_secret else part.raw
    if isinstance(part, BoundText) and part.field.may_be_blank and part.is_blank:
        data[part.blank_name] = "1"


def _post_compound(part: BoundPair | BoundDuration | BoundEither, data: Any) -> None:
    match part:
        case BoundPair():
            data[part.name] = part.key
        case BoundDuration():
            data[part.name], data[part.unit_name] = part.raw, part.unit
        case BoundEither():
            data[part.name] = "" if part.is_secret else part.raw
            data[part.kind_name] = "" if part.kind is None else str(part.kind)
