"""The graph of a run's page: counts, what passed, folds, sizes, and the file to keep."""

import re
from xml.etree import ElementTree as ET

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app import Workflow, step


@step(retries=0)
def even(item: int) -> int:
    """Refuse the odd ones."""
    if item % 2:
        raise ValueError("odd")
    return item


@step
def more(value: int) -> int:
    """Add one."""
    return value + 1


counted = (
    Workflow("graph-counted")
    .then(Workflow("graph-inner", title="Inner").then(step(lambda n: n, id="inside")).commit())
    .do_until(more, lambda value, ctx: value >= 3, id="rounds")
    .map(lambda value: [0, 1, 2])
    .foreach(even, concurrency=1, id="each")
    .commit()
)


def graph(pages, run, **query):
    return pages.get(f"/runs/{run.run_id}/", {"tab": "graph", **query}).content.decode()


def counted_run():
    run = counted.create_run()
    run.start(0)
    run.refresh()
    return run


def test_frames_count_their_iterations_and_items(pages):
    page = graph(pages, counted_run())

    assert ">round 3</text>" in page
    assert ">1 ✓ 1 ✕ of 3</text>" in page


def test_a_nested_workflow_is_folded_by_a_link_and_opened_again(pages):
    run = counted_run()

    folded = graph(pages, run, turned="graph-inner", zoom="50")

    assert 'data-turn="graph-inner"' in folded
    assert 'href="#step-graph-inner.inside"' not in folded
    assert 'href="#step-graph-inner.inside"' in graph(pages, run)
    assert re.search(
        r'href="\?tab=graph&amp;zoom=50" tabindex="-1" data-turn="graph-inner"', folded
    )


def test_the_dot_on_a_line_opens_what_passed_there(pages):
    run = started(amount=5)

    page = graph(pages, run)
    link = re.search(r'class="edge" href="([^"]+)"[^>]*><title>What passed to pay<', page)
    value = pages.get(link[1], headers={"X-Dialog": "1"}).content.decode()

    assert "Input of pay" in value
    assert "Desk" in value


def test_a_person_who_may_not_see_runs_gets_no_drawing(person):
    run = started(amount=5)
    _, stranger = person()

    assert stranger.get(f"/runs/{run.run_id}/graph.svg").status_code == 403


def test_the_file_needs_no_other_file(pages):
    run = started(amount=5)

    answer = pages.get(f"/runs/{run.run_id}/graph.svg")
    text = answer.content.decode()
    root = ET.fromstring(text)

    assert answer["Content-Type"] == "image/svg+xml"
    assert answer["Content-Disposition"].startswith("attachment")
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "#17703f" in text
    assert "var(" not in text
    assert "/static/" not in text
    assert "#6fd39b" in pages.get(f"/runs/{run.run_id}/graph.svg?theme=dark").content.decode()


def test_a_workflow_has_its_file_too_and_folds_on_its_page(pages):
    page = pages.get(f"/workflows/{flows.items.id}/", {"turned": "each"}).content.decode()
    answer = pages.get(f"/workflows/{flows.items.id}/graph.svg")

    assert "1 entry folded" in page
    assert ET.fromstring(answer.content.decode()) is not None
    assert pages.get("/workflows/nowhere/graph.svg").status_code == 404


def test_the_menu_of_folds_names_each_frame(pages):
    page = graph(pages, counted_run())

    for path in ("graph-inner", "rounds", "each"):
        assert re.search(rf'data-turn="{path}">Fold {path}</a>', page)
