"""Workflows that the terminal's tests start."""

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, Field, SecretStr

from workflows_app import StepContext, Workflow, step


class Kind(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Place(BaseModel):
    city: str
    zip_code: str = Field("", title="Zip")


class Answer(BaseModel):
    approved: bool = Field(title="May it be paid?")
    amount: int = Field(10, gt=0, title="How much")
    kind: Kind = Kind.GOOD
    until: date | None = None
    place: Place | None = None
    tags: list[str] = []
    code: SecretStr | None = None


@step
def first(amount: int) -> int:
    if amount < 0:
        raise ValueError(f"{amount} is less than nothing")
    return amount


@step(resume=Answer)
def ask(amount: int, ctx: StepContext) -> dict[str, object]:
    """Ask for all kinds of fields."""
    if ctx.resume_data is None:
        ctx.suspend({"question": f"May **{amount}** be paid?"}, resume_label="pay")
    answered: dict[str, object] = ctx.resume_data.model_dump(mode="json", exclude={"code"})
    return answered


@step
def leaves(amount: int, ctx: StepContext) -> int:
    if amount == 0:
        ctx.abort()
    return amount


plain = Workflow("terminal-plain", input=int, title="Plain").then(first).then(leaves).commit()
asks = Workflow("terminal-asks", input=int).then(first).then(ask).commit()
each = Workflow("terminal-each", input=list[int]).foreach(first, concurrency=2).commit()
guarded = Workflow("terminal-guarded", input=int, permission="group:finance").then(first).commit()


@step(on_exhausted="ask")
def weigh(place: Place) -> Place:
    """Look at a place; one cannot be looked at."""
    if place.city == "Atlantis":
        raise LookupError("no such place")
    return place


used_up = Workflow("terminal-used-up", input=Place).then(weigh).commit()
