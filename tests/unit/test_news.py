"""Transient events among recorded ones: the order that a stream gives them in."""

from workflows_app.news import Order


def recorded(seq, kind, path="a"):
    return {"type": kind, "seq": seq, "payload": {"path": path}}


def transient(name, began, said, path="a"):
    return {"type": name, "seq": None, "payload": {"path": path}, "place": (began, said)}


def names(events):
    return [event["seq"] or event["type"] for event in events]


def test_a_transient_event_waits_for_what_its_step_emitted_before():
    order = Order(0)
    started = [recorded(1, "workflow-start", ""), recorded(2, "workflow-step-start")]
    assert names(order.arrange([transient("data-x", 2, 1)], started)) == [1, 2]
    assert names(order.arrange([], [recorded(3, "data-kept")])) == [3, "data-x"]


def test_it_comes_before_what_ends_its_attempt_though_what_was_emitted_before_is_lost():
    order = Order(0)
    events = [recorded(1, "workflow-step-start"), recorded(2, "workflow-step-result")]
    assert names(order.arrange([transient("data-x", 1, 5)], events)) == [1, "data-x", 2]


def test_one_of_a_later_attempt_does_not_come_before_the_end_of_the_earlier():
    order = Order(0)
    events = [
        recorded(1, "workflow-step-start"),
        recorded(2, "workflow-step-retry"),
        recorded(3, "workflow-step-start"),
        recorded(4, "workflow-step-result"),
    ]
    held = [transient("data-x", 1, 0), transient("data-y", 3, 0)]
    assert names(order.arrange(held, events)) == [1, "data-x", 2, 3, "data-y", 4]


def test_one_whose_attempt_began_before_the_stream_is_given_at_once():
    order = Order(7)
    assert names(order.arrange([transient("data-x", 5, 3)], [])) == ["data-x"]


def test_what_is_left_comes_at_the_end():
    order = Order(0)
    assert names(order.arrange([transient("data-x", 9, 0)], [])) == []
    assert names(order.rest()) == ["data-x"]
    assert names(order.rest()) == []
