"""The list of runs."""

import html
import re

import pytest

from dashboard.lists import columns, filters
from dashboard.runs import counts as status_counts
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app.models import Run


def rows_in(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('data-run="')[1:]]


def test_every_row_explains_the_status_of_its_run(pages):
    started()
    started(title="break")
    started(amount=5)
    flows.approval.create_run()

    page = pages.get("/runs/").content.decode()

    assert "May Desk be paid?" in page
    assert "ValueError: The &lt;b&gt;bank&lt;/b&gt; said no." in page
    assert "Not started yet." in page
    assert len(rows_in(page)) == 4


def test_runs_are_filtered_by_status_and_by_workflow(pages):
    suspended, ended, other = started(), started(amount=5), started(flows.open_flow)

    by_status = pages.get("/runs/?status=suspended").content.decode()
    by_workflow = pages.get("/runs/?workflow=pages-open").content.decode()

    assert rows_in(by_status) == [str(suspended.pk)]
    assert rows_in(by_workflow) == [str(other.pk)]
    assert str(ended.pk) in rows_in(pages.get("/runs/?status=nonsense").content.decode())


def test_no_run_yet_and_no_match_say_different_things(pages):
    assert "No runs yet" in pages.get("/runs/").content.decode()

    started()

    assert "No run matches" in pages.get("/runs/?status=failed").content.decode()


def test_pages_go_by_key_forth_and_back(pages, monkeypatch):
    monkeypatch.setattr(filters, "PAGE", 2)
    runs = [str(started(flows.open_flow).pk) for _ in range(5)][::-1]

    first = pages.get("/runs/").content.decode()
    second = pages.get(f"/runs/?before={runs[1]}").content.decode()
    last = pages.get(f"/runs/?before={runs[3]}").content.decode()
    back = pages.get(f"/runs/?after={runs[2]}").content.decode()

    assert [rows_in(page) for page in (first, second, last, back)] == [
        runs[:2],
        runs[2:4],
        runs[4:],
        runs[:2],
    ]
    assert "Older" not in last
    assert "Newer" not in first


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(
    pages, django_assert_max_num_queries
):
    started()
    started(title="break")
    pages.get("/runs/")
    with django_assert_max_num_queries(10):
        pages.get("/runs/")
    for _ in range(8):
        started()
        started(title="break")

    with django_assert_max_num_queries(10):
        pages.get("/runs/")


def test_script_gets_the_rows_it_has_in_their_order_and_the_count_of_newer_ones(pages):
    old, new = started(), started(flows.open_flow)
    newest = started(flows.open_flow)

    part = pages.get(
        f"/runs/?rows={new.pk},{old.pk},not-a-key", headers={"HX-Request": "true"}
    ).content.decode()

    assert rows_in(part) == [str(new.pk), str(old.pk)]
    assert str(newest.pk) not in part
    assert "1 new run:" in part
    assert "<html" not in part


def test_a_row_keeps_its_place_when_it_no_longer_matches_the_filter(pages):
    run = started()
    pages.post(f"/runs/{run.run_id}/cancel/")

    part = pages.get(
        f"/runs/?status=suspended&rows={run.pk}", headers={"HX-Request": "true"}
    ).content.decode()

    assert rows_in(part) == [str(run.pk)]
    assert 'data-status="canceled"' in part


def test_a_list_without_rows_gets_those_that_match_by_now(pages):
    empty = pages.get("/runs/?status=failed&rows=", headers={"HX-Request": "true"})
    started(amount=5)
    other = pages.get("/runs/?status=failed&rows=", headers={"HX-Request": "true"})
    failed = started(title="break")
    part = pages.get("/runs/?status=failed&rows=", headers={"HX-Request": "true"})

    assert " data-none" in empty.content.decode()
    assert "No run matches" in other.content.decode()
    assert " data-none" not in other.content.decode()
    assert rows_in(part.content.decode()) == [str(row_of(failed).pk)]


def test_no_payload_is_loaded_for_a_list(pages, django_assert_max_num_queries):
    started(note="x" * 1000)

    rows = list(filters.RunFilters().wanted())

    assert "input" in rows[0].get_deferred_fields()
    assert "x" * 1000 not in pages.get("/runs/").content.decode()


def test_newer_runs_are_counted_to_a_limit(db, monkeypatch):
    monkeypatch.setattr(filters, "MOST_NEWER", 1)
    first = row_of(started(flows.open_flow)).pk
    for _ in range(4):
        started(flows.open_flow)

    assert Run.objects.count() == 5
    assert filters.newer_than(filters.RunFilters(), first) == 2


def test_runs_are_found_by_time_and_by_id(pages):
    old, new = started(amount=5), started(amount=5)
    day = "2020-01-02"

    page = pages.get(f"/runs/?q={new.run_id[:-3]}").content.decode()

    assert f"/runs/{new.run_id}/" in page
    assert f"/runs/{old.run_id}/" not in page
    assert pages.get(f"/runs/?q={new.run_id}")["Location"] == f"/runs/{new.run_id}/"
    assert f"/runs/{new.run_id}/" in pages.get("/runs/?window=1h").content.decode()
    assert "up to 2020-01-02" in pages.get(f"/runs/?until={day}").content.decode()
    assert f"/runs/{old.run_id}/" in pages.get(f"/runs/?since={day}").content.decode()


def test_days_from_the_address_are_shown_and_can_be_cleared(pages):
    started(amount=5)

    page = pages.get("/runs/?status=success&since=2020-01-02&until=2120-03-04").content.decode()
    clear = re.search(r'href="([^"]+)" aria-label="Created 2020-01-02 to 2120-03-04', page)

    assert clear
    assert html.unescape(clear[1]) == "/runs/?status=success"
    assert "Created up to 2120-03-04" in pages.get("/runs/?until=2120-03-04").content.decode()


def test_days_beside_a_window_are_left_out(pages):
    page = pages.get("/runs/?window=24h&since=2020-01-02&until=2020-01-03&q=x").content.decode()

    assert "2020-01" not in page.partition("<main")[2].replace('"?', "")


def test_what_an_address_cannot_mean_is_left_out(pages):
    started(amount=5)

    page = pages.get("/runs/?window=ever&since=tomorrow&until=9999-99-99&q=%00").content.decode()

    assert "data-run=" in page


def test_a_filter_is_kept_when_another_one_changes(pages):
    started(amount=5)

    page = pages.get("/runs/?window=24h&q=x").content.decode()

    assert "?status=failed&amp;window=24h&amp;q=x" in page


def chips_in(page: str) -> dict[str, str]:
    found = re.findall(r'id="chip-(\w+)".*?chip-count num">([^<]*)<', page, re.DOTALL)
    return dict(found)


def test_chips_say_how_many_runs_of_the_list_have_each_status(pages):
    for _ in range(2):
        started()
    started(amount=5)
    started(flows.open_flow)

    every = chips_in(pages.get("/runs/").content.decode())
    approvals = chips_in(pages.get("/runs/?workflow=pages-approval&status=failed").content.decode())

    assert (every["all"], every["suspended"], every["success"], every["failed"]) == (
        "4", "2", "2", "0",
    )  # fmt: skip
    assert (approvals["all"], approvals["success"]) == ("3", "1")
    assert chips_in(pages.get("/runs/?window=1h").content.decode()) == every
    assert set(chips_in(pages.get("/runs/?until=2020-01-01").content.decode()).values()) == {"0"}


def test_chips_count_to_a_limit_in_one_query(pages, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(status_counts, "MOST", 2)
    for _ in range(4):
        started(amount=5)

    with django_assert_num_queries(1):
        assert status_counts.counted(filters.RunFilters())["success"] == 3
    chips = status_counts.chips_of(filters.RunFilters())

    assert [chip.count for chip in chips if chip.has_any] == ["0k+", "0k+"]


def test_what_a_search_finds_is_not_counted(pages, django_assert_num_queries):
    run = started()

    with django_assert_num_queries(0):
        chips = status_counts.chips_of(filters.RunFilters(search=run.run_id))

    assert {chip.count for chip in chips} == {""}
    assert "chip-count" not in pages.get(f"/runs/?q={run.run_id[:-1]}").content.decode()


def test_rows_show_the_key_fields_of_the_input_by_their_labels(pages):
    started(title="Chair <i>", amount=5)

    page = pages.get("/runs/").content.decode()

    assert 'title="Title"><span class="unseen">Title</span> Chair &lt;i&gt;</span>' in page
    assert '<span class="fact-name">Amount</span> 5' in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (None, []),
        ("null", []),
        ('"plain"', ["plain"]),
        ("7", ["7"]),
        ("[1, 2]", []),
        ('{"a": "x", "b": {"c": 1}, "d": true, "e": 1.5, "f": "late"}', ["x", "yes", "1.5"]),
        ('{"a": "%s"}' % ("y" * 90), ["y" * 31 + "…"]),
        ('{"cut', []),
    ],
)
def test_inputs_of_unknown_types_show_the_small_values_they_begin_with(text, shown):
    assert [fact.text for fact in columns.facts_of("nowhere", text)] == shown


def test_a_large_input_is_not_read_for_a_row(pages):
    started(note="x" * (columns.MOST_BYTES + 1))

    assert 'class="fact"' not in pages.get("/runs/").content.decode()


def test_columns_are_chosen_in_the_address_and_remembered(pages):
    started()
    usual = pages.get("/runs/").content.decode()

    chosen = pages.get("/runs/?col=status&col=timeline&col=nonsense&col=took")
    again = pages.get("/runs/").content.decode()
    other = pages.get("/runs/?cols=run.reason").content.decode()
    none = pages.get("/runs/?col=status").content.decode()

    assert headings(usual) == ["Run", "Input", "Waits for, or why it failed", "Started", "Took"]
    assert headings(chosen.content.decode()) == headings(again) == ["Timeline", "Took"]
    assert "cols=timeline.took" in html.unescape(chosen.content.decode())
    assert headings(other) == ["Run", "Waits for, or why it failed"]
    assert headings(none) == []
    assert headings(pages.get("/runs/").content.decode()) == []


def headings(page: str) -> list[str]:
    found = re.findall(r'<th scope="col">([^<]+)</th>', page)
    return [heading for heading in found if heading not in {"Status", "Workflow"}]


def test_rows_offer_what_the_person_may_do_and_the_run_allows(pages, person):
    asking, ended = started(), started(amount=5)
    _, looker = person("view_run")
    _, canceler = person("view_run", "cancel_run")

    page = pages.get("/runs/").content.decode()

    assert f'/runs/{asking.run_id}/cancel/" data-dialog' in page
    assert f'/runs/{ended.run_id}/rerun/" data-dialog' in page
    assert f"/runs/{ended.run_id}/cancel/" not in page
    assert "data-dialog" not in looker.get("/runs/").content.decode()
    page = canceler.get("/runs/").content.decode()
    assert f"/runs/{asking.run_id}/cancel/" in page
    assert f"/runs/{ended.run_id}/rerun/" not in page


def test_two_marked_runs_are_compared_the_older_one_first(pages):
    old, new = started(amount=5), started(amount=6)

    page = pages.get(f"/runs/compare/?run={new.run_id}&run={old.run_id}").content.decode()

    assert f'name="a" value="{old.run_id}"' in page
    assert f'name="b" value="{new.run_id}"' in page
