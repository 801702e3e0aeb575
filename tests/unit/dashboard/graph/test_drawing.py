"""The drawing of a graph: everything on the sheet, nothing on top of anything else."""

from itertools import combinations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dashboard.graph import drawing
from dashboard.graph.shapes import Box, Drawing


def entry(name: str, kind: str = "step", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "path": name, "name": name, "description": "", **more}


def drawn(*entries: dict[str, Any]) -> Drawing:
    found = drawing.draw({"entries": list(entries)})
    assert found is not None
    return found


def box(sheet: Drawing, path: str) -> Box:
    return next(found for found in sheet.boxes if found.path == path)


def test_entries_stand_below_each_other_on_one_axis():
    sheet = drawn(entry("a"), entry("b"))

    assert box(sheet, "a").middle == box(sheet, "b").middle
    assert box(sheet, "a").y + box(sheet, "a").height < box(sheet, "b").y


def test_arms_stand_side_by_side():
    sheet = drawn(entry("p", "parallel", children=[entry("a"), entry("b")]))

    assert box(sheet, "a").y == box(sheet, "b").y
    assert box(sheet, "a").x + box(sheet, "a").width < box(sheet, "b").x


def test_a_nested_workflow_frames_its_entries():
    nested = {"title": "Inner", "entries": [entry("w.a"), entry("w.b")]}
    sheet = drawn(entry("w", "workflow", workflow=nested))

    frame, inner = box(sheet, "w"), box(sheet, "w.b")
    assert frame.title == "Inner"
    assert frame.x < inner.x
    assert inner.y + inner.height < frame.y + frame.height


def test_a_line_to_an_arm_carries_its_condition_without_the_word_lambda():
    arms = [entry("a"), entry("b")]
    sheet = drawn(
        entry("x", "branch", children=arms, conditions=["lambda d, ctx: d['n'] > 3", "is_small"])
    )

    texts = {line.to: line.text for line in sheet.lines if line.text}
    assert texts == {"a": "d['n'] > 3", "b": "is_small"}


def test_lines_turn_with_round_corners_or_go_straight():
    sheet = drawn(entry("p", "parallel", children=[entry("a"), entry("b")]), entry("c"))

    assert any("Q" in line.d for line in sheet.lines)
    assert any("Q" not in line.d for line in sheet.lines)


def test_a_graph_too_large_to_be_read_is_not_drawn():
    many = [entry(f"s{number}") for number in range(drawing.MAX_NODES + 1)]

    assert drawing.draw({"entries": many}) is None


def test_an_empty_graph_is_drawn_as_start_and_end():
    assert {found.kind for found in drawn().boxes} == {"start", "end"}


names = st.integers(0, 10**9).map(lambda number: f"n{number}")


def nested(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(children, min_size=1, max_size=3)
    return st.builds(
        lambda name, kind, inner: (
            entry(name, kind, workflow={"entries": inner})
            if kind == "workflow"
            else entry(name, kind, children=inner)
        ),
        names,
        st.sampled_from(["parallel", "branch", "workflow"]),
        several,
    )


entries = st.recursive(names.map(entry), nested, max_leaves=12)


@given(st.lists(entries, min_size=1, max_size=4))
def test_whatever_the_graph_nothing_overlaps_and_all_is_on_the_sheet(graph):
    sheet = drawing.draw({"entries": graph})
    assert sheet is not None

    solid = [found for found in sheet.boxes if found.kind != "workflow"]
    for one, other in combinations(solid, 2):
        apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
        apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert apart_x or apart_y
    for found in sheet.boxes:
        assert found.x >= 0
        assert found.x + found.width <= sheet.width + 0.01
        assert found.y + found.height <= sheet.height + 0.01


def test_a_foreach_and_a_loop_frame_what_they_repeat_and_say_how():
    sheet = drawn(
        entry("each", "foreach", children=[entry("each[]")], concurrency=4),
        entry("poll", "do_until", children=[entry("poll[]")], conditions=["lambda n: n > 3"]),
        entry("nap", "sleep", seconds=90.0),
    )

    each, body = box(sheet, "each"), box(sheet, "each[]")
    assert each.title == "each: each item, 4 at a time"
    assert (body.shown_name, each.is_frame, body.is_frame) == ("each", True, False)
    assert each.x < body.x
    assert body.y + body.height < each.y + each.height
    assert box(sheet, "poll").title == "poll: again until n > 3"
    assert box(sheet, "nap").title == "90 s"
    assert len(box(sheet, "poll").shown_title) <= len(box(sheet, "poll").title)
