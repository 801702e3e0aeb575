"""The steps of the CSV import, called as plain functions."""

import pytest
from pydantic import ValidationError

from tests.unit.demo.contexts import Bailed, FakeContext, Suspended
from workflows_app.demo import csv_import as demo
from workflows_app.demo.csv_import import (
    Action,
    Answer,
    Customer,
    Import,
    Parsed,
    Sorted,
    WrongFile,
)


def parse(text: str) -> Parsed:
    parsed: Parsed = demo.parse(Import(list_name="guests", csv=text))
    return parsed


def check(text: str) -> Sorted:
    found: Sorted = demo.check_rows(parse(text))
    return found


def test_columns_may_be_in_any_order_and_any_case():
    found = check("AGE,Email, Name\n36,ada@example.com,Ada\n")
    assert found.good == [Customer(name="Ada", email="ada@example.com", age=36)]


@pytest.mark.parametrize("header", ["naam,mail", "name", "name,email,email", "name,email,city"])
def test_a_wrong_header_says_what_the_right_one_is(header):
    with pytest.raises(WrongFile, match="must name the columns name and email"):
        parse(f"{header}\nAda,ada@example.com\n")


@pytest.mark.parametrize("text", [" ", "\n\n", "\ufeff"])
def test_a_file_with_nothing_in_it_is_refused(text):
    with pytest.raises(WrongFile, match="empty"):
        parse(text)


def test_a_quotation_mark_that_is_not_closed_is_found_by_its_line():
    with pytest.raises(WrongFile, match="begins on line 3 is not CSV"):
        parse('name,email\nAda,ada@example.com\n"Grace,grace@example.com\n')


def test_a_file_of_a_spreadsheet_with_semicolons_and_a_mark_is_read():
    found = check("\ufeffname;email\r\nAda;ada@example.com\r\n")
    assert [customer.name for customer in found.good] == ["Ada"]


def test_a_line_number_is_where_the_row_begins():
    found = check('name,email\n"Ada\nLovelace",ada@example.com\n\nGrace,nothing\n')
    assert [row.line for row in found.bad] == [5]


def test_too_many_rows_are_refused_with_the_limit():
    rows = "".join(f"N,n{n}@example.com\n" for n in range(demo.MOST_ROWS + 1))
    with pytest.raises(WrongFile, match="at most 2,000"):
        parse(f"name,email\n{rows}")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("Ada,nothing,36", "email: is not an e-mail address"),
        (",ada@example.com,36", "name:"),
        ("Ada,ada@example.com,151", "age: Input should be less than or equal to 150"),
        ("Ada,ada@example.com,-1", "age:"),
        ("Ada,ada@example.com,old", "age:"),
        ("Ada", "email: Field required"),
        ("Ada,ada@example.com,36,more", "has 4 values for 3 columns"),
    ],
)
def test_a_row_that_does_not_fit_says_why(row, reason):
    found = check(f"name,email,age\n{row}\n")
    assert found.good == []
    assert reason in str(found.bad[0])
    assert str(found.bad[0]).startswith("Line 2: ")


@pytest.mark.parametrize(("cell", "age"), [("", None), ("  ", None), ("0", 0), ("150", 150)])
def test_an_age_may_be_unknown_and_may_be_nought(cell, age):
    assert check(f"name,email,age\nAda,ada@example.com,{cell}\n").good[0].age == age


def test_an_address_that_occurs_twice_in_a_file_is_bad_the_second_time():
    found = check("name,email\nAda,ada@example.com\nA.,ADA@example.com\n")
    assert len(found.good) == 1
    assert "is already on line 2" in str(found.bad[0])


def test_nobody_is_asked_when_every_row_fits():
    found = check("name,email\nAda,ada@example.com\n")
    assert demo.ask_about_bad_rows(found, FakeContext()).customers == found.good


def test_the_question_shows_each_bad_row_with_its_line():
    found = check("name,email\nAda,nothing\nGrace,g@example.com\n")
    with pytest.raises(Suspended) as asked:
        demo.ask_about_bad_rows(found, FakeContext())
    assert asked.value.payload.question.startswith("1 of 2 rows does not fit.")
    assert asked.value.payload.bad_rows == (
        "Line 2: email: is not an e-mail address\n    Ada, nothing"
    )


def test_many_bad_rows_are_counted_where_they_are_not_shown():
    found = check("name,email\n" + "Ada,nothing\n" * 60)
    assert demo.question_about(found).bad_rows.endswith("… and 10 more")


def test_stopping_ends_the_run_and_says_so():
    found = check("name,email\nAda,nothing\n")
    ctx = FakeContext(Answer(action=Action.STOP), {"list_name": "guests"})
    with pytest.raises(Bailed) as ended:
        demo.ask_about_bad_rows(found, ctx)
    assert ended.value.result.is_stopped


def test_bad_rows_that_were_not_fixed_count_as_skipped():
    found = check("name,email\nAda,nothing\nGrace,nothing\n")
    fixed = Customer(name="Ada", email="ada@example.com")
    ready = demo.ask_about_bad_rows(found, FakeContext(Answer(action=Action.FIX, rows=[fixed])))
    assert (ready.customers, ready.fixed, ready.skipped) == ([fixed], 1, 1)


@pytest.mark.parametrize("answer", [
    {"action": "fix"},
    {"action": "skip", "rows": [{"name": "Ada", "email": "ada@example.com"}]},
    {"action": "fix", "rows": [{"name": "Ada", "email": "nothing"}]},
])  # fmt: skip
def test_an_answer_that_contradicts_itself_is_refused(answer):
    with pytest.raises(ValidationError):
        Answer.model_validate(answer)
