"""Workflows for the browser: a schedule, questions, failures, and every kind of field."""

from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel, Field, SecretStr

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


class Parcel(BaseModel):
    """Something to deliver."""

    name: str = Field(title="Name", min_length=1, max_length=40)
    pieces: int = Field(1, title="Pieces", ge=1, le=99)


#: The parcels that were brought before: the product's one process keeps them.
_SEEN: Final[set[str]] = set()


@step
def weigh(parcel: Parcel) -> Parcel:
    """Put it on the scales."""
    return parcel


@step(retries=0)
def deliver(parcel: Parcel) -> Parcel:
    """Bring it. Nobody opens the first time for a parcel called “broken…”."""
    if parcel.name.startswith("broken") and parcel.name not in _SEEN:
        _SEEN.add(parcel.name)
        raise ConnectionError(f"Nobody opened the door for {parcel.name}")
    return parcel


@step
def thank(parcel: Parcel) -> str:
    """Write to whom it came."""
    return f"{parcel.name}, {parcel.pieces} pieces"


parcel = (
    Workflow("parcel", title="Parcel", input=Parcel).then(weigh).then(deliver).then(thank).commit()
)
