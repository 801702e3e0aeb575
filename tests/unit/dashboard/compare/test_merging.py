"""Two graphs as one: every entry once, in the order of both, with who took it."""

from hypothesis import given
from hypothesis import strategies as st

from dashboard.compare import merging


def step(path):
    return {"kind": "step", "path": path, "name": path, "description": ""}


def branch(path, arms):
    children = [step(f"{path}.{arm}") for arm in arms]
    said = [f"is_{arm}" for arm in arms]
    return {
        "kind": "branch", "path": path, "name": path, "children": children, "conditions": said,
    }  # fmt: skip


def paths(entries):
    return [entry["path"] for entry in entries]


def test_entries_of_one_side_stand_where_that_side_has_them():
    old, new = [step(p) for p in "abd"], [step(p) for p in "acd"]

    assert paths(merging.merged(old, new)) == ["a", "b", "c", "d"]


def test_arms_of_both_keep_their_conditions():
    (found,) = merging.merged([branch("x", "ab")], [branch("x", "bc")])

    assert paths(found["children"]) == ["x.a", "x.b", "x.c"]
    assert found["conditions"] == ["is_a", "is_b", "is_c"]


def test_a_step_is_marked_by_who_took_it_and_what_came_of_it():
    graph = {"entries": [step(p) for p in "abcde"]}
    ours = {"a": "success", "b": "success", "c": "success"}
    theirs = {"a": "success", "b": "failed", "d": "success"}

    found = merging.draw((graph, graph), (ours, theirs), ("success", "failed"))

    marks = {one.box.path: one.mark for one in found.boxes if one.box.path}
    assert marks == {"a": "both", "b": "different", "c": "A", "d": "B", "e": "none"}
    ways = {line.to: way for line, way in found.lines}
    assert ways["end"] == "A"


@given(
    st.lists(st.sampled_from("abcdefg"), unique=True),
    st.lists(st.sampled_from("abcdefg"), unique=True),
)
def test_every_entry_of_both_is_there_once(old, new):
    found = paths(merging.merged([step(p) for p in old], [step(p) for p in new]))

    assert sorted(found) == sorted({*old, *new})
    assert [p for p in found if p in old] == old
