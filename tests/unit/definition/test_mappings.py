"""Mappings: where the values of a map come from."""

# The types would also refuse what these tests pass.
# mypy: disable-error-code="dict-item, union-attr"

from typing import Any

import pytest
from pydantic import BaseModel, Secret, SecretStr

from workflows_app import errors
from workflows_app.definition import (
    MISSING,
    Builder,
    Step,
    constant,
    from_context,
    from_init,
    from_step,
    step,
    template,
)


class Run:
    """What a mapping may read, set by a test."""

    def __init__(self, outputs: dict[str, Any] | None = None, **values: Any) -> None:
        self.outputs = outputs or {}
        self.input = values.get("input")
        self.init = values.get("init")
        self.context = values.get("context", {})
        self.state = values.get("state", {})
        self.asked: list[str] = []

    def output_of(self, path):
        self.asked.append(path)
        return self.outputs.get(path, MISSING)

    def call(self, function):
        return function.call(self.input, "ctx")


def make(id_: str) -> Step:
    return step(lambda value: value, id=id_)


add, other, third = make("add"), make("other"), make("third")


def before() -> Builder:
    """A workflow with all of these before the map."""
    inner = Builder("inner").then(add).parallel([third]).commit()
    return Builder("order").then(add).then(add).then(other).then(inner)


def value_of(source: Any, run: Run) -> Any:
    flow = before().map({"value": source}, id="made").commit()
    return flow.tree.nodes["made"].mapping.evaluate(run)["value"]


def test_a_function_makes_the_whole():
    flow = before().map(lambda data, ctx: [data, ctx]).commit()
    assert flow.tree.nodes["map-1"].mapping.evaluate(Run(input=5)) == [5, "ctx"]


def test_an_object_is_made_of_its_sources():
    flow = before().map(
        {
            "total": from_step(add, "total"),
            "city": from_init("address.city"),
            "user": from_context("user"),
            "kind": constant("test"),
            "text": template("{init.address.city}!"),
            "twice": lambda data: data * 2,
            "fixed": lambda: 7,
        }
    ).commit()  # fmt: skip
    run = Run(
        {"add": {"total": 3}},
        input=5,
        init={"address": {"city": "Rome"}},
        context={"user": "ada"},
    )
    assert flow.tree.nodes["map-1"].mapping.evaluate(run) == {
        "total": 3,
        "city": "Rome",
        "user": "ada",
        "kind": "test",
        "text": "Rome!",
        "twice": 10,
        "fixed": 7,
    }


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("total", 3),
        (".", {"total": 3, "items": [{"sku": "a"}, {"sku": "b"}], "7": "seven", "none": None}),
        ("items.1.sku", "b"),
        ("items.2.sku", None),
        ("items.-1.sku", None),
        ("items.²", None),
        ("items.sku", None),
        ("7", "seven"),
        ("none", None),
        ("none.deeper", None),
        ("total.deeper", None),
        ("missing", None),
    ],
)
def test_a_path_walks_dicts_and_lists_by_number(path, expected):
    value = {"total": 3, "items": [{"sku": "a"}, {"sku": "b"}], "7": "seven", "none": None}
    assert value_of(from_step(add, path), Run({"add": value})) == expected
    assert value_of(from_init(path), Run(init=value)) == expected
    assert value_of(from_context(path), Run(context=value)) == expected


def test_without_a_path_it_is_the_whole_value():
    assert value_of(from_step(add), Run({"add": [1]})) == [1]
    assert value_of(from_init(), Run(init=5)) == 5
    assert value_of(from_context(), Run(context={"a": 1})) == {"a": 1}


@pytest.mark.parametrize("wrong", ["", "a..b", ".a", "a.", 5, None])
def test_an_invalid_path_is_refused_where_it_is_written(wrong):
    for source in (lambda: from_step(add, wrong), lambda: from_init(wrong)):
        with pytest.raises(errors.InvalidStep, match="was given the path"):
            source()
    with pytest.raises(errors.InvalidStep, match=r"from_context\(\) was given the path"):
        from_context(wrong)


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("add", "add"),
        ("add#2", "add#2"),
        ("other", "other"),
        ("inner", "inner"),
        ("inner.add", "inner.add"),
        ("inner.third", "inner.third"),
        (add, "add"),
        (other, "other"),
        (third, "inner.third"),
        (third.fn, "inner.third"),
    ],
)
def test_a_step_is_named_by_itself_its_function_or_its_path(named, path):
    assert value_of(from_step(named), Run({path: "here"})) == "here"


def test_a_nested_workflow_is_named_by_itself():
    inner = Builder("inner").then(add).commit()
    flow = Builder("order").then(inner).map({"value": from_step(inner, "a")}, id="made").commit()
    values = flow.tree.nodes["made"].mapping.evaluate(Run({"inner": {"a": 1}}))
    assert values == {"value": 1}


def test_of_a_list_the_first_that_ran_is_taken():
    source = from_step([add, "add#2", other], "n")
    assert value_of(source, Run({"add#2": {"n": 2}, "other": {"n": 3}})) == 2
    assert value_of(source, Run({"other": {"n": 3}})) == 3
    assert value_of(source, Run({"add": {}, "other": {"n": 3}})) is None
    assert value_of(source, Run()) is None
    run = Run({"add": {"n": 1}})
    assert value_of(from_step((add, other), "n"), run) == 1
    assert run.asked == ["add"]


def test_a_step_that_ran_and_gave_none_has_run():
    assert value_of(from_step([add, other]), Run({"add": None, "other": 1})) is None


def test_a_step_that_is_not_before_the_map_is_refused_where_it_is_mapped():
    flow = Builder("order").then(add)
    for wrong in ("nope", other, "add#2", "inner.add", lambda: 1, [add, "nope"]):
        with pytest.raises(
            errors.InvalidStep, match="'value' in A map of workflow 'order' takes from"
        ):
            flow.map({"value": from_step(wrong)})
    with pytest.raises(errors.InvalidStep, match="the steps before it: none"):
        Builder("order").map({"value": from_step(add)}).then(add)
    with pytest.raises(errors.InvalidStep, match="in map 'made' of workflow 'order'"):
        flow.map({"value": from_step("nope")}, id="made")


@pytest.mark.parametrize("wrong", [5, None, {"a": 1}, [5], []])
def test_a_value_that_is_not_a_step_is_refused_where_it_is_written(wrong):
    with pytest.raises(errors.InvalidStep, match=r"from_step\(\)"):
        from_step(wrong)


def test_a_constant_is_copied_so_that_nobody_changes_it_for_others():
    class Order(BaseModel):
        tags: list[str]

    given = {"order": Order(tags=["a"])}
    source = constant(given)
    given["order"].tags.append("b")
    first = value_of(source, Run())
    first["order"]["tags"].append("c")
    assert value_of(source, Run()) == {"order": {"tags": ["a"]}}


def test_a_constant_that_json_cannot_hold_is_refused_where_it_is_written():
    with pytest.raises(errors.SerializationError, match="object"):
        constant(object())


@pytest.mark.parametrize("wrong", [5, "text", None, {"a": 1}, add, [1]])
def test_a_value_without_a_source_is_refused_with_its_name(wrong):
    with pytest.raises(errors.InvalidStep, match=r"'key' in A map of workflow 'order' is"):
        Builder("order").map({"key": wrong})


def test_names_of_a_map_are_text_and_its_functions_functions():
    with pytest.raises(errors.InvalidStep, match="has the name 5"):
        Builder("order").map({5: constant(1)})
    with pytest.raises(errors.InvalidStep, match="'key' in A map of workflow 'order' needs"):
        Builder("order").map({"key": lambda a, b, c: a})
    assert before().map({}, id="m").commit().tree.nodes["m"].mapping.evaluate(Run()) == {}


def test_a_mapping_is_shown_as_it_was_written():
    flow = before().map(
        {
            "one": from_step(add, "total"),
            "any": from_step([other, "add#2"]),
            "init": from_init("a.0"),
            "context": from_context("user"),
            "constant": constant({"a": "ü"}),
            "template": template('{init.a} "quoted"'),
            "function": lambda data: data["x"],
        },
        id="made",
    ).map(str, id="whole").commit()  # fmt: skip
    assert flow.tree.nodes["made"].mapping.to_json() == {
        "one": 'from_step("add", "total")',
        "any": 'from_step(["other", "add#2"], ".")',
        "init": 'from_init("a.0")',
        "context": 'from_context("user")',
        "constant": 'constant({"a":"ü"})',
        "template": 'template("{init.a} \\"quoted\\"")',
        "function": 'lambda data: data["x"]',
    }
    assert flow.tree.nodes["whole"].mapping.to_json() == "str"


# Templates.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{init.city}: {steps.add.value}", "Rome: 3"),
        ("{ init.city }", "Rome"),
        ("{init}", '{"city":"Rome","tags":["a","ü"],"none":null,"yes":true}'),
        ("{init.tags}", '["a","ü"]'),
        ("{init.tags.1}", "ü"),
        ("{init.none}", "null"),
        ("{init.yes}", "true"),
        ("[{init.missing.deeper}]", "[]"),
        ("{input}", "1.5"),
        ("{state.count}", "2"),
        ("{context.user}", "ada"),
        ("{steps.add}", '{"value":3}'),
        ("{steps.add#2.value}", "4"),
        ("{steps.inner.add.value}", "5"),
        ("{steps.inner.value}", "6"),
        ("[{steps.other.value}]", "[]"),
        ("[{steps.nowhere.value}]", "[]"),
        ("{{init.city}}", "{init.city}"),
        ("{{{init.city}}}", "{Rome}"),
        ("}}{{", "}{"),
    ],
)
def test_a_template_puts_values_in(text, expected):
    run = Run(
        {
            "add": {"value": 3},
            "add#2": {"value": 4},
            "inner.add": {"value": 5},
            "inner": {"value": 6, "add": "of the output"},
        },
        init={"city": "Rome", "tags": ["a", "ü"], "none": None, "yes": True},
        input=1.5,
        state={"count": 2},
        context={"user": "ada"},
    )
    assert value_of(template(text), run) == expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("{nope.city}", "asks for 'nope.city'"),
        ("{}", "asks for ''"),
        ("{steps}", "asks for 'steps'"),
        ("{step.a}", "asks for 'step.a'"),
        ("{init.}", "asks for 'init.'"),
        ("{init..a}", "asks for"),
        ("{initial}", "asks for"),
        ("{init.city", "a '{' at character 1 without"),
        ("a {b {init.city}", "a '{' at character 3"),
        ("init.city}", "a '}' at character 10"),
        ("{", "without its counterpart"),
        (5, "takes text"),
    ],
)
def test_an_invalid_template_is_refused_where_it_is_written(wrong, message):
    with pytest.raises(errors.InvalidTemplate, match=message):
        template(wrong)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pin {init.pin}!", "pin hunter2!"),
        ("{init.pin}", "hunter2"),
        ("{init.number}", "5"),
        ("{init.day}", "2024-01-02"),
        ("{init}", '{"pin":"hunter2","number":5,"words":["hunter3"],"day":"2024-01-02"}'),
        ("{init.words} {init.pin}", '["hunter3"] hunter2'),
        ("{context.pin}{state.pin}{input.pin}{steps.add.pin}", "hunter2" * 4),
    ],
)
def test_what_a_template_makes_of_a_secret_is_one(text, expected):
    hidden = {"pin": SecretStr("hunter2"), "number": Secret[Any](5),
              "words": [SecretStr("hunter3")],
        "day": Secret[Any]("2024-01-02")}  # fmt: skip
    values = Run(init=hidden, input=hidden, context=hidden, state=hidden)
    values.outputs["add"] = hidden
    made = value_of(template(text), values)
    assert isinstance(made, SecretStr)
    assert made.get_secret_value() == expected
    assert value_of(template("{init.none}{init.more}"), values) == ""


def test_a_template_asks_for_each_step_once():
    run = Run({"inner.add": {"a": {"b": 1}}})
    assert value_of(template("{steps.inner.add.a.b}"), run) == "1"
    assert run.asked == ["inner.add"]
