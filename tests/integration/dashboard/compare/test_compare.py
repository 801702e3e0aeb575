"""Two runs, or two timelines of one, side by side."""

import html
import re

import pytest
from django.test import Client

from dashboard.compare import comparison
from dashboard.values import previews
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of, row_of, started
from workflows_app.models import Run, StepSnapshot


def page_of(client, a="", b="", **more):
    query = {"a": getattr(a, "run_id", a), "b": getattr(b, "run_id", b), **more}
    return client.get("/runs/compare/", {key: value for key, value in query.items() if value != ""})


def text_of(answer):
    """Return what people read of a page, in one line."""
    plain = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(html.unescape(plain).split())


def answered(**values):
    run = started(**values)
    run.resume({"approved": True}, suspension=question_of(run).suspension)
    run.refresh()
    return run


def copied(run, number):
    """Give a run more steps."""
    step = StepSnapshot.objects.filter(run=run.pk, path="pay").get()
    for n in range(number):
        step.pk, step.path, step.base_path = step.pk + 1000 + n, f"more-{n}", f"more-{n}"
        step.output = {"n": n, "run": run.run_id}
        step.save(force_insert=True)


def test_two_runs_tell_their_input_their_path_and_what_came_of_it(pages):
    small, large = started(amount=5), answered(amount=700)

    answer = page_of(pages, small, large)
    text = text_of(answer)

    assert answer.status_code == 200
    assert "amount 5 → 700" in text
    assert "2 taken by one run only" in text
    assert re.search(r"manager only B not taken success", text)
    assert re.search(r"small only A success not taken", text)
    assert re.search(r"check success success .* Output A raw", text)


def test_a_step_that_may_still_come_is_no_other_path(pages):
    waiting, done = started(amount=700), started(amount=5)

    text = text_of(page_of(pages, waiting, done))

    assert "2 taken by one run only" in text
    assert re.search(r"small only B not taken success", text)
    assert re.search(r"pay only B so far pending success", text)


def test_what_is_the_same_is_shown_when_it_is_asked_for(pages):
    one, other = started(amount=5), started(amount=5)

    assert "No step differs" in text_of(page_of(pages, one, other))
    text = text_of(page_of(pages, one, other, only="0"))
    assert "0 of 3 differ" in text
    assert "check success success" in text
    assert "The same." in text


def test_the_switch_and_the_swap_keep_what_was_chosen(pages):
    one, other = started(amount=5), started(amount=6)

    page = html.unescape(page_of(pages, one, other).content.decode())

    assert f'href="?a={other.run_id}&b={one.run_id}"' in page
    assert f'href="?a={one.run_id}&b={other.run_id}&only=0"' in page


def test_two_timelines_of_one_run_are_compared(pages):
    run = answered(amount=700)
    run.time_travel(step="pay", input_data={"travelled": True})

    text = text_of(page_of(pages, run, run, at="1", bt="2"))
    short = text_of(page_of(pages, run, at="1", bt="2"))

    assert row_of(run).timeline == 2
    assert "Timeline 1 of 2" in text
    assert "Timeline 2 of 2" in text
    assert "1 of 3 differ" in text
    assert "travelled" in text
    assert "pay" in short
    assert "Compare its last two timelines" in text_of(page_of(pages, run))


def test_it_says_which_run_is_missing_or_unknown(pages):
    run = started(amount=5)

    assert "Choose two runs" in text_of(page_of(pages))
    assert "Run B is not chosen yet." in text_of(page_of(pages, run))
    assert "Run A is not chosen yet." in text_of(page_of(pages, "", run))
    answer = page_of(pages, run, "nope")
    assert answer.status_code == 404
    assert "Run B: there is no run with the id “nope”." in text_of(answer)
    assert page_of(pages, "a\0b", run).status_code == 404


@pytest.mark.parametrize("number", ["2", "0", "x", "-1", "٣", "9" * 40])
def test_a_missing_timeline_is_named(pages, number):
    run = started(amount=5)

    answer = page_of(pages, run, run, bt=number)

    assert f"there is no timeline “{number}”" in text_of(answer)
    assert "it has only timeline 1" in text_of(answer)


def test_a_run_beside_itself_says_so(pages):
    run = started(amount=5)

    assert "nothing can differ" in text_of(page_of(pages, run, run))


def test_runs_of_different_workflows_are_still_put_side_by_side(pages):
    text = text_of(page_of(pages, started(amount=5), started(flows.open_flow)))

    assert "runs of different workflows, pages-approval and pages-open" in text
    assert re.search(r"anything only B not in its version success", text)


def test_items_are_in_the_order_of_their_index(pages):
    few, many = flows.items.create_run(), flows.items.create_run()
    few.start([1, 2])
    many.start([1, 2, *range(4, 40, 3)])
    rows = comparison.compare(
        *(
            comparison.side_of(letter, comparison.find([run.run_id])[run.run_id], 1, None)
            for letter, run in (("A", few), ("B", many))
        )
    ).rows

    assert [row.path for row in rows[:4]] == ["each", "each[0]", "each[1]", "each[2]"]
    assert [row.path for row in rows[11:14]] == ["each[10]", "each[11]", "each[12]"]
    assert [row.only for row in rows[:4]] == ["", "", "", "B"]


def test_more_steps_than_a_page_holds_are_counted(pages, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_ROWS", 2)
    small, large = started(amount=5), answered(amount=700)

    text = text_of(page_of(pages, small, large))

    assert "2 more steps are not compared here" in text
    assert "manager only B" in text
    assert "small only A" in text


def test_where_a_run_was_not_read_to_its_end_no_step_is_called_missing(pages, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_READ", 1)
    small, large = started(amount=5), answered(amount=700)

    answer = page_of(pages, small, large, only="0")
    table = answer.content.decode().partition("<table")[2]

    assert "Only the first" in text_of(answer)
    assert "only A" not in table
    assert "only B" not in table
    # The drawing asks for every entry that was taken.
    assert ("A", "small") in nodes_of(answer)


def nodes_of(answer):
    """Return the mark and the path of each node of the drawing."""
    found = re.findall(
        r'class="node" href="#at-([^"]+)"[^>]*data-mark="(\w+)"', answer.content.decode()
    )
    return [(mark, path) for path, mark in found]


def test_one_drawing_shows_where_the_two_part(pages):
    small, large = started(amount=5), answered(amount=700)

    nodes = nodes_of(page_of(pages, small, large))

    assert nodes == [("both", "check"), ("B", "manager"), ("A", "small"), ("both", "pay")]


def test_the_drawing_of_two_timelines_of_one_run(pages):
    run = started(amount=5)
    run.time_travel("pay")
    answer = page_of(pages, run, at="1", bt="2")

    assert {mark for mark, _ in nodes_of(answer)} == {"both", "none"}
    assert "Run A again" not in text_of(answer)


def test_a_is_run_again_with_the_input_of_b_where_that_is_allowed(pages, person):
    one, other = started(amount=5), started(amount=6)
    _, guest = person("view_run")

    page = page_of(pages, one, other).content.decode()
    seen = page_of(guest, one, other).content.decode()

    assert f'/workflows/{flows.approval.id}/start/?from={other.run_id}"' in page
    assert "start/?from=" not in seen
    assert "You need the permission to start runs." in seen
    assert f"http://testserver/runs/compare/?a={one.run_id}&amp;b={other.run_id}" in page


def test_errors_are_compared_without_their_tracebacks(pages):
    one, other = started(title="break", amount=5), started(amount=5)

    text = text_of(page_of(pages, one, other))

    assert "ValueError" in text
    assert "Traceback" not in text
    assert "No step differs" in text_of(page_of(pages, one, started(title="break", amount=5)))


def test_large_values_differ_by_size_and_link_to_the_whole(pages):
    one = started(flows.open_flow, note="y" * 50_000)
    other = started(flows.open_flow, note="y" * 60_000)

    answer = page_of(pages, one, other)

    assert "Different, and too large to be compared field by field: A has 50." in text_of(answer)
    assert f"/runs/{one.run_id}/raw/input/" in answer.content.decode()
    assert len(answer.content) < 40_000
    again = started(flows.open_flow, note="y" * 50_000)
    assert "The same in size and beginning" in text_of(page_of(pages, one, again, only="0"))


def test_no_markup_of_anybody_gets_onto_the_page(pages):
    bad = "<script>alert(1)</script>"
    one = started(flows.open_flow, note=bad, **{bad: 1})
    other = started(flows.open_flow, note=f"{bad}!", **{f"{bad}2": 1})
    StepSnapshot.objects.filter(run=one.pk).update(path=bad, base_path=bad)

    for answer in (page_of(pages, one, other), page_of(pages, bad, f'">{bad}', at=bad, bt=bad)):
        page = answer.content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


def test_it_costs_the_same_for_three_steps_and_for_a_hundred(pages, django_assert_max_num_queries):
    small, large = answered(amount=700), answered(amount=800)
    with django_assert_max_num_queries(12) as few:
        page_of(pages, small, large)
    for run in (small, large):
        copied(run, 100)

    with django_assert_max_num_queries(12) as many:
        answer = page_of(pages, small, large)

    assert "103 of 103 differ" in text_of(answer)
    assert len(many) <= len(few)


def test_two_timelines_cost_no_more(pages, django_assert_max_num_queries):
    run = answered(amount=700)
    run.time_travel(step="pay", input_data={"travelled": True})
    other = answered(amount=800)

    with django_assert_max_num_queries(12):
        page_of(pages, run, other, at="1", bt="1")


def test_a_viewer_may_compare_and_others_may_not(person):
    run = started(amount=5)
    _, viewer = person("view_run")
    _, stranger = person()

    assert page_of(viewer, run, run).status_code == 200
    assert page_of(stranger, run, run).status_code == 403
    assert page_of(Client(), run, run).status_code == 302


def test_looking_changes_nothing(pages):
    one, other = started(amount=5), started(amount=700)
    before = list(Run.objects.order_by("pk").values("revision", "event_seq", "status"))

    page_of(pages, one, other)

    assert pages.post("/runs/compare/").status_code == 405
    assert list(Run.objects.order_by("pk").values("revision", "event_seq", "status")) == before


def test_the_page_of_a_run_leads_here(pages):
    run = started()

    assert (
        f'href="/runs/compare/?a={run.run_id}"'
        in pages.get(f"/runs/{run.run_id}/").content.decode()
    )


def test_one_value_is_never_more_than_a_preview(pages):
    one, other = (
        started(flows.open_flow, note="x" * 3900),
        started(flows.open_flow, note="z" * 3900),
    )

    answer = page_of(pages, one, other)

    assert len(answer.content) < previews.LIMIT * 5
    assert "(3,900 characters)" in text_of(answer)
