"""Expense approval: small expenses are paid at once, a manager decides about the others."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from workflows_app import StepContext, Workflow, from_step, step
from workflows_app.demo import models


class Category(StrEnum):
    """What money is spent on; each category has its own limit."""

    TRAVEL = "travel"
    MEALS = "meals"
    EQUIPMENT = "equipment"
    OTHER = "other"


class Decision(StrEnum):
    """What a manager may say."""

    APPROVE = "approve"
    REJECT = "reject"


#: Up to and including this, the company pays without asking anyone.
LIMITS: Final = {
    Category.TRAVEL: Decimal(500),
    Category.MEALS: Decimal(75),
    Category.EQUIPMENT: Decimal(250),
    Category.OTHER: Decimal(50),
}


class Expense(BaseModel):
    """What somebody paid for the company and wants back."""

    model_config = ConfigDict(str_strip_whitespace=True)

    who: str = Field(
        title="Who paid", description="The name of the person to pay back",
        min_length=1, max_length=80,
    )  # fmt: skip
    what: str = Field(
        title="What for", description="In a few words, such as “Train to Utrecht”",
        min_length=1, max_length=120,
    )  # fmt: skip
    amount: Decimal = Field(
        title="Amount", description="With at most two decimals", gt=0, le=100_000, decimal_places=2
    )
    category: Category = Field(title="Category", description="It decides the limit")
    spent_on: date = Field(title="Spent on", description="The date on the receipt")
    receipt_number: str | None = Field(
        None, title="Receipt number", description="If there is a receipt", max_length=40
    )
    note: str | None = Field(
        None, title="Note", description="What the manager should know", max_length=2000
    )


class Checked(BaseModel):
    """An expense with the limit of its category."""

    expense: Expense
    limit: Decimal
    is_over_limit: bool


class Question(BaseModel):
    """What a manager sees before answering."""

    question: str
    who: str
    category: Category
    spent_on: date
    receipt_number: str | None
    note: str | None


class Answer(BaseModel):
    """What a manager decides."""

    decision: Decision = Field(Decision.APPROVE, title="Decision")
    comment: str = Field(
        "", title="Comment", description="The person who paid reads it", max_length=1000
    )


class Approval(BaseModel):
    """An expense that may be paid, and who approved it."""

    expense: Expense
    approved_by: str
    comment: str = ""


class Receipt(BaseModel):
    """The result when the company pays."""

    number: int
    who: str
    what: str
    amount: Decimal
    approved_by: str
    comment: str


class Rejection(BaseModel):
    """The result when the company does not pay."""

    rejected: bool = True
    who: str
    what: str
    amount: Decimal
    comment: str


@step
def check_limit(expense: Expense) -> Checked:
    """Compare the amount with the company's limit for its category."""
    limit = LIMITS[expense.category]
    return Checked(expense=expense, limit=limit, is_over_limit=expense.amount > limit)


@step
def approve_by_policy(checked: Checked) -> Approval:
    """Approve without asking anyone, because the amount is within the limit."""
    comment = f"Within the limit of {checked.limit} for {checked.expense.category}."
    return Approval(expense=checked.expense, approved_by="policy", comment=comment)


@step(resume=Answer, suspend=Question)
def ask_manager(checked: Checked, ctx: StepContext) -> Approval:
    """Ask a manager, because the amount is over the limit; a rejection ends the run."""
    if ctx.resume_data is None:
        ctx.suspend(question_about(checked), resume_label="manager")
    answer: Answer = ctx.resume_data
    expense = checked.expense
    if answer.decision is Decision.REJECT:
        ctx.bail(
            Rejection(
                who=expense.who, what=expense.what, amount=expense.amount, comment=answer.comment
            )
        )
    return Approval(expense=expense, approved_by="manager", comment=answer.comment)


def question_about(checked: Checked) -> Question:
    """Return what a manager needs to know in order to decide."""
    expense = checked.expense
    return Question(
        question=(
            f"{expense.what}: {expense.amount} is over the limit of {checked.limit} for "
            f"{expense.category}. Should the company pay it?"
        ),
        **expense.model_dump(include={"who", "category", "spent_on", "receipt_number", "note"}),
    )


@step(atomic=True)
def pay(approval: Approval, ctx: StepContext) -> Receipt:
    """Write the expense and return a receipt; a second call for the same run writes nothing."""
    expense = approval.expense
    row, _ = models.Expense.objects.get_or_create(
        run_id=ctx.run_id,
        defaults={
            **expense.model_dump(exclude={"receipt_number", "note", "category"}),
            "category": expense.category.value,
            "receipt_number": expense.receipt_number or "",
            "note": expense.note or "",
            "approved_by": approval.approved_by,
            "comment": approval.comment,
        },
    )
    return Receipt(
        number=row.pk,
        who=expense.who,
        what=expense.what,
        amount=expense.amount,
        approved_by=approval.approved_by,
        comment=approval.comment,
    )


def is_over_limit(checked: dict[str, Any]) -> bool:
    """Say whether somebody has to be asked."""
    return bool(checked["is_over_limit"])


def is_within_limit(checked: dict[str, Any]) -> bool:
    """Say whether the policy is enough."""
    return not checked["is_over_limit"]


expense_approval = (
    Workflow(
        "expense-approval",
        input=Expense,
        output=Receipt | Rejection,
        title="Expense approval",
        description=(
            "Pays back what somebody spent for the company. Within the limit of its category an "
            "expense is approved by itself; over it a manager is asked."
        ),
    )
    .then(check_limit)
    .branch([(is_within_limit, approve_by_policy), (is_over_limit, ask_manager)], id="limit")
    .map(
        {name: from_step([approve_by_policy, ask_manager], name) for name in Approval.model_fields},
        id="approval",
    )
    .then(pay)
    .commit()
)
