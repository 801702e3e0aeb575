"""Questions in Markdown, on each page that shows one."""

import html
import re

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import question_of

ASKED = "Print **all** of it?\n\n- the cover\n- the index\n\n<script>alert(1)</script>"
EVIL = "[Go](javascript:alert(1)) ![dot](https://elsewhere.example/dot.png) <img src=x onerror=x()>"


def asking(text: str):
    run = flows.reading.create_run()
    run.start(text)
    run.refresh()
    return run


def pages_of(run) -> list[str]:
    item = question_of(run).suspension
    return [
        f"/inbox/?tab=all&item={item}",
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/answer/{item}/",
    ]


def main_of(answer):
    text = answer.content.decode()
    return text.partition("<main")[2].partition("</main>")[0]


@pytest.mark.parametrize("where", range(3))
def test_a_question_looks_as_its_author_meant_it(pages, where):
    page = main_of(pages.get(pages_of(asking(ASKED))[where]))

    assert "Print <strong>all</strong> of it?" in page
    assert "<li>the cover</li>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page
    assert "<dt>Pages</dt>" in page
    assert "<dt>Question</dt>" not in page  # it is said already


@pytest.mark.parametrize("where", range(3))
def test_what_a_stranger_typed_into_it_cannot_run_or_load(pages, where):
    page = main_of(pages.get(pages_of(asking(EVIL))[where]))
    said = html.unescape(page)

    assert "<img" not in page
    assert 'href="javascript:' not in said.lower()
    assert 'href="https://elsewhere.example/dot.png"' in page


def test_lists_show_a_question_in_one_plain_line(pages):
    asking(ASKED)

    for address in ("/inbox/", "/runs/", "/"):
        given = r'<td data-label="Input".*?</td>'  # where the run got its question from
        page = re.sub(given, "", main_of(pages.get(address)), flags=re.DOTALL)
        assert "Print all of it?" in page
        assert "**" not in page
        assert "the cover" not in page


def test_a_question_that_is_too_long_is_shown_from_its_beginning(pages):
    run = asking("Read?\n\n" + "word \\u00e9\n\n" * 2000)

    page = main_of(pages.get(pages_of(run)[0]))

    assert "<h2>Read?</h2>" in page
    assert "<p>word" in page
    assert "Only the beginning is shown" in page
