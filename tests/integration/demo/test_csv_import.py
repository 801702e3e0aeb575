"""The CSV import from its start to its end."""

import pytest

from workflows_app import Run, WorkflowResult, errors
from workflows_app.demo.models import Customer
from workflows_app.demo.workflows import csv_import

pytestmark = pytest.mark.django_db(transaction=True)

CLEAN = "name,email,age\nAda,ada@example.com,36\nGrace,grace@example.com,\n"
MIXED = f"{CLEAN}Bob,nothing,34\nEve,eve@example.com,old\n"


def start(csv: str) -> tuple[Run, WorkflowResult]:
    run = csv_import.create_run()
    return run, run.start({"list_name": "guests", "csv": csv})


def addresses() -> list[str]:
    return list(Customer.objects.values_list("email", flat=True))


def test_a_clean_file_is_imported_without_asking():
    _, result = start(CLEAN)

    assert result.status == "success", result.error
    assert (result.result["created"], result.result["updated"]) == (2, 0)
    assert Customer.objects.get(email="ada@example.com").age == 36


def test_the_same_file_again_updates_and_adds_nothing():
    start(CLEAN)

    _, result = start(CLEAN.replace("36", "37"))

    assert (result.result["created"], result.result["updated"]) == (0, 2)
    assert Customer.objects.get(email="ada@example.com").age == 37
    assert len(addresses()) == 2


def test_bad_rows_are_shown_with_their_lines_and_skipped_when_told_to():
    run, asked = start(MIXED)

    assert asked.status == "suspended"
    shown = asked.suspend_payload["ask_about_bad_rows"]
    assert shown["question"].startswith("2 of 4 rows do not fit.")
    assert "Line 4: email: is not an e-mail address" in shown["bad_rows"]
    assert "Line 5: age: " in shown["bad_rows"]
    assert addresses() == []

    result = run.resume({"action": "skip"})

    assert result.status == "success", result.error
    assert (result.result["created"], result.result["skipped"]) == (2, 2)
    assert addresses() == ["ada@example.com", "grace@example.com"]


def test_fixed_rows_are_written_with_the_others():
    run, _ = start(MIXED)
    fixed = [{"name": "Bob", "email": "bob@example.com", "age": 34}]

    result = run.resume({"action": "fix", "rows": fixed}, label="bad-rows")

    assert result.status == "success", result.error
    counts = {key: result.result[key] for key in ("created", "fixed", "skipped")}
    assert counts == {"created": 3, "fixed": 1, "skipped": 1}
    assert "bob@example.com" in addresses()


def test_a_fixed_row_with_an_address_of_the_file_replaces_that_row():
    run, _ = start(MIXED)

    result = run.resume({"action": "fix", "rows": [{"name": "A.", "email": "Ada@example.com"}]})

    assert result.status == "success", result.error
    assert Customer.objects.get(email="ada@example.com").name == "A."


def test_a_stopped_import_ends_well_and_writes_nothing():
    run, _ = start(MIXED)

    result = run.resume({"action": "stop"})

    assert result.status == "success"
    assert result.result["is_stopped"] is True
    assert addresses() == []


def test_a_fix_that_is_itself_bad_is_refused_and_may_be_sent_again():
    run, _ = start(MIXED)

    with pytest.raises(errors.InvalidResumeData):
        run.resume({"action": "fix", "rows": [{"name": "Bob", "email": "nothing"}]})

    assert run.resume({"action": "skip"}).status == "success"


def test_a_wrong_header_fails_the_run_with_a_sentence_that_helps():
    _, result = start("naam,mail\nAda,ada@example.com\n")

    assert result.status == "failed"
    assert result.error is not None
    assert result.error.type == "WrongFile"
    assert "must name the columns name and email" in result.error.message
