"""The workflow of the README, for the examples of the page about HTTP; and one that takes long."""

import time
from typing import Any

from pydantic import BaseModel

from workflows_app import StepContext, Workflow, step


class Order(BaseModel):
    id: str
    total: int


class Decision(BaseModel):
    approved: bool


@step(resume=Decision, retries=3)
def approve(order: Order, ctx: StepContext) -> Order:
    """Ask a person when the order is large."""
    if order.total > 500 and ctx.resume_data is None:
        ctx.suspend({"reason": f"order {order.id} costs {order.total}"})
    if ctx.resume_data is not None and not ctx.resume_data.approved:
        ctx.bail({"rejected": order.id})
    return order


@step
def charge(order: Order) -> str:
    return f"charged {order.total} for {order.id}"


orders = Workflow("orders", input=Order).then(approve).then(charge).commit()


@step
def linger(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


lingering: Any = Workflow("lingering").then(linger).commit()
