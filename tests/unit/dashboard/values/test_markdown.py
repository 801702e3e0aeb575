"""What authors write in Markdown: shown as they meant it, and harmless whatever it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.values.markdown import MOST_TITLE, line_of, words_of

TAGS = re.compile(r"<(/?)([a-z0-9]+)([^>]*)>")
KNOWN = {
    "a", "blockquote", "br", "code", "em", "hr", "li", "ol", "p", "pre", "s", "strong", "table",
    "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
SAFE = re.compile(
    r'( (href="(?!\s*(javascript|data|vbscript|file):)[^"]*"|target="_blank"'
    r'|rel="noopener noreferrer nofollow"|class="heading"|start="\d+"))* ?/?'
)

EVIL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "# <svg onload=alert(1)>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java&#115;cript:alert(1))",
    "[a](&#x6A;avascript:alert(1))",
    "[a](javascript&colon;alert(1))",
    "[a]( javascript:alert(1) )",
    "[a](<java\tscript:alert(1)>)",
    "[a](vbscript:x) [b](file:///etc/passwd)",
    "<javascript:alert(1)>",
    "[a][b]\n\n[b]: javascript:alert(1)",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](data:image/png;base64,AAAA)",
    "![a](data:image/svg+xml,<svg/onload=alert(1)>)",
    "![a](https://elsewhere.example/pixel.png)",
    "[![a](https://elsewhere.example/pixel.png)](javascript:alert(1))",
    '[a](https://elsewhere.example "x\\" onmouseover=\\"alert(1)")',
    '[a](https://elsewhere.example/"onmouseover="alert(1))',
    "```x\" onload=\"alert(1)\n</code></pre><script>alert(1)</script>\n```",
    "<style>body{display:none}</style><iframe src=//elsewhere.example></iframe>",
    "| a |\n|:-:|\n| <b style=x> |",
    "<a href='javascript:alert(1)'>x</a>",
]  # fmt: skip


def holds(html: str) -> None:
    """Only tags and attributes that can do nothing are left."""
    for _, tag, rest in TAGS.findall(html):
        assert tag in KNOWN, html
        assert SAFE.fullmatch(rest), html
    assert html.count("<") == len(TAGS.findall(html))


@pytest.mark.parametrize("text", EVIL)
def test_nothing_in_it_can_run_or_load(text):
    words = words_of(text)

    holds(words.title)
    holds(words.body)


@given(st.text(alphabet=list("<>[]()!`*_#|-:&;\"'/\\ \nabjavscriptdx=0")))
def test_no_text_at_all_makes_other_tags(text):
    words = words_of(text)

    holds(words.title)
    holds(words.body)
    assert "\n" not in line_of(text)


def test_html_in_it_is_read_as_it_was_typed():
    assert words_of("Pay <b>450</b>?").title == "Pay &lt;b&gt;450&lt;/b&gt;?"


def test_the_first_short_block_is_the_title_and_the_rest_the_body():
    words = words_of("## May *Desk* be paid?\n\n- oak\n- `2 m`\n")

    assert words.title == "May <em>Desk</em> be paid?"
    assert words.body == "<ul>\n<li>oak</li>\n<li><code>2 m</code></li>\n</ul>"


def test_a_long_first_paragraph_is_no_title():
    words = words_of("long " * MOST_TITLE)

    assert words.title == ""
    assert words.body.startswith("<p>long")


def test_headings_in_the_body_leave_the_order_of_headings_to_the_page():
    assert words_of("Go?\n\n# Why").body == '<p class="heading">Why</p>'


def test_a_picture_is_a_link_to_it():
    body = words_of("Go?\n\n![The desk](https://shop.example/desk.png)").body

    assert "<img" not in body
    assert ">The desk</a>" in body
    assert 'href="https://shop.example/desk.png"' in body


def test_links_open_beside_the_form_and_tell_nobody_where_from():
    title = words_of("See [the order](/runs/7/).").title

    assert 'href="/runs/7/"' in title
    assert 'target="_blank"' in title
    assert 'rel="noopener noreferrer nofollow"' in title


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("**Pay** 3 * 4 * 5 for snake_case_name?", "Pay 3 * 4 * 5 for snake_case_name?"),
        ("# Pay?\n\n- a\n- b", "Pay?"),
        ("- a\n- b\n\nPay?", "a b Pay?"),
        ("Pay?\nNow?", "Pay? Now?"),
        ("![desk](x.png) and [this](y)", "desk and this"),
        ("```\ncode\n```", "code"),
        ("", ""),
    ],
)
def test_a_line_of_a_list_shows_no_marks(text, line):
    assert line_of(text) == line
