"""In languages with decimal commas, programs read the same from a page."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone, translation

from tests.integration.dashboard import everywhere
from workflows_app.models import Run


class Read(HTMLParser):
    """All tags of a page with their attributes, except those that only people read."""

    #: `data-from` is a mark made of the beginning of a value, which may be a number of items.
    SAID = frozenset(
        {"title", "aria-label", "placeholder", "data-label", "data-title", "lang", "data-language"}
        | {"data-from"}
    )

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(each for each in attrs if each[0] not in self.SAID)))

    handle_startendtag = handle_starttag


#: What differs from one second to the next, and from one request to the next.
MOVING = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+[+\d:]*|csrf[^>]*|x-csrftoken[^}]*|"
    r"name=\"run_key\"[^>]*|data-rev[^>]*|<script id=\"words\".*?</script>|"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f-]{17}"
)


def tags_of(page: str) -> list[Any]:
    reader = Read()
    reader.feed(MOVING.sub("", page))
    return reader.tags


def in_language(pages, where: str, language: str) -> str:
    said = override_settings(LANGUAGE_CODE=language, USE_THOUSAND_SEPARATOR=True)
    with said, translation.override(language):
        return str(pages.get(where, follow=True).content.decode())


@pytest.mark.sqlite_only  # about templates
@pytest.mark.parametrize("language", ["de", "fr", "ar"])
def test_no_attribute_of_any_page_is_written_as_people_write_numbers(
    pages, ana, language, monkeypatch
):
    found = everywhere.addresses("a text", ana)
    Run.objects.update(event_seq=1_234_567)
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    for name, where in found.items():
        english = in_language(pages, where, "en")
        other = in_language(pages, where, language)
        ours, theirs = tags_of(english), tags_of(other)
        assert len(ours) == len(theirs), f"{name}: {set(ours) ^ set(theirs)}"
        differing = [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]]
        assert not differing, f"{name}: {differing[:3]}"
