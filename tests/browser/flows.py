"""Workflows for the browser: one with a schedule, one that asks, one with every kind of field."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, SecretStr

from workflows_app import Schedule, StepContext, Workflow, step


@step
def collect(value: Any) -> Any:
    """Hand on what it was given."""
    return value


nightly = (
    Workflow(
        "nightly-report",
        title="Nightly report",
        schedule=Schedule("0 3 * * *", timezone="Europe/Amsterdam", overlap="skip"),
    )
    .then(collect)
    .commit()
)


class Verdict(BaseModel):
    """What somebody says about a value."""

    approved: bool


@step(resume=Verdict)
def judge(value: Any, ctx: StepContext) -> Any:
    """Ask about a value."""
    if ctx.resume_data is None:
        ctx.suspend({"question": "Is it right?"})
    return value


values = Workflow("values", title="Values").then(collect).then(judge).commit()


class Typed(BaseModel):
    """Every kind of field that a form has beside the plain ones."""

    title: str
    secret: SecretStr | None = None
    rates: dict[str, int] = {}
    reference: int | str | None = None
    wait: timedelta | None = None


typed = Workflow("typed", input=Typed, title="Typed").then(collect).commit()
