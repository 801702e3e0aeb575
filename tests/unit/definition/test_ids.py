"""Which texts may be an id."""

import enum

import pytest

from workflows_app import errors
from workflows_app.definition import Builder, step


def nothing():
    return None


@pytest.mark.parametrize(
    "wrong", ["", "a.b", "a b", "a/b", "add#2", "each[3]", "größe", "a\n", 5, b"add", ("a",)]
)
def test_an_id_is_made_of_letters_digits_underscores_and_dashes(wrong):
    with pytest.raises(errors.InvalidId, match="letters, digits"):
        step(nothing, id=wrong)
    with pytest.raises(errors.InvalidId, match="workflow id"):
        Builder(wrong)
    with pytest.raises(errors.InvalidId, match="entry id"):
        Builder("order").then(nothing, id=wrong)


@pytest.mark.parametrize("fine", ["a", "A-1", "step_2", "0", "-", "events", "run-counts"])
def test_a_step_may_have_any_other_id(fine):
    assert step(nothing, id=fine).id == fine


def test_input_is_reserved_wherever_a_step_could_stand():
    with pytest.raises(errors.InvalidId, match="'input' is reserved"):
        step(nothing, id="input")
    with pytest.raises(errors.InvalidId, match="'input' is reserved"):
        Builder("order").map(nothing, id="input")
    with pytest.raises(errors.InvalidId, match="'input' is reserved"):
        Builder("input")


@pytest.mark.parametrize("reserved", ["run-counts", "events"])
def test_addresses_of_the_api_are_no_workflow_ids(reserved):
    with pytest.raises(errors.InvalidId, match=reserved):
        Builder(reserved)


def test_an_id_fits_into_its_column():
    assert step(nothing, id="a" * 255).id == "a" * 255
    with pytest.raises(errors.InvalidId, match="256 characters"):
        step(nothing, id="a" * 256)


def test_an_id_from_an_enum_becomes_plain_text():
    class Name(str, enum.Enum):  # noqa: UP042 - whose str() is not its value
        ADD = "add"

    assert type(step(nothing, id=Name.ADD).id) is str
    assert step(nothing, id=Name.ADD).id == "add"


@pytest.mark.parametrize(
    ("id_", "title"),
    [
        ("order", "Order"),
        ("order-sync", "Order sync"),
        ("csv_import--v2", "Csv import v2"),
        ("VATReport", "VATReport"),
        ("--", "--"),
    ],
)
def test_a_title_is_the_id_made_readable(id_, title):
    assert Builder(id_).title == title


def test_a_title_that_is_given_stays():
    assert Builder("order", title="Orders of the day").title == "Orders of the day"
