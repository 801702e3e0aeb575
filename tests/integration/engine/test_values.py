"""Values on their way through a run: kept, refused with a sentence, or hidden."""

import enum
import json
import logging
import re
import threading
import time
import uuid
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, Secret, SecretStr
from typing_extensions import TypedDict

from workflows_app import StepContext, Workflow, errors, from_init, step, template
from workflows_app.models import Action, Run, RunEvent, StepSnapshot

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]

HALF = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
KEPT = "caf\\udce9.txt"


# Halves of character pairs, and NUL.


class Named(BaseModel):
    """A name."""

    name: str


def everywhere(ctx: StepContext) -> None:
    """Pass an odd text in every possible way."""
    ctx.set_state({HALF: {"a": HALF, "nul": "a\0b"}})
    ctx.request_context[HALF] = [HALF, "a\0b"]
    ctx.writer.write({HALF: HALF, "nul": "\0"})
    ctx.writer.custom(f"data-{HALF}", HALF)
    ctx.writer.custom("data-live", {HALF: 10**30}, transient=True)


def asks_oddly(data: Any, ctx: StepContext) -> Any:
    """Ask about the file."""
    if ctx.resume_data is None:
        everywhere(ctx)
        ctx.suspend({"question": f"Delete {HALF}?", "nul\0": "\0"}, resume_label=HALF)
    return {"data": data, "answer": ctx.resume_data, "asked": ctx.suspend_data, HALF: HALF}


def fails_oddly(data: Any) -> Any:
    """Fail with words that no encoding takes."""
    error = ValueError(HALF)
    error.__dict__[HALF] = HALF
    raise error


@pytest.mark.parametrize("typed", [False, True])
def test_text_that_no_encoding_takes_is_kept_as_its_escape_with_and_without_types(typed):
    kinds: dict[str, Any] = {"input": dict[str, Any], "output": dict[str, Any]} if typed else {}
    asking = step(asks_oddly, id="asks", suspend=dict[str, Any] if typed else Any, **kinds)
    flow = Workflow("odd", title=f"Odd {HALF}", description=HALF, metadata={HALF: HALF})
    failing = step(fails_oddly, id="fails", **kinds)
    flow = flow.then(asking).then(step(lambda d: d, id="same", **kinds)).then(failing).commit()
    run = flow.create_run(resource_id="öffentlich")

    result = run.start(
        {"file": HALF, HALF: "\0"}, initial_state={HALF: HALF}, request_context={"f": HALF}
    )

    assert result.suspend_payload == {"asks": {"question": f"Delete {KEPT}?", "nul\0": "\0"}}
    result = run.resume({"really": HALF}, label=KEPT, output_options={"include_state": True})
    assert result.status == "failed"
    assert result.steps["same"].output == {
        "data": {"file": KEPT, KEPT: "\0"},
        "answer": {"really": KEPT},
        "asked": {"question": f"Delete {KEPT}?", "nul\0": "\0"},
        KEPT: KEPT,
    }
    assert result.state == {KEPT: {"a": KEPT, "nul": "a\0b"}}
    assert result.error.message == KEPT
    assert result.error.details == {KEPT: KEPT}
    assert result.model_dump_json()
    assert [event.model_dump_json() for event in run.events()]
    assert {"data-" + KEPT} <= {event.type for event in run.events()}
    assert Run.objects.get(run_id=run.run_id).request_context[KEPT] == [KEPT, "a\0b"]
    for row in RunEvent.objects.filter(run__run_id=run.run_id):
        assert json.dumps(row.events, ensure_ascii=False).encode()


@pytest.mark.parametrize("resource", ["a\0b", HALF])
def test_a_resource_id_that_no_database_takes_is_refused(resource):
    flow = Workflow("resource").then(step(lambda: 1, id="one")).commit()
    for verb in (flow.create_run, flow.list_runs):
        with pytest.raises(errors.InvalidInput, match="resource_id"):
            verb(resource_id=resource)
    assert not Run.objects.exists()


@pytest.mark.parametrize("run_id", ["a\0b", HALF, "x" * 300])
def test_a_run_id_that_cannot_be_is_not_found(run_id):
    flow = Workflow("unfound").then(step(lambda: 1, id="one")).commit()
    with pytest.raises(errors.RunNotFound):
        flow.get_run(run_id)


# The input of a step.


class Point(BaseModel):
    """Has a default."""

    x: int
    y: int = 2


class Ticket(BaseModel):
    """A new token each time that it is made."""

    token: uuid.UUID = Field(default_factory=uuid.uuid4)
    name: str = ""


seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen():
    """Begin with an empty list."""
    seen.clear()


def noted(value: Any) -> Any:
    """Note what a step got."""
    seen.append(value)
    return value


@step(id="point")
def at_point(point: Point) -> int:
    """Take a point."""
    noted(point)
    return point.x


@pytest.mark.parametrize(
    "build",
    [
        lambda w: w.then(at_point),
        lambda w: w.then(step(lambda d: d, id="before")).then(at_point),
        lambda w: w.sleep(0.01).then(at_point),
        lambda w: w.map(lambda d: d).then(at_point),
        lambda w: w.parallel([at_point]),
        lambda w: w.branch([(lambda _: True, at_point)]),
    ],
    ids=["first", "after", "slept", "mapped", "parallel", "branch"],
)
def test_the_payload_of_a_step_is_its_input_as_its_type_has_it(build):
    flow = build(Workflow("points")).commit()
    run = flow.create_run()
    result = run.start({"x": "1", "more": [1]})
    assert result.status == "success"
    assert result.steps["point"].payload == {"x": 1, "y": 2}
    begun = [e for e in run.events() if e.type == "workflow-step-start"]
    assert [e.payload["payload"] for e in begun if e.payload["id"] == "point"] == [{"x": 1, "y": 2}]
    assert run.step_payload("point") == {"x": 1, "y": 2}


def test_the_items_of_a_list_and_the_iterations_of_a_loop_are_validated_once():
    flow = Workflow("many").foreach(step(lambda p: p, id="item", input=Point), concurrency=3)
    result = flow.commit().create_run().start([{"x": "1"}, {"x": 2, "y": 3}])
    assert [i.payload for i in result.steps["item"].iterations] == [{"x": 1, "y": 2},
                                                                    {"x": 2, "y": 3}]  # fmt: skip
    loop = Workflow("rounds").do_while(
        step(lambda p: {"x": p.x + 1}, id="round", input=Point), lambda d: d["x"] < 3
    )
    result = loop.commit().create_run().start({"x": "1"})
    assert [i.payload for i in result.steps["round"].iterations] == [{"x": 1, "y": 2},
                                                                     {"x": 2, "y": 2}]  # fmt: skip


def test_a_large_input_that_its_type_changes_is_kept_beside_what_it_came_from():
    flow = Workflow("large").then(step(lambda d: d, id="before"))
    flow = flow.then(step(lambda t: str(t.token), id="take", input=Ticket)).commit()
    run = flow.create_run()
    result = run.start({"name": "ü" * 3000})
    assert result.steps["take"].payload == {"token": result.result, "name": "ü" * 3000}
    assert result.steps["before"].output == {"name": "ü" * 3000}


def test_attempts_and_answers_see_the_input_that_the_first_attempt_saw():
    @step(retries=2)
    def often(ticket: Ticket, ctx: StepContext) -> str:
        noted(ticket.token)
        if ctx.resume_data is None and ctx.retry_count < 2:
            raise ValueError("again")
        if ctx.resume_data is None:
            ctx.suspend({})
        return str(ticket.token)

    inner = Workflow("inner").then(often).commit()
    flow = Workflow("kept").then(step(lambda d: d, id="before")).then(inner).commit()
    run = flow.create_run()
    assert run.start({}).status == "suspended"
    result = run.resume(1)
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert result.steps["inner.often"].payload == {"token": str(seen[0]), "name": ""}


def test_what_does_not_fit_is_left_as_it_came_and_fails_the_attempt():
    result = Workflow("unfit").then(at_point).commit().create_run().start({"x": "no"})
    assert (result.status, result.error.type) == ("failed", "InvalidStepInput")
    assert result.steps["point"].payload == {"x": "no"}


def test_an_input_by_alias_is_taken_and_crosses_by_name():
    class Order(BaseModel):
        model_config = ConfigDict(extra="forbid")
        id: int = Field(alias="orderId")

    same = step(lambda order: order, id="same", input=Order, output=Order)
    again = step(lambda order: order.id, id="again", input=Order)
    typed = Workflow("aliased", input=Order).then(same).then(again).commit()
    untyped = Workflow("unaliased").then(same).then(again).commit()
    for flow in (typed, untyped):
        for given in ({"orderId": 5}, {"id": 5}):
            run = flow.create_run()
            result = run.start(given)
            assert result.result == 5
            assert result.steps["same"].output == {"id": 5}
            assert run.rerun().result().result == 5


class Planet(enum.Enum):
    """Values of several parts."""

    EARTH = (5.9, 6.3)


def test_an_enum_of_values_that_json_writes_otherwise_crosses_as_input_output_and_answer():
    @step(resume=Planet, suspend=Planet, state=dict[str, Planet])
    def asks(planet: Planet, ctx: StepContext) -> Planet:
        ctx.set_state({"seen": planet})
        if ctx.resume_data is None:
            ctx.suspend(planet)
        assert ctx.resume_data is ctx.state["seen"] is Planet.EARTH
        noted(ctx.resume_data)
        return planet

    takes = step(lambda planet: noted(planet).name, id="takes", input=Planet)
    run = Workflow("planets", input=Planet).then(asks).then(takes).commit().create_run()
    assert run.start(Planet.EARTH).suspend_payload == {"asks": [5.9, 6.3]}
    with pytest.raises(errors.InvalidResumeData):
        run.resume([5.9, 6.4])
    assert run.refresh().status == "suspended"
    assert run.resume([5.9, 6.3]).result == "EARTH"
    assert seen == [Planet.EARTH, Planet.EARTH]


# The state of a step.


class Marked(BaseModel):
    """A new token each time that it is made."""

    token: uuid.UUID = Field(default_factory=uuid.uuid4)
    n: int = 0


@step(state=Marked, retries=2)
def marks(data: Any, ctx: StepContext) -> str:
    """Read the state often."""
    noted(ctx.state.token)
    ctx.set_state({"n": ctx.state.n + 1})
    noted(ctx.state.token)
    if data == "fails" and ctx.retry_count < 1:
        raise ValueError("again")
    if data == "asks" and ctx.resume_data is None:
        ctx.suspend()
    return str(ctx.state.token)


@pytest.mark.parametrize("data", ["", "fails", "asks"])
def test_what_the_type_of_the_workflows_state_makes_is_made_once(data):
    last = step(lambda _, ctx: noted(ctx.state.token) and data, id="last", state=Marked)
    flow = Workflow("marked", state=Marked).then(marks).then(last).commit()
    run = flow.create_run()
    result = run.start(data)
    if data == "asks":
        result = run.resume(1)
    result = run.result(include_state=True)
    assert result.status == "success", result.error
    assert len(set(seen)) == 1
    assert result.state["token"] == str(seen[0])
    assert result.state["n"] == (2 if data == "asks" else 1)


def test_what_the_type_of_a_steps_state_makes_is_the_same_from_then_on():
    last = step(lambda _, ctx: noted(ctx.state.token) and 1, id="last", state=Marked)
    run = Workflow("marked-by-steps").then(marks).then(last).commit().create_run()
    assert run.start("asks").status == "suspended"
    assert len(set(seen)) == 1
    assert run.resume(1).result == 1
    assert len(set(seen)) == 1
    state = run.result(include_state=True).state
    assert state == {"token": str(seen[0]), "n": 2}


def test_what_a_steps_type_makes_of_the_state_is_dropped_where_it_failed_or_somebody_wrote_it():
    class Closed(BaseModel):
        model_config = ConfigDict(extra="forbid")
        n: int = 0

    def reads(_: Any, ctx: StepContext) -> Any:
        time.sleep(0.2)
        token = ctx.state.token
        assert ctx.state.token == token
        time.sleep(0.3)
        return str(token)

    one = uuid.UUID(int=1)
    writes = step(lambda _, ctx: ctx.set_state({"token": str(one)}), id="writes")
    flow = Workflow("marked-side-by-side")
    flow = flow.parallel([writes, step(reads, id="reads", state=Marked)]).commit()
    result = flow.create_run().start(output_options={"include_state": True})
    assert result.state["token"] == str(one)
    closed = Workflow("marked-closed", state=Closed).then(step(reads, id="reads", state=Marked))
    result = closed.commit().create_run().start(output_options={"include_state": True})
    assert (result.status, result.state) == ("success", {})


def test_a_type_that_makes_nothing_new_leaves_the_state_as_it_is():
    class Counted(BaseModel):
        n: int = 0
        items: list[int] = Field(default_factory=list)

    reads = step(lambda _, ctx: ctx.state.n, id="reads", state=Counted)
    flow = Workflow("counted", state=Counted).then(reads).commit()
    assert flow.create_run().start(output_options={"include_state": True}).state == {}


# Output.


class Shape(BaseModel):
    """What is declared."""

    name: str = "s"


class Circle(Shape):
    """What is returned."""

    r: int = 3


class Closed(BaseModel):
    """Takes nothing else."""

    model_config = ConfigDict(extra="forbid")


class Opened(Closed):
    """Has more."""

    r: int = 3


def test_a_subclass_is_recorded_as_what_it_is_or_refused():
    kept = Workflow("shapes").then(step(Circle, id="one", output=Shape))
    kept = kept.then(step(lambda shape: shape.name, id="two", input=Shape)).commit()
    result = kept.create_run().start()
    assert result.steps["one"].output == {"name": "s", "r": 3}
    assert result.result == "s"
    lost = Workflow("closed").then(step(Opened, id="one", output=Closed)).commit()
    assert lost.create_run().start().error.type == "InvalidStepOutput"


class LeavesOut(BaseModel):
    """Leaves out a field."""

    b: int = Field(2, exclude=True)


class Keys(TypedDict):
    """What is declared."""

    a: int


class MoreKeys(Keys):
    """What is returned: it is one of those, too."""

    b: int


def test_what_a_type_leaves_out_is_refused_where_it_comes_from():
    """The field would come back with its default, or fail the next step."""
    more = LeavesOut(b=9)
    gives = step(lambda _: more, id="gives", output=LeavesOut, retries=2)
    error = Workflow("left-out").then(gives).commit().create_run().start().error
    assert error.type == "InvalidStepOutput"
    assert "'b'" in error.message
    asks = step(lambda _, ctx: ctx.resume_data or ctx.suspend(), id="asks", resume=LeavesOut)
    flow = Workflow("left-in", input=LeavesOut, state=LeavesOut).then(asks).commit()
    run = flow.create_run()
    with pytest.raises(errors.InvalidInput, match="'b'"):
        run.start(more)
    with pytest.raises(errors.InvalidInput, match="'b'"):
        run.start(LeavesOut(), initial_state={"b": 9})
    assert run.status == "pending"
    assert run.start(LeavesOut(b=2)).status == "suspended"
    with pytest.raises(errors.InvalidResumeData, match="'b'"):
        run.resume(more)
    assert run.resume({}).result == {}


def test_a_typed_dict_is_recorded_as_the_subclass_that_it_is():
    @step(suspend=Keys)
    def gives(data: Keys, ctx: StepContext) -> Keys:
        made: MoreKeys = {"a": data["a"], "b": 2}
        if ctx.resume_data is None:
            ctx.suspend(made)
        return made

    takes = step(noted, id="takes", input=Keys)
    run = Workflow("keys", input=Keys).then(gives).then(takes).commit().create_run()
    assert run.start({"a": 1, "b": 5}).suspend_payload == {"gives": {"a": 1, "b": 2}}
    result = run.resume(1)
    assert result.steps["gives"].output == {"a": 1, "b": 2}
    assert (result.input, result.result, seen) == ({"a": 1}, {"a": 1}, [{"a": 1}])


@pytest.mark.parametrize(
    ("returned", "named"),
    [({1: "a", "1": "b"}, "'1'"), (10**5000, "4,300 digits"), (float("inf"), "inf"),
     ({"a": [float("nan")]}, "nan")],
    ids=["keys", "long", "infinite", "nan"],
)  # fmt: skip
def test_what_json_cannot_say_fails_the_step_that_returns_it(returned, named):
    flow = Workflow("refused").then(step(lambda: returned, id="one")).commit()
    run = flow.create_run()
    result = run.start()
    assert (result.status, result.error.type) == ("failed", "SerializationError")
    assert named in result.error.message
    assert run.result().status == "failed"


@pytest.mark.parametrize(
    "given",
    [10**5000, {"deep": [10**5000]}, {1: "a", "1": "b"}, float("nan")],
    ids=["long", "deep", "keys", "nan"],
)
def test_what_json_cannot_say_is_refused_by_the_verb(given):
    ask = step(lambda _, ctx: ctx.resume_data or ctx.suspend(), id="ask")
    run = Workflow("refusing").then(ask).commit().create_run()
    for verb in (
        lambda: run.start(given),
        lambda: run.start(1, initial_state={"a": given}),
        lambda: run.start(1, request_context={"a": given}),
    ):
        with pytest.raises(errors.SerializationError):
            verb()
    assert Run.objects.get(run_id=run.run_id).status == "pending"
    run.start(1)
    with pytest.raises(errors.SerializationError):
        run.resume(given)
    assert run.resume(5).result == 5


# Secrets.


class Login(BaseModel):
    """Has a secret part."""

    user: str
    password: SecretStr


@pytest.mark.parametrize("declared", [Login, Any])
def test_a_secret_reaches_steps_and_is_shown_to_nobody(declared, caplog, admin_user):
    @step(resume=Login, suspend=Login, state=dict[str, Any])
    def use(login: Login, ctx: Any) -> Login:
        noted(login.password.get_secret_value())
        ctx.set_state({"kept": login.password})
        ctx.request_context["token"] = login.password
        ctx.writer.write(login)
        ctx.writer.custom("data-login", login)
        ctx.logger.warning("used %s", login)
        if ctx.resume_data is None:
            ctx.suspend(login)
        noted(ctx.suspend_data["password"].get_secret_value())
        noted(ctx.state["kept"].get_secret_value())
        noted(ctx.resume_data.password.get_secret_value())
        answer: Login = ctx.resume_data
        return answer

    @step
    def untyped(login: Any, ctx: StepContext) -> Any:
        noted(login["password"].get_secret_value())
        noted(ctx.state["kept"].get_secret_value())
        noted(ctx.request_context["token"].get_secret_value())
        noted(ctx.get_step_result("use")["password"].get_secret_value())
        return login

    @step
    def last(login: Login, ctx: StepContext) -> Login:
        noted(login.password.get_secret_value())
        if ctx.get_init_data()["user"] == "again":
            raise ValueError("stop")
        return login

    flow = Workflow("secret", input=declared).then(use).then(untyped).map(lambda d: d)
    flow = flow.then(last).commit()
    run = flow.create_run()
    with caplog.at_level(logging.DEBUG):
        run.start({"user": "a", "password": "hunter2"}, actor=admin_user)
        result = run.resume(
            {"user": "b", "password": "hunter3"}, actor=admin_user,
            output_options={"include_state": True},
        )  # fmt: skip
    assert result.status == "success", result.error
    assert set(seen) == {"hunter2", "hunter3"}
    assert len(seen) == 10
    assert result.result == {"user": "b", "password": "**********"}
    assert result.steps["use"].payload["password"] == "**********"
    shown = [result.model_dump_json(), *(e.model_dump_json() for e in run.events())]
    shown += [repr(result), str([e.payload for e in run.events()]), caplog.text]
    shown += [json.dumps(row.data) for row in Action.objects.all()]
    assert not [text for text in shown if "hunter" in text]
    again = run.rerun(wait=True)
    assert seen[-1] == "hunter2"
    assert again.status == "suspended"


def test_a_secret_in_a_map_or_a_template_is_handed_on_and_shown_to_nobody():
    class Safe(BaseModel):
        pin: SecretStr
        number: Secret[int]

    @step
    def takes(data: Any) -> Any:
        noted(data["text"].get_secret_value())
        noted(data["whole"].get_secret_value())
        noted(data["number"].get_secret_value())
        return data

    made = {
        "text": template("pin {init.pin}, number {init.number}"),
        "whole": template("{init}"),
        "number": from_init("number"),
        "more": template("a {init.nothing}"),
    }
    flow = Workflow("safe", input=Safe).map(made).then(takes).commit()
    run = flow.create_run()
    result = run.start({"pin": "hunter2", "number": 7070707070})
    assert result.status == "success", result.error
    assert seen == [
        "pin hunter2, number 7070707070",
        '{"pin":"hunter2","number":7070707070}',
        7070707070,
    ]
    assert result.steps["map-1"].output == {**dict.fromkeys(made, "**********"), "more": "a "}
    shown = result.model_dump_json() + "".join(e.model_dump_json() for e in run.events())
    assert "hunter" not in shown
    assert "7070707070" not in shown


def test_a_secret_that_does_not_fit_is_not_in_the_error():
    class Pin(BaseModel):
        pin: SecretStr = Field(min_length=50)

    flow = Workflow("pins").then(step(lambda pin: 1, id="pin", input=Pin)).commit()
    result = flow.create_run().start({"pin": "hunter2"})
    assert result.status == "failed"
    assert "hunter" not in result.error.model_dump_json()


RESERVED = {
    "text": ({"$signalbox:secret": "x"}, "$signalbox:secret"),
    "other": ({"$signalbox:secret-json": "1"}, "$signalbox:secret-json"),
    "not JSON": ({"$signalbox:secret-json": "{"}, "$signalbox:secret-json"),
    "in a list": ([1, {"a": {"$signalbox:secret": "x"}}], "$signalbox:secret"),
    "beside others": ({"a": 1, "$signalbox:secret": "x", "b": 2}, "$signalbox:secret"),
    "of no text": ({"$signalbox:secret": {"a": 1}}, "$signalbox:secret"),
}


@pytest.mark.parametrize("declared", [Any, dict[str, Any]])
@pytest.mark.parametrize(("value", "key"), RESERVED.values(), ids=RESERVED)
def test_a_value_that_would_be_read_as_a_secret_is_refused(value, key, declared):
    """Plain data with the key of a secret would come back masked, or as something else."""

    @step(resume=declared)
    def ask(data: declared, ctx: StepContext) -> Any:
        return ctx.suspend({}) if ctx.resume_data is None else ctx.resume_data

    asks = Workflow("reserved", input=declared).then(ask)
    returns = asks.then(step(lambda data: data["value"], id="returns")).commit()
    run = returns.create_run()
    given = {"a": value}
    for refused in (
        lambda: run.start(given),
        lambda: run.start({}, initial_state=given),
        lambda: run.start({}, request_context=given),
    ):
        with pytest.raises(errors.SerializationError, match=re.escape(repr(key))):
            refused()
        assert run.status == "pending"
    assert run.start({}).status == "suspended"
    with pytest.raises(errors.SerializationError, match=re.escape(repr(key))):
        run.resume(given)
    assert run.resume({"value": 5}).result == 5


@pytest.mark.parametrize("value", [value for value, _ in RESERVED.values()], ids=RESERVED)
def test_a_step_that_returns_what_would_be_read_as_a_secret_fails(value):
    failing = Workflow("reserved-out").then(step(lambda _: value, id="out")).commit()

    error = failing.create_run().start({}).error

    assert error.type.endswith("SerializationError")
    assert "is reserved for secrets" in error.message


@pytest.mark.parametrize("declared", [Any, dict[str, Any]])
@pytest.mark.parametrize(
    "value",
    [
        {"a": '{"$signalbox:secret":"x"}'},
        {'a"$signalbox:secret': "x"},
        {"$signalbox:secrets": "x", "$signalbox": 1},
        ["$signalbox:secret", '"$signalbox:secret":'],
    ],
)
def test_what_only_looks_like_a_secret_passes(value, declared):
    passing = Workflow("lookalike", input=declared).then(step(lambda data: data, id="in")).commit()
    result = passing.create_run().start({"a": value})
    assert (result.status, result.result) == ("success", {"a": value})


def test_a_secret_that_was_read_from_a_run_is_handed_on_as_what_it_hides():
    @step
    def use(login: Login) -> Login:
        noted(login.password.get_secret_value())
        return login

    flow = Workflow("handed-on", input=Login, state=Login, request_context=Login).then(use).commit()
    first = flow.create_run().start(
        {"user": "a", "password": "hunter2"},
        initial_state={"user": "a", "password": "hunter3"},
        request_context={"user": "a", "password": "hunter4"},
    )

    second = flow.create_run().start(
        first.result, initial_state=first.state, request_context=first.result
    )

    assert second.status == "success", second.error
    assert seen == ["hunter2", "hunter2"]


# Size.


BIG = "x" * 3000


def sized(do: Any) -> Any:
    """Return the result of a step that does this, with room for 4,000 bytes."""
    flow = Workflow("sizes").then(step(do, id="does")).commit()
    return flow.create_run().start({}, initial_state={"a": BIG}, request_context={"a": BIG})


@pytest.fixture
def small(settings, execution):
    """Keep 4,000 bytes at most."""
    settings.WORKFLOWS = {"EXECUTION": execution, "MAX_PAYLOAD_BYTES": 4000}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "do",
    [
        lambda _, ctx: ctx.set_state({"b": BIG}),
        lambda _, ctx: ctx.request_context.update(b=BIG),
        lambda _, ctx: ctx.writer.write(BIG * 2),
        lambda _, ctx: ctx.writer.custom("data-x", BIG * 2),
        lambda _, ctx: ctx.writer.custom("data-x", BIG * 2, transient=True),
        lambda _, ctx: ctx.writer.custom("data-" + BIG * 2, 1),
        lambda _, ctx: ctx.writer.custom("data-" + BIG * 2, 1, transient=True),
        lambda _, ctx: ctx.suspend(BIG * 2),
        lambda _, ctx: ctx.suspend(1, resume_label=[f"{n}{BIG}" for n in range(2)]),
        lambda _, ctx: (ctx.set_state({"b": BIG}), ctx.suspend(1)),
        lambda _, ctx: (ctx.set_state({"b": BIG}), ctx.bail(1)),
        lambda _, ctx: ctx.bail(BIG * 2),
    ],
)
def test_what_a_step_makes_too_large_fails_it(do):
    result = sized(do)
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")
    for row in RunEvent.objects.all():
        for event in row.events:
            for value in event["payload"].values():
                assert len(json.dumps(value)) <= 30_000


@pytest.mark.usefixtures("small")
def test_a_state_or_context_that_is_too_large_is_refused_by_the_verb():
    ask = step(lambda _, ctx: ctx.resume_data or ctx.suspend(), id="ask")
    flow = Workflow("oversized").then(ask).then(step(lambda _: 1 / 0, id="fails")).commit()
    run = flow.create_run()
    large = {"a": BIG, "b": BIG}
    for name in ("initial_state", "request_context"):
        with pytest.raises(errors.PayloadTooLarge, match=r"4,000"):
            run.start(1, **{name: large})
    assert Run.objects.get(run_id=run.run_id).status == "pending"
    run.start(1, request_context={"a": BIG})
    with pytest.raises(errors.PayloadTooLarge):
        run.resume(1, request_context={"b": BIG})
    assert run.resume(1).status == "failed"
    for verb in (run.retry, lambda **o: run.time_travel("ask", **o), run.rerun):
        with pytest.raises(errors.PayloadTooLarge):
            verb(request_context={"b": BIG})
    with pytest.raises(errors.PayloadTooLarge):
        run.time_travel("ask", initial_state=large)
    assert run.status == "failed"
    assert StepSnapshot.objects.filter(run__run_id=run.run_id).count() == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("option", "name"),
    [
        ({"input_data": "y" * 6000}, "The input of 'ask'"),
        ({"context": {"first": {"output": "y" * 6000}}}, "The output of first"),
        ({"context": {"first": {"payload": "y" * 6000}}}, "The payload of first"),
        ({"context": {"input": "y" * 6000}}, "The input"),
        ({"resume_data": "y" * 6000}, "The resume data"),
        ({"initial_state": {"y": "y" * 6000}}, "The initial state"),
    ],
)
def test_a_travel_given_too_much_says_what_it_is(option, name):
    ask = step(lambda data, ctx: ctx.resume_data or ctx.suspend(), id="ask")
    run = Workflow("tt-much").then(step(lambda d: d, id="first")).then(ask).commit().create_run()
    run.start("x")
    for verb in (run.time_travel, run.plan_time_travel, run.fork):
        with pytest.raises(errors.PayloadTooLarge) as refused:
            verb("ask", **option)
        assert re.match(rf"{name} is 6,0\d\d bytes of JSON; at most 4,000", str(refused.value))


def beside(change):
    """Return two steps that both began before either of them changed something."""
    meet = threading.Barrier(2)

    def one(name):
        def fn(_data, ctx):
            if not ctx.retry_count and ctx.resume_data is None:
                meet.wait(20)
            change(ctx, name)
            return name

        return step(fn, id=name, retries=2)

    return [one("a"), one("b")]


def together(flow):
    """Start a run whose steps go side by side in every mode of execution."""
    run = flow.commit().create_run()
    run.start({}, timeout=30)
    return run


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda ctx, name: ctx.set_state({name: BIG}), "state"),
        (lambda ctx, name: ctx.request_context.update({name: BIG}), "request context"),
    ],
)
def test_two_steps_at_once_do_not_make_too_much_of_what_they_share(settings, change, what):
    settings.WORKFLOWS = {"EXECUTION": "embedded", "MAX_PAYLOAD_BYTES": 4000}
    run = together(Workflow("shared").parallel(beside(change)))
    result = run.result(include_state=True)
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")
    assert re.match(rf"The {what} as [ab] changed it is 6,0\d\d bytes", result.error.message)
    ended = sorted(each.status for each in result.steps.values())
    assert ended == ["failed", "success"]
    kept = result.state if what == "state" else run.refresh().request_context
    assert list(kept) == [p for p, each in result.steps.items() if each.status == "success"]


def test_two_steps_at_once_do_not_suspend_with_too_much_either(settings):
    settings.WORKFLOWS = {"EXECUTION": "embedded", "MAX_PAYLOAD_BYTES": 4000}

    def asks(ctx, name):
        ctx.set_state({name: BIG})
        ctx.suspend()

    result = together(Workflow("shared-ask").parallel(beside(asks))).result()
    assert (result.status, result.error.type) == ("failed", "PayloadTooLarge")


def test_two_steps_at_once_may_share_what_has_room(settings):
    settings.WORKFLOWS = {"EXECUTION": "embedded", "MAX_PAYLOAD_BYTES": 4000}

    def changes(ctx, name):
        ctx.set_state({name: "x" * 1500})
        ctx.request_context[name] = "x" * 1500

    run = together(Workflow("shared-well").parallel(beside(changes)))
    assert run.result().status == "success"
    assert set(run.result(include_state=True).state) == {"a", "b"}
    assert set(run.refresh().request_context) == {"a", "b"}


def test_one_step_may_take_away_what_gives_another_room(settings):
    settings.WORKFLOWS = {"EXECUTION": "embedded", "MAX_PAYLOAD_BYTES": 4000}

    def changes(_data, ctx):
        del ctx.request_context["old"]
        ctx.request_context["new"] = BIG

    flow = Workflow("shared-room").then(step(changes, id="one")).commit()
    run = flow.create_run()
    assert run.start({}, request_context={"old": BIG}).status == "success"
    assert list(run.refresh().request_context) == ["new"]
