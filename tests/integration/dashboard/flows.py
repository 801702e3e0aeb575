"""Small workflows that the pages' tests start."""

from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from workflows_app import StepContext, Workflow, step


class Line(BaseModel):
    what: str
    price: float = Field(gt=0)


class Expense(BaseModel):
    title: str
    amount: int = Field(gt=0, description="In euros")
    lines: list[Line] = []
    note: str = ""


class Decision(BaseModel):
    approved: bool
    note: str = Field("", max_length=50)


@step
def check(expense: Expense) -> Expense:
    """Look at it."""
    if expense.title == "break":
        raise ValueError("The <b>bank</b> said no.")
    return expense


@step(resume=Decision)
def manager(expense: Expense, ctx: StepContext) -> Expense:
    """Ask a manager."""
    if ctx.resume_data is None:
        ctx.suspend({"question": f"May {expense.title} be paid?", "amount": expense.amount})
    if not ctx.resume_data.approved:
        ctx.bail({"paid": False})
    return expense


@step
def small(expense: Expense) -> Expense:
    return expense


@step
def pay(value: Any) -> dict[str, Any]:
    return {"paid": True}


approval = (
    Workflow("pages-approval", input=Expense, title="Approval", description="Pays expenses.")
    .then(check)
    .branch(
        [
            (lambda expense, ctx: expense["amount"] > 100, manager),
            (lambda expense, ctx: expense["amount"] <= 100, small),
        ]
    )
    .then(pay)
    .commit()
)


@step(resume=Decision, permission="group:finance")
def finance(expense: Expense, ctx: StepContext) -> Expense:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Finance?"})
    return expense


guarded = (
    Workflow("pages-guarded", input=Expense, permission="group:starters").then(finance).commit()
)


@step
def anything(value: Any) -> Any:
    return value


class Appointment(BaseModel):
    due: AwareDatetime


timed = Workflow("pages-timed", input=Appointment, title="Timed").then(anything).commit()


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str


class Transfer(BaseModel):
    kind: Literal["transfer"] = "transfer"
    iban: str


class Payment(BaseModel):
    how: Card | Transfer


shaped = Workflow("pages-shaped", input=Payment, title="Shaped").then(anything).commit()

open_flow = Workflow("pages-open", title="Open").then(anything).commit()


class Tally(BaseModel):
    count: int = Field(ge=0)


class Context(BaseModel):
    tenant: str


typed_flow = (
    Workflow("pages-typed", title="Typed", state=Tally, request_context=Context)
    .then(anything)
    .commit()
)


def large(item: int, ctx: StepContext) -> int:
    """Ask about every third item."""
    if ctx.resume_data is None and item % 3 == 0:
        ctx.suspend({"reason": f"Item {item} is large"})
    return item


items = (
    Workflow("items", title="Items")
    .foreach(step(large, id="large"), concurrency=100, id="each")
    .do_until(step(lambda data: data, id="poll"), lambda data: True)
    .sleep(1, id="nap")
    .commit()
)


@step(resume=bool)
def agree(value: Any, ctx: StepContext) -> dict[str, Any]:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Agreed?"})
    return {"agreed": ctx.resume_data}


yes_or_no = Workflow("pages-yes-or-no").then(agree).commit()


@step(resume=Literal["ship", "hold"])
def decide(value: Any, ctx: StepContext) -> dict[str, Any]:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Ship it?"})
    return {"decided": ctx.resume_data}


one_of_a_few = Workflow("pages-one-of-a-few").then(decide).commit()


@step(resume=bool)
def read_aloud(text: str, ctx: StepContext) -> str:
    if ctx.resume_data is None:
        ctx.suspend({"question": text, "pages": 3})
    return text


reading = Workflow("pages-reading", title="Reading", input=str).then(read_aloud).commit()
