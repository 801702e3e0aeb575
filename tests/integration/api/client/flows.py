"""Workflows of every kind of entry, for the tests of the JavaScript client's wire."""

import time
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from workflows_app import Schedule, StepContext, Workflow, step


class Order(BaseModel):
    id: str
    total: int


class Decision(BaseModel):
    approved: bool


class Totals(BaseModel):
    count: int = 0


@step(resume=Decision, metadata={"team": "sales"})
def approve(order: Order, ctx: StepContext) -> Order:
    """Ask a person when the order is large."""
    if order.total > 500 and ctx.resume_data is None:
        ctx.suspend({"reason": f"costs {order.total}"}, resume_label="boss")
    if ctx.resume_data is not None and not ctx.resume_data.approved:
        ctx.bail({"rejected": order.id})
    return order


@step
def charge(order: Order) -> str:
    if order.id == "broken":
        raise ValueError("the bank said no")
    return f"charged {order.total} for {order.id}"


orders = (
    Workflow("js-orders", input=Order, output=str, description="Charges.", metadata={"n": 1})
    .then(approve)
    .then(charge)
    .commit()
)


@step
def add(n: int) -> int:
    return n + 1


@step
def ask(n: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend({"n": n})
    return n + int(ctx.resume_data)


inner = Workflow("js-inner", input=int).then(add).then(ask.clone(id="inner-ask")).commit()
nested = Workflow("js-nested", input=int).then(add).then(inner).commit()

two_questions = (
    Workflow("js-two-questions", input=int)
    .parallel([ask.clone(id="left-ask"), ask.clone(id="right-ask")])
    .commit()
)


@step
def odd(n: int) -> str:
    return f"{n} is odd"


@step
def even(n: int) -> str:
    return f"{n} is even"


@step
def is_more(n: int) -> int:
    return n + 1


def _of_both(both: Any) -> int:
    return int(both["left"] + both["right"])


every = (
    Workflow("js-every", input=int, state=Totals)
    .parallel([add.clone(id="left"), add.clone(id="right")])
    .map(_of_both, id="joined")
    .sleep(0.05)
    .do_until(is_more, lambda n: n >= 9)
    .branch([(lambda n: n % 2 == 1, odd), (lambda n: n % 2 == 0, even)])
    .map(lambda said: [1, 2, 3], id="listed")
    .foreach(add.clone(id="each"), concurrency=2)
    .sleep_until(datetime(2024, 1, 1, tzinfo=UTC))
    .commit()
)


@step
def double(n: int, ctx: StepContext) -> int:
    if n < 0 and ctx.resume_data is None:
        ctx.suspend({"item": n})
    return n * 2


asking_items = Workflow("js-items").foreach(double, id="each", concurrency=5).commit()


@step
def talk(value: Any, ctx: StepContext) -> Any:
    ctx.writer.write({"said_by": "talk"})
    ctx.writer.custom("data-progress", {"half_done": True})
    ctx.writer.custom("data-passing", {"n": 1}, transient=True)
    ctx.set_state({"seen_it": 1})
    return {"snake_case": value}


talking = Workflow("js-talking").then(talk).commit()


#: More than 64 bits.
LARGE: int = 2**70


@step
def count(value: Any) -> int:
    return LARGE


counting = Workflow("js-counting").then(count).commit()


@step
def linger(seconds: float, ctx: StepContext) -> float:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not ctx.abort_signal.aborted:
        time.sleep(0.02)
    return seconds


lingering: Any = Workflow("js-lingering", input=float).then(linger).commit()


@step
def anything(value: Any, ctx: StepContext) -> Any:
    return {"value": value, "tenant": ctx.request_context.get("tenant")}


two = (
    Workflow("js-two", schedule=Schedule("0 3 * * *", input_data={"n": 1}))
    .then(step(lambda value: value, id="first"))
    .then(anything)
    .commit()
)

guarded = Workflow("js-guarded", permission="group:starters").then(anything).commit()


for_finance = (
    Workflow("js-finance", input=int)
    .then(step(ask.fn, id="money", permission="group:finance"))
    .commit()
)
