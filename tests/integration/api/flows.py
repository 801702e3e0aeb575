"""Small workflows that the API's tests start."""

from typing import Any, Literal

from pydantic import BaseModel, SecretStr

from workflows_app import Schedule, StepContext, Workflow, step


class Order(BaseModel):
    id: str
    total: int


class Decision(BaseModel):
    approved: bool
    note: str = ""


@step(resume=Decision, retries=0)
def approve(order: Order, ctx: StepContext) -> Order:
    """Ask a person when the order is large."""
    if order.total > 500 and ctx.resume_data is None:
        ctx.suspend({"reason": f"order {order.id} costs {order.total}"}, resume_label="boss")
    if ctx.resume_data is not None and not ctx.resume_data.approved:
        ctx.bail({"rejected": order.id})
    return order


@step
def charge(order: Order) -> str:
    if order.id == "broken":
        raise ValueError("the bank said no")
    return f"charged {order.total} for {order.id}"


order = (
    Workflow("api-order", input=Order, title="Orders", description="Charges orders.")
    .then(approve)
    .then(charge)
    .commit()
)


@step(resume=Decision, permission="group:finance")
def finance(given: Order, ctx: StepContext) -> Order:
    if ctx.resume_data is None:
        ctx.suspend({"question": "Finance?"})
    return given


guarded = Workflow("api-guarded", input=Order, permission="group:starters").then(finance).commit()
asks_finance = Workflow("api-finance", input=Order).then(finance).commit()


@step
def anything(value: Any) -> Any:
    return value


plain = Workflow("api-plain").then(anything).commit()


@step
def double(item: int, ctx: StepContext) -> int:
    if item < 0 and ctx.resume_data is None:
        ctx.suspend({"item": item})
    return item * 2


items = (
    Workflow("api-items")
    .foreach(double, concurrency=5, id="each")
    .map(lambda value, ctx: sum(value))
    .do_until(step(lambda n: n + 1, id="poll"), lambda n: n > 10)
    .commit()
)


@step
def pause_here(value: Any) -> Any:
    return value


two = Workflow("api-two").then(anything).then(pause_here).commit()


class Login(BaseModel):
    user: str
    password: SecretStr


@step
def sign_in(login: Login) -> str:
    return login.user


secret = Workflow("api-secret", input=Login).then(sign_in).commit()

scheduled = (
    Workflow("api-scheduled", schedule=Schedule("0 3 * * *", input_data={"n": 1}))
    .then(anything)
    .commit()
)


class Shipping(BaseModel):
    how: Literal["air", "sea"] = "sea"
    days: int
    insured: bool = False


@step(resume=Shipping)
def ship(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"question": "How?"})
    return ctx.resume_data.how


shipping = Workflow("api-shipping").then(ship).commit()
