"""How a drawing is looked at: sizes in steps, frames folded and opened, all of it by links."""

from urllib.parse import parse_qs

from dashboard.graph import graphs
from dashboard.graph.drawing import MAX_NODES
from dashboard.graph.look import Look, Sheet


def step(path):
    return {"kind": "step", "path": path, "name": path.rpartition(".")[2], "description": ""}


def nested(path, *paths):
    entries = [step(f"{path}.{name}") for name in paths]
    inner = {"title": path.upper(), "entries": entries}
    return {"kind": "workflow", "path": path, "name": path, "description": "", "workflow": inner}


def sheet_of(*entries, **query):
    graph = graphs.prepared({"entries": list(entries)})
    return Sheet(graph, Look.read(query), {"tab": "graph"})


def paths_of(sheet):
    return {box.path for box in sheet.drawing.boxes if box.path}


def test_a_folded_frame_is_one_box_that_says_what_is_inside():
    sheet = sheet_of(nested("outer", "a", "b"), step("last"), turned="outer")

    assert paths_of(sheet) == {"outer", "last"}
    box = next(box for box in sheet.drawing.boxes if box.path == "outer")
    assert (box.kind, box.shown_name, box.title) == ("folded", "OUTER", "2 entries folded")


def test_the_link_of_a_frame_turns_it_over_and_keeps_the_rest():
    sheet = sheet_of(nested("one", "a"), nested("two", "b"), turned="one", zoom="150")

    links = {frame.entry.path: parse_qs(frame.link[1:]) for frame in sheet.frames}

    assert links["one"] == {"tab": ["graph"], "zoom": ["150"]}
    assert links["two"] == {"tab": ["graph"], "zoom": ["150"], "turned": ["one,two"]}


def test_frames_inside_a_folded_one_are_not_offered():
    outer = nested("outer")
    outer["workflow"]["entries"] = [nested("outer.inner", "a")]

    assert len(sheet_of(outer).frames) == 2
    assert len(sheet_of(outer, turned="outer").frames) == 1


def test_a_graph_too_large_to_be_drawn_has_its_frames_folded_at_first():
    large = nested("large", *(f"s{n}" for n in range(MAX_NODES)))

    sheet = sheet_of(large)

    assert sheet.is_folded_at_first
    assert paths_of(sheet) == {"large"}
    assert sheet_of(large, turned="large").drawing is None


def test_sizes_go_in_steps_and_end():
    at = {size: sheet_of(step("a"), zoom=size) for size in ("25", "100", "200", "fit", "7")}

    assert (at["25"].farther, parse_qs(at["25"].nearer[1:])["zoom"]) == ("", ["50"])
    assert (parse_qs(at["200"].farther[1:])["zoom"], at["200"].nearer) == (["150"], "")
    assert at["200"].width == 2 * at["100"].width
    assert at["fit"].is_fit
    assert at["7"].percent == 100


def test_a_finger_needs_more_of_a_drawing_that_is_shrunk():
    one = sheet_of(step("a"))
    arms = {"kind": "parallel", "path": "p", "name": "p", "description": ""}
    two = sheet_of({**arms, "children": [step("b"), step("c")]})

    assert one.reach == 23
    assert one.drawing.width < two.drawing.width
    assert two.reach > one.reach
    assert sheet_of(step("a"), zoom="50").reach > sheet_of(step("a"), zoom="100").reach
