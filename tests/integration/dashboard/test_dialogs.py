"""What each dialog says before anything happens, and why something cannot be done."""

import html

import pytest

from tests.integration.dashboard.conftest import question_of, row_of, started

WORDS = ("What will happen", "What will not", "same from Python")


def text_of(answer) -> str:
    assert answer.status_code in (200, 422), answer.status_code
    return html.unescape(answer.content.decode())


def test_each_page_with_a_form_for_an_answer_says_what_it_does(pages):
    run = started()
    item = question_of(run).suspension

    for address in (
        f"/inbox/?tab=all&item={item}",
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/answer/{item}/",
    ):
        page = text_of(pages.get(address))
        for words in WORDS:
            assert words in page, address
        assert f"run = get_workflow('pages-approval').get_run('{run.run_id}')" in page


def test_the_call_from_python_holds_what_was_typed_and_sends_nothing(pages):
    run = started()
    address = f"/runs/{run.run_id}/answer/{question_of(run).suspension}/"

    page = text_of(pages.post(address, {"tab": "form", "data.note": "ask Eva", "op": "python"}))

    assert "run.resume({'note': 'ask Eva'}, step='manager')" in page
    assert 'class="says" data-key' in page.replace(" open>", ">")
    assert row_of(run).status == "suspended"


def test_starting_says_what_it_does(pages):
    page = text_of(pages.get("/workflows/pages-approval/start/"))

    for words in WORDS[:2]:
        assert words in page


@pytest.mark.parametrize("name", ["cancel", "rerun"])
def test_an_act_says_the_same_from_python(pages, name):
    page = text_of(pages.get(f"/runs/{started().run_id}/{name}/"))

    for words in WORDS:
        assert words in page


def test_a_reason_is_text_that_everybody_can_read(pages, person):
    _, reader = person("view_run")
    run = started()

    page = text_of(reader.get(f"/runs/{run.run_id}/"))

    assert '<span class="why">You need the permission to answer suspended steps.</span>' in page
    assert 'title="You need' not in page
    step = text_of(reader.get(f"/runs/{run.run_id}/steps/check/"))
    assert '<span class="why">You need the permission to steer runs.</span>' in step


def test_every_page_says_the_zone_of_its_times(pages):
    pages.cookies["signalbox_zone"] = "Asia/Kolkata"

    page = text_of(pages.get("/inbox/"))

    assert "Times are in Asia/Kolkata, IST (+05:30)." in page
