"""Workflows for the browser: a schedule, questions, failures, and every kind of field."""

import datetime as dt
import time
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, NaiveDatetime, SecretStr

from workflows_app import Schedule, StepContext, Workflow, step


@step
def collect(value: Any) -> Any:
    """Return the input."""
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


class Letter(BaseModel):
    """What some person wrote."""

    text: str = Field(title="Text", json_schema_extra={"format": "textarea"})
    sender: str = Field("Ana", title="Sender")


@step(resume=Verdict)
def read(letter: Letter, ctx: StepContext) -> Letter:
    """Ask with the words of the letter."""
    if ctx.resume_data is None:
        ctx.suspend({"question": letter.text, "sender": letter.sender})
    return letter


reading = Workflow("reading", title="Reading", input=Letter).then(read).commit()


class Typed(BaseModel):
    """Every kind of field that a form has beside the plain ones."""

    title: str
    secret: SecretStr | None = None
    rates: dict[str, int] = {}
    reference: int | str | None = None
    wait: timedelta | None = None


typed = Workflow("typed", input=Typed, title="Typed").then(collect).commit()


class Inner(BaseModel):
    """Something inside something else."""

    a: str = "foo"


class Fragile(BaseModel):
    """What forms and browsers change most easily."""

    separator: Literal[",", ";", "\t", " ", ""] = ","
    likeness: Literal[1, "1", True, "true"] = 1
    text: str = "a\nb"
    names: list[str] = ["id", "", "name"]
    nested: list[list[int]] = [[1], [], [2]]
    inner: Inner | None = Inner(a="baz")
    plain: NaiveDatetime | None = None
    due: datetime | None = None
    hour: dt.time | None = None
    keys: dict[str, str] = {}
    either: int | str = 1
    maybe: str | None = None
    yes: bool = True
    many: set[Literal["a", " ", "b\n"]] = set()
    wait: timedelta = timedelta(minutes=5)
    anything: Any = None
    more: dict[str, Any] = {}
    items: list[str] = []


fragile = Workflow("fragile", title="Fragile", input=Fragile).then(collect).commit()


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
    """Write to the recipient."""
    return f"{parcel.name}, {parcel.pieces} pieces"


parcel = (
    Workflow("parcel", title="Parcel", input=Parcel).then(weigh).then(deliver).then(thank).commit()
)


@step(retries=0)
def sort_letter(letter: int) -> int:
    """Sort one letter; every tenth has no address."""
    if letter % 10 == 9:
        raise LookupError(f"Letter {letter} has no address")
    return letter


@step(retries=2)
def stamp(value: Any, ctx: StepContext) -> Any:
    """Stamp it; the ink is dry the first time."""
    if ctx.retry_count == 0:
        raise ConnectionError("The ink is dry")
    return value


@step
def fill_bag(value: Any) -> Any:
    """Put one more into the bag."""
    return {"bag": (value.get("bag", 0) if isinstance(value, dict) else 0) + 1}


round_trip = (
    Workflow("round-trip", title="Round trip")
    .then(stamp)
    .then(
        Workflow("carry", title="Carry")
        .parallel([step(collect, id="by_road"), step(collect, id="by_rail")])
        .then(step(lambda both: both["by_road"], id="meet"))
        .commit()
    )
    .branch(
        [
            (lambda value, ctx: value["letters"] > 3, step(collect, id="large_office")),
            (lambda value, ctx: value["letters"] <= 3, step(collect, id="small_office")),
        ]
    )
    .map(lambda found: list(range(12)))
    .foreach(step(lambda letter: letter, id="sorted"), concurrency=4, id="letters")
    .do_until(fill_bag, lambda value, ctx: value["bag"] >= 3, id="bags")
    .then(judge)
    .commit()
)


@step
def tick(left: int) -> int:
    """Let a moment pass."""
    time.sleep(0.3)
    return left - 1


TICKING = Workflow("ticking", title="Ticking").do_until(tick, lambda left: left <= 0).commit()


def _is_number(number: int) -> Any:
    return lambda value, ctx: value["way"] == number


fan = (
    Workflow("fan", title="Fan")
    .branch([(_is_number(n), step(collect, id=f"way_{n}")) for n in range(8)])
    .commit()
)


def _nest(number: int) -> Any:
    """Return a small workflow that is one way of a branch."""
    left, right = (step(lambda value: value, id=f"{side}_{number}") for side in ("left", "right"))
    inner = Workflow(f"nest-{number}").parallel([left, right])
    return inner.map(lambda both: next(iter(both.values()))).commit()


fan_twice = (
    Workflow("fan-twice", title="Fan twice")
    .then(step(lambda value: value, id="gather"))
    .branch([(_is_number(n), _nest(n)) for n in range(9)])
    .map(lambda found: next(iter(found.values())))
    .branch([(_is_number(n), step(lambda value: value, id=f"again_{n}")) for n in range(9)])
    .commit()
)


class Told(BaseModel):
    """A number, or its name."""

    number: int | str = 1


@step(resume=bool)
def judge_list(value: Any, ctx: StepContext) -> Any:
    """Ask about a list."""
    if ctx.resume_data is None:
        ctx.suspend({"question": "Is the list right?", "list": [1, 2]})
    return value


told = Workflow("told", title="Told", input=Told).then(judge_list).commit()


class Card(BaseModel):
    """Pay by card."""

    number: str = Field(title="Number", min_length=1)


class Transfer(BaseModel):
    """Pay by bank."""

    iban: str = Field(title="IBAN", min_length=1)


class Payment(BaseModel):
    """Something paid in one of two ways."""

    how: Card | Transfer = Field(title="How")
    note: str = Field("", title="Note")


@step(resume=Payment)
def settle(value: Any, ctx: StepContext) -> Any:
    """Ask how it is paid."""
    if ctx.resume_data is None:
        ctx.suspend({"question": "How is it paid?"})
    return ctx.resume_data.model_dump()


payments = Workflow("payments", title="Payments", input=Payment).then(settle).commit()


@step(resume=Verdict)
def judge_one(number: int, ctx: StepContext) -> int:
    """Ask about one of many."""
    if ctx.resume_data is None:
        ctx.suspend({"question": f"Is number {number} right?"})
    return number


class Numbers(BaseModel):
    """How many questions are asked."""

    number: int = Field(title="How many", ge=1, le=100)


questions = (
    Workflow("questions", title="Questions", input=Numbers)
    .map(lambda given: list(range(given["number"])))
    .foreach(judge_one, concurrency=100)
    .commit()
)


class Load(BaseModel):
    """What is put on a scale."""

    weight: int = Field(title="Weight")
    note: str = Field("", title="Note")


class Reading(BaseModel):
    """What a scale shows."""

    grams: int = Field(title="Grams")


@step(id="weigh", on_exhausted="ask")
def weigh_load(load: Load) -> Reading:
    """Weigh a load; one of 13 breaks the scale."""
    if load.weight == 13:
        raise RuntimeError("The scale broke.")
    return Reading(grams=load.weight)


scales = Workflow("scales", title="Scales", input=Load).then(weigh_load).commit()
