"""No word of any page bypasses the translations."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.utils import timezone, translation
from django.utils.translation import trans_real

from dashboard.rendering import in_scripts
from tests.integration.dashboard import everywhere
from tests.integration.dashboard.conftest import row_of
from workflows_app import Workflow, emit, from_init, step
from workflows_app.definition import registry
from workflows_app.models import Run

#: What people read of a page outside its texts.
READ = ("title", "aria-label", "placeholder", "data-label", "alt")
#: Elements whose texts are values, names or code, by their names and their classes.
CODE = frozenset({"code", "pre", "kbd", "style", "script", "option", "textarea"})
NAMES = frozenset(
    {
        "change-path",
        "condition",
        "words",
        "mono",
        "step-name",
        "key",
        "value",
        "id",
        "asked",
        "ask-link",
        "said",
        "crumbs",
    }
)
VOID = frozenset({"meta", "link", "input", "br", "use", "rect", "line", "path", "circle", "img"})
#: The names and values of these runs, and words that are the same in every language.
KNOWN = frozenset(
    {
        "Signalbox", "Everywhere", "everywhere", "Redis", "SQLite", "PostgreSQL", "JSON", "CSV",
        "Python", "curl", "UTC", "SVG", "ana", "API", "take", "ask", "end", "left", "right", "map",
        "each", "one", "text", "seen", "answer", "fail", "Europe", "Amsterdam", "Refused",
        "LookupError", "python", "read", "payloads", "steer", "admin", "Text", "message",
        "KeyError", "CET", "CEST", "workflows", "app", "html", "start", "true",
    }
)  # fmt: skip


class Marked(trans_real.DjangoTranslation):
    """A language whose words are the English ones between two signs."""

    def __init__(self):
        self.plural = lambda number: int(number != 1)

    def language(self):
        return "de"

    to_language = language

    def gettext(self, message):
        if message == "en":  # `languages.shown` asks so
            return "de"
        return message and f"⟦{message.partition(trans_real.CONTEXT_SEPARATOR)[2] or message}⟧"

    def ngettext(self, singular, plural, number):
        return self.gettext(singular if number == 1 else plural)

    def pgettext(self, _context, message):
        return self.gettext(message)

    @property
    def _catalog(self):
        return Everything()


class Everything:
    """What a language without a catalogue of its own has."""

    def get(self, _key, default=None):
        return default


class Bare(HTMLParser):
    """The words of a page that are not between the signs."""

    def __init__(self, known):
        super().__init__()
        self.known = known
        self.found = []
        self.inside = []
        self.depth = 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag not in VOID:
            is_name = tag in CODE or NAMES & set((given.get("class") or "").split())
            self.inside.append((tag, bool(is_name)))
        for name in READ:
            self.take(given.get(name) or "", is_attribute=True)

    def handle_startendtag(self, tag, attrs):
        for name in READ:
            self.take(dict(attrs).get(name) or "", is_attribute=True)

    def handle_endtag(self, tag):
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data):
        self.take(data)

    def take(self, text, *, is_attribute=False):
        depth = 0 if is_attribute else self.depth
        bare = ""
        for sign in text:
            depth += {"⟦": 1, "⟧": -1}.get(sign, 0)
            bare += sign if depth == 0 and sign not in "⟦⟧" else " "
        if not is_attribute:
            self.depth = depth
        if not is_attribute and any(is_name for _, is_name in self.inside):
            return
        bare = re.sub(r"workflow-[\w-]+|[\w-]*\d[\w-]*|\S*[/_.=@]\w\S*|a text", " ", bare)
        self.found += [word for word in re.findall(r"[^\W\d_]{3,}", bare) if word not in self.known]


def words_of_workflows():
    """Return the words with which the authors of the workflows here describe them."""
    texts = [json.dumps(each.graph(), ensure_ascii=False) for each in registry.all()]
    return frozenset(re.findall(r"[^\W\d_]{3,}", " ".join(texts)))


@pytest.fixture
def marked(monkeypatch):
    """Let German words be marked English ones."""
    monkeypatch.setitem(trans_real._translations, "de", Marked())
    in_scripts.words_in.cache_clear()
    yield
    in_scripts.words_in.cache_clear()


def bare_words(browser, addresses, known=KNOWN):
    """Return the words of pages that are not between the signs, by the page."""
    wrong = {}
    for name, where in addresses.items():
        with translation.override("de"):
            page = browser.get(where, follow=True, headers={"accept-language": "de"})
        reader = Bare(known | words_of_workflows())
        reader.feed(page.content.decode())
        assert "⟦" in page.content.decode(), name
        if reader.found:
            wrong[name] = sorted(set(reader.found))
    return wrong


@pytest.mark.sqlite_only  # about templates
def test_every_word_of_every_page_passes_through_the_translations(pages, ana, marked):
    assert bare_words(pages, everywhere.addresses("a text", ana)) == {}


@pytest.mark.sqlite_only  # about templates
def test_so_do_the_words_of_what_is_paused(pages, person, ana, marked):
    run, held = (everywhere.started("a text", ana) for _ in range(2))
    held.pause("a text", actor=ana)
    everywhere.everything.pause_intake("a text", actor=ana)
    waiting = everywhere.everything.create_run()
    waiting.start({"text": "a text", "n": 1}, actor=ana, wait=False)
    _, blind = person("view_run", values=False)

    found = {
        "paused": f"/runs/{held.run_id}/",
        "letting it on": f"/runs/{held.run_id}/proceed/",
        "waits to begin": f"/runs/{waiting.run_id}/",
        "starting it": f"/runs/{waiting.run_id}/pause/",
        "list": "/runs/",
        "workflow": "/workflows/everywhere/",
        "intake": "/workflows/everywhere/intake/resume/",
        "intake again": "/workflows/everywhere/intake/pause/",
        "no such thing": "/workflows/everywhere/intake/drain/",
        "audit": "/audit/",
    }
    assert bare_words(pages, found) == {}
    locked = {"run": f"/runs/{run.run_id}/", "data": f"/runs/{run.run_id}/?tab=data"}
    assert bare_words(blind, {**locked, "list": "/runs/", "inbox": "/inbox/?tab=all"}) == {}
    everywhere.everything.resume_intake(actor=ana)
    pausing = {"intake": "/workflows/everywhere/intake/pause/"}
    assert bare_words(pages, pausing) == {}


@pytest.mark.sqlite_only  # about templates
def test_so_do_the_words_of_what_waits(pages, ana, marked):
    @step(id="ship")
    def ship(_data, ctx):
        return ctx.wait_for_event("parcel", "k", timeout=3600)

    flow = Workflow("words-wait").wait_for_event("payment", key=from_init("id"), id="paid")
    flow = flow.then(ship).commit()
    first, second = flow.create_run(), flow.create_run()
    first.start({"id": "o-1"}, actor=ana)
    second.start({"id": "o-2"}, actor=ana)
    emit("payment", "o-2", 1)
    emit("payment", "o-3", 1)
    again = Workflow("words-again").then(step(lambda value: value, id="check", retries=4)).commit()
    later = again.create_run()
    later.start(1, actor=ana)
    Run.objects.filter(run_id=later.run_id).update(status="running", ended_at=None)
    at = timezone.now() + timedelta(hours=1)
    row_of(later).steps.update(status="queued", retry_count=2, wake_at=at)

    found = {
        "event": f"/runs/{first.run_id}/",
        "event of a step": f"/runs/{second.run_id}/",
        "related": f"/runs/{second.run_id}/?tab=related",
        "audit": f"/runs/{second.run_id}/?tab=audit",
        "workflow": "/workflows/words-wait/",
        "list": "/runs/",
        "retry": f"/runs/{later.run_id}/",
        "go on": f"/runs/{later.run_id}/skip-wait/?step=check",
        "give up": f"/runs/{later.run_id}/give-up/?step=check",
        "cannot go on": f"/runs/{first.run_id}/give-up/",
    }
    # What such a step asks is a value with two keys, which are shown as those of any value.
    names = KNOWN | {"payment", "parcel", "ship", "paid", "check", "Event", "Key"}
    assert bare_words(pages, found, names) == {}
