"""Workflows that are tested with the kit."""

from pydantic import BaseModel

from workflows_app import Schedule, StepContext, Workflow, step


class Order(BaseModel):
    id: str
    amount: int


class Decision(BaseModel):
    ok: bool


@step
def charge(order: Order) -> str:
    raise RuntimeError("no test may call the bank")


@step(resume=Decision)
def approve(paid: str, ctx: StepContext) -> str:
    answer = ctx.resume_data
    if answer is None:
        ctx.suspend({"paid": paid})
    return f"{paid} {'approved' if answer.ok else 'rejected'}"


@step
def ship(paid: str) -> str:
    return f"{paid} shipped"


orders = (
    Workflow("kit-orders", input=Order).then(charge).then(approve).sleep(3 * 24 * 3600).then(ship)
).commit()

RAN: list[str] = []


def _flaky(data: int, ctx: StepContext) -> int:
    RAN.append(ctx.path)
    if ctx.retry_count < 2:
        raise ValueError("not yet")
    return data


flaky = (
    Workflow("kit-flaky", input=int)
    .then(step(_flaky, id="flaky", retries=2, retry_delay=3600))
    .commit()
)


def _tick(data: int) -> int:
    return data


nightly = (
    Workflow("kit-nightly", input=int, schedule=Schedule("0 3 * * *", id="n", input_data=7))
    .then(step(_tick, id="tick"))
    .commit()
)
