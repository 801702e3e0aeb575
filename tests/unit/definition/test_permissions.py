"""Which permissions a graph asks for: the same in code and in its stored form."""

from workflows_app.definition import Builder, step
from workflows_app.definition.permissions import both, of_graph, of_json


def make(name, permission=None):
    return step(lambda data: data, id=name, permission=permission)


def test_a_graph_and_its_stored_form_ask_for_the_same():
    inner = Builder("inner", permission="group:in").then(make("x", "app.x")).then(make("y"))
    flow = (
        Builder("outer", permission="group:out")
        .then(make("a", "group:a"))
        .parallel([make("b"), make("c", "group:c")])
        .branch([(lambda data: True, make("d", "group:d"))])
        .foreach(make("e", "group:e"), id="each")
        .foreach(inner.commit(), id="flows")
        .map(lambda data: data)
        .commit()
    )

    assert of_graph(flow.tree) == {
        "": ("group:out",),
        "a": ("group:a",),
        "c": ("group:c",),
        "d": ("group:d",),
        "each[]": ("group:e",),
        "flows[]": ("group:in",),
        "flows[].x": ("app.x", "group:in"),
        "flows[].y": ("group:in",),
    }
    assert of_json(flow.graph()) == of_graph(flow.tree)


def test_nothing_is_asked_for_where_no_permission_is_named():
    assert of_graph(Builder("free").then(make("a")).commit().tree) == {}


def test_both_of_two_rules_apply():
    one, other = {"a": ("x",), "b": ("x",)}, {"b": ("y", "x"), "c": ("z",)}
    assert both(one, other) == {"a": ("x",), "b": ("x", "y"), "c": ("z",)}
