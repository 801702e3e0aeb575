"""Characters that nobody sees: which are shown by their number, and which are left alone."""

import html

import pytest

from dashboard.values import plain_sight

SLY = [
    "\u202e", "\u202a", "\u2066", "\u2069", "\u200e", "\u200f", "\u061c", "\u200b", "\u2060",
    "\ufeff", "\xad", "\x00", "\x07", "\x1b", "\x7f", "\x85", "\r", "\u2028", "\u3164",
    "\U000e0041", "\ud83d", "\udce9", "\u180e", "\ufffb", "\u034f",
]  # fmt: skip


@pytest.mark.parametrize("character", SLY)
def test_text_shows_the_number_of_a_character_that_is_not_seen(character):
    page = plain_sight.made_visible(f"<p>Pay {character}00.1</p>")

    assert f">U+{ord(character):04X}</span>00.1</p>" in page
    assert character not in page
    page.encode()


@pytest.mark.parametrize("character", SLY)
def test_what_people_read_of_an_attribute_spells_it_out(character):
    page = plain_sight.made_visible(
        f'<a title="Pay {character}1" aria-label="{character}" href="/">x</a>'
    )

    spelled = f"[U+{ord(character):04X}]"
    assert page == f'<a title="Pay {spelled}1" aria-label="{spelled}" href="/">x</a>'


@pytest.mark.parametrize(
    "character", [c for c in SLY if c != "\0" and not "\ud800" <= c < "\ue000"]
)
def test_what_scripts_and_forms_read_stays_as_it_is(character):
    text = f"a{character}b"
    page = plain_sight.made_visible(
        f'<input value="{text}" name="{text}"><textarea>{text}</textarea><p id="{text}">'
    )

    assert "U+" not in page
    read = page if character in "\x07\x1b\x7f\x85" else html.unescape(page)
    assert read.count(text) == 4
    assert "\u202e" not in page


def test_what_html_cannot_carry_becomes_the_replacement_character_in_a_field():
    page = plain_sight.made_visible('<input value="\ud83d\0"><textarea>\udce9</textarea>')

    assert page == '<input value="\ufffd\ufffd"><textarea>\ufffd</textarea>'


def test_titles_options_and_labels_of_drawings_spell_it_out_without_an_element():
    for element in ("title", "option", "text"):
        page = plain_sight.made_visible(f"<{element}>a\u202eb</{element}><p>c\u202ed</p>")
        assert page.startswith(f"<{element}>a[U+202E]b</{element}><p>c<span")


def test_a_tag_is_told_from_what_looks_like_one():
    page = plain_sight.made_visible(
        '<a data-x="1 > 0" title=\'a\u202e"b\'>2 < 3 \u202e</a><!-- \u202e > -->'
    )

    assert page.startswith('<a data-x="1 > 0" title=\'a[U+202E]"b\'>2 < 3 <span class="odd"')
    assert page.endswith("</span></a><!--  > -->")


@pytest.mark.parametrize(
    "text",
    [
        "plain text, “quotes” – dashes … €",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER} and \N{HEAVY BLACK HEART}\ufe0f and 1\ufe0f\u20e3",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "क्\u200dष",
        "שלום عالم",
        "tab\tand\nline",
        "no\xa0break",
    ],
)
def test_what_correct_writing_needs_is_left_alone(text):
    page = f'<p title="{text}">{text}</p>'

    assert plain_sight.made_visible(page) == page


@pytest.mark.parametrize("text", ["ab\u200dc", "a\u200cb", "a\ufe0f", "\u200d", "x\u200d\N{WOMAN}"])
def test_a_joiner_that_joins_nothing_is_shown(text):
    assert "U+" in plain_sight.made_visible(f"<p>{text}</p>")


def test_what_is_marked_holds_the_character_for_those_who_copy_it():
    assert 'data-odd="202e"' in plain_sight.made_visible("<p>\u202e</p>")
