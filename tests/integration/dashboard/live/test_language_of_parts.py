"""A live part comes in the language of the page that orders it."""

import pytest
from django.http import Http404

from dashboard.live.shared import Part
from dashboard.run import audience as audiences
from dashboard.run.audience import Audience
from workflows_app import languages


def scope(accepted: str) -> dict[str, object]:
    headers = [(b"host", b"x"), (b"accept-language", accepted.encode())]
    return {"type": "websocket", "path": "/ws/runs/r/", "headers": headers, "query_string": b""}


@pytest.fixture
def drawn(monkeypatch):
    """The languages in which parts were drawn."""
    found = []

    def part(_request, _run_id, seen):
        found.append(languages.active())
        return Part("", seen)

    monkeypatch.setattr(audiences.run_views, "part", part)
    return found


def test_the_page_decides_and_otherwise_the_browser(ana, drawn):
    browser = Audience.of(scope("de"), ana)
    for one in (browser, browser.reading("en"), browser.reading("tlh")):
        one.draw("r", "/runs/r/", 1)
    assert drawn == ["de", "en", "de"]


def test_those_who_read_different_languages_share_no_part(ana):
    german, english = (Audience.of(scope(language), ana) for language in ("de", "en"))
    assert german.key != english.key
    assert german.reading("en").key != german.reading("de").key


def test_only_the_page_of_the_run_is_drawn(ana, drawn):
    with pytest.raises(Http404):
        Audience.of(scope("de"), ana).draw("r", "/runs/other/", 1)
    assert drawn == []
