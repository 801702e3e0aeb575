"""An answer as a call from Python."""

import pytest

from dashboard.forms.answering import as_python
from dashboard.forms.form import SchemaForm

YES_NO = {"type": "boolean"}
FEW = {"enum": ["ship", "hold"]}
NOTE = {
    "type": "object",
    "properties": {
        "approved": {"type": "boolean"},
        "code": {"type": "string", "format": "password", "writeOnly": True},
        "note": {"type": "string", "default": "fine"},
    },
    "required": ["approved"],
}


def said(form: SchemaForm) -> str:
    return as_python("pay", "r-1", "ask", form)


def test_it_names_the_run_the_step_and_what_is_filled_in():
    form = SchemaForm.posted(NOTE, {"tab": "form", "data.approved": "true", "data.note": "go"})

    assert said(form) == (
        "run = get_workflow('pay').get_run('r-1')\n"
        "run.resume({'approved': True, 'note': 'go'}, step='ask')"
    )


def test_each_button_is_a_call():
    assert said(SchemaForm.blank(YES_NO)).splitlines()[1:] == [
        "run.resume(True, step='ask')  # Yes",
        "run.resume(False, step='ask')  # No",
    ]
    assert "run.resume('hold', step='ask')  # " in said(SchemaForm.blank(FEW))


def test_a_long_value_is_on_lines_of_its_own():
    form = SchemaForm.posted(NOTE, {"tab": "form", "data.note": "go " * 40})

    lines = said(form).splitlines()
    assert lines[1] == "run.resume("
    assert lines[-2:] == ["    step='ask',", ")"]
    compile(said(form), "answer", "exec")


@pytest.mark.parametrize("tab", ["form", "json"])
def test_secrets_are_not_written_out(tab):
    form = SchemaForm.posted(
        NOTE, {"tab": tab, "data.code": "hush", "json": '{"approved": true, "code": "hush"}'}
    )

    assert "hush" not in said(form)


def test_what_json_cannot_hold_is_left_open():
    form = SchemaForm.posted({"type": "object"}, {"tab": "json", "json": "{"})

    assert "run.resume(..., step='ask')" in said(form)
