"""A workflow whose names and values are 200 characters long without a blank."""

from enum import Enum
from typing import Any

from pydantic import BaseModel, Field, create_model

from workflows_app import Schedule, StepContext, Workflow, step


def long(word: str, length: int = 200) -> str:
    """Return a name of this length that begins with a word."""
    return (word * length)[:length]


Choice = Enum("Choice", {"one": long("choice"), "other": long("other")})
Wide: Any = create_model(
    "Wide",
    text=(str, Field(title=long("Field"), description=long("hint"), default=long("value"))),
    choice=(Choice, Field(title=long("Choice"), default=Choice.one)),
    more=(dict[str, str], Field(title=long("Map"), default={long("key"): long("value")})),
    fails=(bool, Field(title=long("Switch"), default=False)),
    asks=(bool, False),
)


class Answer(BaseModel):
    """What somebody says."""

    approved: bool = Field(title=long("Approved"))
    note: str = Field("", title=long("Note"), description=long("explained"))


Failure = type(long("Failure"), (Exception,), {})
QUEUE = long("queue", 100)


@step(id=long("ask"), resume=Answer, description=long("described"))
def ask(value: Any, ctx: StepContext) -> Any:
    """Ask, where it is wanted."""
    if value["asks"] and ctx.resume_data is None:
        text = long("question")
        ctx.suspend(
            {"question": f"# {text}\n\n{text}\n\n| {text} |\n|---|\n| `{text}` |", text: text},
            resume_label=long("label"),
        )
    return value


@step(id=long("end"), retries=0)
def end(value: Any, ctx: StepContext) -> Any:
    """Write, and fail where it is wanted."""
    ctx.writer.write(long("written"))
    ctx.set_state({long("state"): long("value")})
    if value["fails"]:
        raise Failure(long("message"))
    return {long("result"): [long("value")]}


@step(id=long("item"))
def item(value: Any) -> Any:
    """Return one item."""
    return value


@step(id=long("again"), retries=3, retry_delay=36_000)
def again(value: Any) -> Any:
    """Fail, and wait for long."""
    raise Failure(long("message"))


def hand_on(word: str) -> Any:
    """Return a step of this name that returns its input."""
    return step(lambda value: value, id=long(word))


inner = (
    Workflow(long("inner"), title=long("Inner"))
    .parallel([hand_on("left"), hand_on("right")], id=long("both"))
    .map(lambda both: both[long("left")], id=long("map"))
    .commit()
)
wide = (
    Workflow(
        long("wide"),
        title=long("Wide"),
        description=long("described"),
        input=Wide,
        schedule=Schedule("0 3 * * *", timezone="Europe/Amsterdam"),
    )
    .then(inner)
    .map(lambda value: [long("one"), long("two")], id=long("list"))
    .foreach(item, concurrency=2, id=long("each"))
    .map(lambda value, ctx: ctx.get_init_data(), id=long("back"))
    .branch(
        [
            (lambda value, ctx: value["text"] != "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", ask),
            (lambda value, ctx: value["text"] == "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii", item),
        ],
        id=long("branch"),
    )
    .map(lambda found: found[long("ask")], id=long("chosen"))
    .then(end)
    .commit()
)
queued = (
    Workflow(long("queued"), title=long("Queued"))
    .then(step(lambda value: value, id=long("nowhere"), queue=QUEUE))
    .commit()
)
trying = Workflow(long("trying"), title=long("Trying")).then(again).commit()
