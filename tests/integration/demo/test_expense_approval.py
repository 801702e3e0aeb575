"""The expense approval from its start to its end."""

from decimal import Decimal

import pytest

from workflows_app import errors
from workflows_app.demo import models
from workflows_app.demo.workflows import expense_approval

pytestmark = pytest.mark.django_db(transaction=True)

EXPENSE = {
    "who": "Sam",
    "what": "Train",
    "amount": "480.00",
    "category": "travel",
    "spent_on": "2026-03-01",
    "receipt_number": "B-118",
}


def test_an_expense_within_the_limit_is_paid_at_once():
    result = expense_approval.create_run().start(EXPENSE)

    assert result.status == "success", result.error
    row = models.Expense.objects.get()
    assert (row.amount, row.category, row.approved_by) == (Decimal(480), "travel", "policy")
    assert result.result["number"] == row.pk
    assert "ask_manager" not in result.steps


def test_an_expense_over_the_limit_waits_for_a_manager_and_is_then_paid():
    run = expense_approval.create_run()
    asked = run.start({**EXPENSE, "amount": "1280.50"})

    assert asked.status == "suspended"
    assert asked.suspended == [["ask_manager"]]
    assert not models.Expense.objects.exists()

    result = run.resume({"comment": "Fine"}, label="manager")

    assert result.status == "success", result.error
    row = models.Expense.objects.get()
    assert (row.amount, row.approved_by, row.comment) == (Decimal("1280.50"), "manager", "Fine")
    assert (row.receipt_number, row.note) == ("B-118", "")


def test_a_rejected_expense_ends_well_and_writes_nothing():
    run = expense_approval.create_run()
    run.start({**EXPENSE, "amount": "1280.50"})

    result = run.resume({"decision": "reject", "comment": "Take the bus"})

    assert result.status == "success"
    assert result.result == {
        "rejected": True,
        "who": "Sam",
        "what": "Train",
        "amount": "1280.50",
        "comment": "Take the bus",
    }
    assert not models.Expense.objects.exists()


def test_an_answer_that_is_neither_changes_nothing():
    run = expense_approval.create_run()
    run.start({**EXPENSE, "amount": "1280.50"})

    with pytest.raises(errors.InvalidResumeData):
        run.resume({"decision": "perhaps"})

    assert run.refresh().status == "suspended"


def test_an_expense_that_cannot_be_is_refused_at_the_door():
    with pytest.raises(errors.InvalidInput):
        expense_approval.create_run().start({**EXPENSE, "amount": "0.001"})
