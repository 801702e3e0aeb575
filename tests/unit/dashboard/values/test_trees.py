"""Values as trees: bounded by rows, depth and length, whatever they hold."""

import json

import pytest
from django.template.loader import render_to_string

from dashboard.run.shown_payloads import Payload
from dashboard.values.previews import Preview
from dashboard.values.trees import MOST_CHARACTERS, MOST_INSIDE, MOST_ROWS, Tree, TreeNode, tree_of

NASTY = "</span><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def grown(value: object, most: int = MOST_ROWS) -> Tree:
    tree = tree_of(json.dumps(value), most)
    assert tree is not None
    return tree


def nodes(tree: Tree) -> list[TreeNode]:
    return [row.node for row in tree.rows if row.shape in {"branch", "leaf"}]


def drawn(text: str) -> str:
    payload = Payload("Input", Preview(text, len(text), "/raw/"), "input", "/values/")
    payload.draw()
    return render_to_string("dashboard/run/payload.html", {"payload": payload})


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "null", "null"),
        (True, "boolean", "true"),
        (0, "number", "0"),
        (1.5, "number", "1.5"),
        ("null", "string", '"null"'),
        ("", "string", '""'),
        ({}, "object", "{}"),
        ([], "array", "[]"),
    ],
)
def test_a_value_looks_like_its_type(value, kind, text):
    (row,) = grown(value).rows

    assert (row.shape, row.node.kind, row.node.text) == ("leaf", kind, text)


def test_rows_stand_in_the_order_of_the_page_and_know_their_paths():
    tree = grown({"lines": [{"price": 2}], "a b": 1})

    assert [(row.shape, row.node.step) for row in tree.rows] == [
        ("branch", "$"),
        ("branch", ".lines"),
        ("branch", "[0]"),
        ("leaf", ".price"),
        ("end", "[0]"),
        ("end", ".lines"),
        ("leaf", '["a b"]'),
        ("end", "$"),
    ]
    assert tree.is_whole


def test_a_huge_list_is_cut_and_says_how_much_is_left():
    tree = grown(list(range(10_000)))

    assert tree.size == MOST_INSIDE + 1
    assert tree.root.left_words == "… 9,900 more items"
    assert not tree.is_whole


def test_rows_are_given_out_level_by_level():
    tree = grown({"first": [list(range(90)) for _ in range(90)], "last": {"x": 1}})

    assert tree.size <= MOST_ROWS
    assert [node.name for node in tree.root.inside] == ["first", "last"]
    assert tree.root.inside[1].inside[0].value == 1
    assert tree.root.inside[0].inside[-1].left_words == "… 90 items"


def test_the_first_two_levels_are_open_while_they_are_small():
    small = grown({"a": {"b": {"c": 1}}})
    large = grown({"a": list(range(60)), "b": [1]})

    assert [node.is_open for node in nodes(small)] == [True, True, False, False]
    assert [(node.name, node.is_open) for node in large.root.inside] == [("a", False), ("b", True)]


@pytest.mark.parametrize("depth", [100, 190, 500, 10_000, 32_000])
def test_deep_nesting_is_bounded_or_stays_text(depth):
    text = "[" * depth + "]" * depth
    tree = tree_of(text)

    if tree is not None:
        assert tree.size <= 42
        assert not tree.is_whole
    assert 'class="payload viewer"' in drawn(text)


def test_a_long_string_is_cut_and_its_length_said():
    node = grown({"note": "y" * 12_345}).root.inside[0]

    assert node.text == '"' + "y" * MOST_CHARACTERS + "…"
    assert node.says == "12,345 characters"


def test_a_long_key_is_cut_where_it_is_shown_and_stays_distinct():
    tree = grown({"k" * 5000: 1, "k" * 5001: 2})

    assert all(len(node.name) < 510 for node in nodes(tree))
    assert len({node.key for node in nodes(tree)}) == 3


def test_big_numbers_keep_every_digit():
    assert tree_of("[12345678901234567890123]").root.inside[0].text == "12345678901234567890123"
    tree = tree_of(f"[{'9' * 5000}]")
    assert tree is None


@pytest.mark.parametrize("text", ["", "{", "[1,", "nul", '{"a":1}x'])
def test_text_that_is_not_json_has_no_tree(text):
    assert tree_of(text) is None


def test_nul_and_half_characters_can_be_sent():
    html = drawn(r'{"a\u0000b":"x\u0000y","\ud800":"\udfff"}')

    assert r"x\u0000y" in html
    assert "\x00" not in html
    html.encode()


def test_markup_in_keys_and_values_is_text():
    html = drawn(json.dumps({NASTY: NASTY, "list": [{NASTY: {NASTY: [NASTY]}}]}))

    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_what_was_cut_off_shows_its_beginning():
    payload = Payload("Input", Preview('{"a": [1, 2', 90_000, "/raw/"))
    payload.draw()
    html = render_to_string("dashboard/run/payload.html", {"payload": payload})

    assert "{&quot;a&quot;: [1, 2…" in html
    assert "Only the beginning is shown here." in html


def test_a_value_away_is_a_link():
    payload = Payload("Input", Preview("[1,2,3]", 7, "/raw/"), "input", "/values/")

    assert payload.draw_within(2) == 0
    assert payload.is_away
    assert payload.draw_within(4) == 4
    assert not payload.is_away
