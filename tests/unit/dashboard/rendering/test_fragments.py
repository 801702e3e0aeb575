"""A piece of a page is drawn once for the same values, and never shown for others."""

import threading

import pytest
from django import template
from django.utils.html import format_html

from dashboard.rendering import fragments
from dashboard.run.shown_payloads import Payload
from dashboard.values.previews import Preview


class Counted:
    """Something to show, which counts how often it was drawn."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.drawn = 0

    def __str__(self) -> str:
        self.drawn += 1
        return self.text


def compiled(source: str) -> template.Template:
    return template.Template("{% load signalbox %}" + source)


def shown(page: template.Template, **values) -> str:
    return page.render(template.Context(values))


def test_what_shows_the_same_is_drawn_once():
    page, said = compiled("{% kept name %}{{ said }}{% endkept %}"), Counted("<b>")

    assert [shown(page, name="a", said=said) for _ in range(3)] == ["&lt;b&gt;"] * 3
    assert said.drawn == 1


def test_what_differs_in_any_value_is_drawn_of_its_own():
    page = compiled("{% kept offer person %}{{ offer }} {{ person }}{% endkept %}")

    assert shown(page, offer="Cancel", person="ana") == "Cancel ana"
    assert shown(page, offer="Cancel", person="bea") == "Cancel bea"
    assert shown(page, offer="", person="bea") == " bea"


def test_equal_values_that_are_written_otherwise_are_apart():
    page = compiled("{% kept value %}{{ value }}{% endkept %}")

    assert [shown(page, value=value) for value in (1, True, 1.0)] == ["1", "True", "1.0"]


def test_two_places_with_the_same_values_are_apart():
    page = compiled("{% kept name %}a{% endkept %}{% kept name %}b{% endkept %}")

    assert shown(page, name="x") + shown(page, name="x") == "abab"


def test_without_a_first_value_nothing_is_kept():
    page, said = compiled("{% kept mark %}{{ said }}{% endkept %}"), Counted("x")

    assert shown(page, mark=None, said=said) + shown(page, said=said) == "xx"
    assert said.drawn == 2


def test_what_is_safe_stays_safe_and_what_is_not_is_escaped_once():
    page = compiled("{% kept name %}{{ name }}{% endkept %}")
    name = format_html("<b>{}</b>", "&")

    assert [shown(page, name=name) for _ in range(2)] == ["<b>&amp;</b>"] * 2
    assert [shown(page, name=str(name) + "") for _ in range(2)] == [
        "&lt;b&gt;&amp;amp;&lt;/b&gt;"
    ] * 2


def test_large_pieces_are_drawn_each_time_and_old_ones_are_forgotten(monkeypatch):
    kept = fragments.Fragments()
    monkeypatch.setattr(fragments, "MOST_KEPT", 2)
    html = format_html("{}", "x")

    for key in ("a", "b", "c"):
        kept.keep(key, html)
    kept.keep("large", format_html("{}", "x" * (fragments.MOST_CHARACTERS + 1)))

    found = [kept.get(key) for key in ("a", "b", "c", "large")]
    assert found == [None, "x", "x", None]


def test_threads_that_draw_at_once_show_each_their_own():
    page = compiled("{% kept name %}{{ name }}{% endkept %}")
    found: list[bool] = []

    def draw(number: int) -> None:
        found.extend(
            shown(page, name=f"{number}-{n % 7}") == f"{number}-{n % 7}" for n in range(50)
        )

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [True] * 200


def test_a_tag_without_values_is_refused():
    with pytest.raises(template.TemplateSyntaxError, match="kept needs"):
        compiled("{% kept %}{% endkept %}")


def test_the_mark_of_a_value_tells_apart_all_that_its_drawing_shows():
    def drawn(text: str, most: int = 400) -> Payload:
        payload = Payload("Input", Preview(text, len(text), "/raw/"), "input", "/own/")
        payload.draw(most)
        return payload

    value = "[1, 2, 3]"
    assert drawn(value).mark == drawn(value).mark
    away = drawn(value)
    away.is_away = True
    others = [drawn("[1, 2, 4]"), drawn(value, 2), away]
    assert drawn(value).mark not in [other.mark for other in others]
    assert drawn(f'"{"x" * 5000}"').mark is None
