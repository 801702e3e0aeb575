"""Workflows as a typed project writes them, with mistakes that type checkers must find.

A line that ends in `# mistake` is wrong, and no other line is. The file is checked, never imported.
"""

from typing import Any, assert_type

from pydantic import BaseModel

from workflows_app import (
    Deadline,
    Run,
    Schedule,
    Step,
    StepContext,
    Workflow,
    WorkflowResult,
    from_init,
    from_step,
    get_workflow,
    step,
)
from workflows_app.testing import FakeContext


class Order(BaseModel):
    id: str
    total: int


class Receipt(BaseModel):
    text: str


class Decision(BaseModel):
    approved: bool


@step(resume=Decision, retries=3, timeout=2.5)
def approve(order: Order, ctx: StepContext) -> Order:
    """Ask a person when the order is large."""
    if ctx.resume_data is None:
        ctx.suspend({"reason": f"order {order.id} costs {order.total}"}, resume_label=order.id)
    if not ctx.resume_data.approved:
        ctx.bail({"rejected": order.id})
    ctx.set_state({"approved": True})
    return order


@step
def charge(order: Order) -> Receipt:
    return Receipt(text=f"charged {order.total} for {order.id}")


@step
async def look_up(order: Order) -> int:
    return order.total


@step(id="sweep-up", queue="slow")
def sweep() -> str:
    return "swept"


@step
def loose(values: dict[str, Any]) -> dict[str, Any]:
    return values


def plain(number: int, ctx: StepContext) -> str:
    return f"{number} {ctx.path}"


written = step(plain, id="written", retries=2)
again = approve.clone(id="approve-again")
order = Order(id="o1", total=700)

# Steps keep their types: in annotations, and when they are called.
assert_type(approve(order, FakeContext(resume_data=Decision(approved=True))), Order)
assert_type(again(order, FakeContext()), Order)
assert_type(charge(order), Receipt)
assert_type(sweep(), str)
assert_type(written(1, FakeContext()), str)
assert_type(loose({}), dict[str, Any])
from_order: Step[Order, Receipt] = charge
any_step: Step = charge
charge("o1")  # mistake
charge(order, order)  # mistake
str(charge(order).total)  # mistake
text: str = charge(order)  # mistake
to_order: Step[Order, Order] = charge  # mistake
from_text: Step[str, Receipt] = charge  # mistake
sweep(order)  # mistake
written("1", FakeContext())  # mistake
approve(order, "context")  # mistake
approve.clone(name="b")  # mistake


@step(retrys=3)  # mistake
def misspelt(order: Order) -> Order:
    return order


@step(retries="3")  # mistake
def numbered(order: Order) -> Order:
    return order


@step(on_exhausted="ask", retries=1)
def asked(order: Order) -> Order:
    return order


@step(on_exhausted="again")  # mistake
def wrongly_asked(order: Order) -> Order:
    return order


# Workflows keep the types that they were given.
nested = Workflow("nested", input=Order, output=Receipt).then(charge).commit()
assert_type(nested, Workflow[Order, Receipt])
orders: Workflow[Order, Receipt] = (
    Workflow(
        "orders",
        input=Order,
        output=Receipt,
        schedule=Schedule("0 3 * * *", input_data=order),
        retry_attempts=2,
        on_exhausted="ask",
    )
    .then(approve)
    .parallel([charge, look_up, nested])
    .map({"id": from_init("id"), "total": from_step(look_up)})
    .branch([(lambda data, ctx: data["total"] > 5, approve)])
    .map(lambda data, ctx: list(data.values()))
    .foreach(charge, concurrency=4)
    .map(lambda receipts: {"text": receipts[0]["text"]})
    .do_while(loose, lambda data: False)
    .sleep(1.5)
    .commit()
)
assert_type(Workflow("untyped").then(plain).commit(), Workflow[Any, Any])
assert_type(Workflow("optional", input=Order | None).then(sweep), Workflow[Any, Any])
assert_type(Workflow("numbers", input=list[int]).then(sweep), Workflow[list[int], Any])
other: Workflow[Receipt, Receipt] = nested  # mistake
Workflow("orders-2", inputs=Order)  # mistake
Workflow(5)  # mistake
nested.then("charge")  # mistake
nested.foreach(charge, concurrency="4")  # mistake

# Runs take the input of their workflow.
run = orders.create_run(run_id="o1", resource_id="shop")
assert_type(run, Run[Order, Receipt])
result = run.start(order, request_context={"tenant": "a"}, timeout=5.0)
assert_type(result, WorkflowResult)
assert_type(result.steps["approve"].retry_count, int)
run.start({"id": "o1", "total": 700})  # its JSON form, which is validated
if result.status == "suspended":
    result = run.resume({"approved": True}, step=result.suspended[0])
run.start(5)  # mistake
run.start(Receipt(text=""))  # mistake
run.start(order, per_stop=True)  # mistake
run.start(order, deadline=Deadline(60, then="warn"), start_within=5)
run.start(order, deadline=60)  # mistake
Deadline(60, then="explode")  # mistake
run.start(order, timeout="5")  # mistake
run.resume({"approved": True}, lable="desk")  # mistake
run.rerun("o2")  # mistake
run.stream([order])  # mistake
str(result.outcome)  # mistake
get_workflow("orders").create_run().start(5)
numbers = Workflow("numbers-2", input=list[int]).then(sweep).commit()
numbers.create_run().start([1, 2])
numbers.create_run().start(["1"])  # mistake


async def asynchronously() -> None:
    """The async twins have the same types."""
    made = await orders.acreate_run()
    assert_type(made, Run[Order, Receipt])
    assert_type(await look_up(order), int)
    assert_type(await made.astart(order, per_step=True), WorkflowResult)
    assert_type(await made.arerun(), Run[Order, Receipt])
    async for event in made.astream(order):
        assert_type(event.seq, int | None)
    await made.astart(5)  # mistake
    await made.astart(order, per_stop=True)  # mistake
    str(made.astart(order).status)  # mistake
    await charge(order)  # mistake
