"""The steps of the expense approval, called as plain functions."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from tests.unit.demo.contexts import Bailed, FakeContext, Suspended
from workflows_app.demo import expense_approval as demo
from workflows_app.demo.expense_approval import Answer, Category, Decision, Expense


def expense(**changes: object) -> Expense:
    given = {
        "who": "Sam",
        "what": "Train",
        "amount": "120.00",
        "category": "travel",
        "spent_on": "2026-03-01",
    }
    return Expense.model_validate({**given, **changes})


@pytest.mark.parametrize("amount", ["0", "-1", "100000.01", "1.005", "NaN", "Infinity", "much"])
def test_an_amount_that_no_receipt_can_show_is_refused(amount):
    with pytest.raises(ValidationError):
        expense(amount=amount)


def test_an_expense_keeps_its_cents_and_its_date():
    read = expense(amount="99999.99")
    assert read.amount == Decimal("99999.99")
    assert read.spent_on == date(2026, 3, 1)


def test_a_name_of_blanks_is_refused():
    with pytest.raises(ValidationError):
        expense(who="   ")


def test_every_category_has_a_limit():
    assert set(demo.LIMITS) == set(Category)


@pytest.mark.parametrize(("amount", "is_over"), [("500.00", False), ("500.01", True)])
def test_the_limit_itself_is_still_within_the_limit(amount, is_over):
    checked = demo.check_limit(expense(amount=amount))
    assert checked.is_over_limit is is_over
    as_json = checked.model_dump(mode="json")
    assert demo.is_over_limit(as_json) is is_over
    assert demo.is_within_limit(as_json) is not is_over


def test_the_policy_says_which_limit_applied():
    approval = demo.approve_by_policy(demo.check_limit(expense()))
    assert approval.approved_by == "policy"
    assert "500" in approval.comment


def test_a_manager_is_asked_with_what_there_is_to_know():
    checked = demo.check_limit(expense(amount="900", note="No cheaper train"))
    with pytest.raises(Suspended) as asked:
        demo.ask_manager(checked, FakeContext())
    assert "900 is over the limit of 500" in asked.value.payload.question
    assert asked.value.payload.note == "No cheaper train"


def test_an_answer_approves_unless_it_says_otherwise():
    checked = demo.check_limit(expense(amount="900"))
    approval = demo.ask_manager(checked, FakeContext(Answer()))
    assert approval.approved_by == "manager"


def test_a_rejection_ends_the_run_with_the_reason():
    checked = demo.check_limit(expense(amount="900"))
    answer = Answer(decision=Decision.REJECT, comment="Take the bus")
    with pytest.raises(Bailed) as ended:
        demo.ask_manager(checked, FakeContext(answer))
    assert ended.value.result.rejected
    assert ended.value.result.comment == "Take the bus"
