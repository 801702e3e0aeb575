"""Characters that nobody sees: no page carries one, and each page shows that they are there."""

import html
import json
import re

import pytest

from dashboard.values import plain_sight
from tests.integration.dashboard import everywhere
from tests.integration.dashboard.conftest import question_of, row_of
from workflows_app.jsontext import Raw
from workflows_app.models import Action, Run, RunEvent, StepSnapshot

#: A right-to-left override, a zero-width space, a control character, an isolate, a soft hyphen.
SLY = "Pay \u202e00.1 €\u200b to\x07 \u2066me\xad."
SEEN = "U+202E"


@pytest.fixture
def ana(ana):
    ana.username = f"ana {SLY}"
    ana.save()
    return ana


def shown(response) -> str:
    """Return a page, without what forms hold, which is sent back as it came."""
    page = response.content.decode()
    return re.sub(r"<textarea.*?</textarea>|\svalue=\"[^\"]*\"", "", page, flags=re.DOTALL)


@pytest.mark.sqlite_only  # about templates
def test_no_page_carries_a_character_that_nobody_sees(pages, ana):
    for name, where in everywhere.addresses(SLY, ana).items():
        response = pages.get(where, follow=True)
        page = shown(response)

        assert response.status_code in {200, 409}, name
        hidden = plain_sight.ODD.search(page)
        assert hidden is None, f"{name}: {page[hidden.start() - 80 : hidden.end() + 20]!r}"
        # The person's name, if nothing else; a drawing to keep names steps alone.
        assert SEEN in page or where.endswith(".svg"), name


@pytest.mark.parametrize("tab", ["graph", "timeline", "events", "data", "related", "audit"])
def test_a_live_part_carries_none_either(pages, ana, tab):
    run = everywhere.started(SLY, ana)

    page = shown(pages.get(f"/runs/{run.run_id}/?tab={tab}", headers={"HX-Request": "true"}))

    assert SEEN in page
    assert plain_sight.ODD.search(page) is None


def test_a_question_and_its_facts_say_what_turns_them_around(pages, ana):
    run = everywhere.started(SLY, ana)

    page = pages.get(f"/runs/{run.run_id}/").content.decode()
    question = page.partition('class="question"')[2].partition("</section>")[0]

    assert 'title="right-to-left override: a character that is not seen by itself"' in question
    assert question.count(SEEN) > 4
    assert "<bdi>" in question


def test_a_form_sends_back_exactly_what_it_was_filled_with(pages, ana):
    run = everywhere.started(SLY, ana)

    page = pages.get(f"/workflows/everywhere/start/?from={run.run_id}").content.decode()
    (text,) = re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[:1]

    assert "\u202e" not in page
    assert json.loads(html.unescape(text))["text"] == SLY


BROKEN = [
    '{"question":"caf\\udce9.txt","\\udce9":"\\u0000","n":[1,"\\ud83d"]}',
    '"\\udce9\\u0000"',
    '{"type":"Lost","message":"\\udce9\\u0000","traceback":"\\udce9\\u0000","details":{"a":"\\udce9"}}',
    '["\\u0000",{"text":"\\udce9"}]',
    '{"answer":"\\udce9","text":"' + "x" * 5000 + '\\ud83d\\udce9"}',
]


@pytest.mark.parametrize("value", BROKEN)
def test_no_page_fails_for_half_a_surrogate_pair_that_is_stored(pages, ana, value):
    found = everywhere.addresses("fine", ana)
    text = Raw(value)
    StepSnapshot.objects.update(
        payload=text, output=text, suspend_payload=text, resume_payload=text, error=text
    )
    StepSnapshot.objects.exclude(payload_from="").update(payload_from="")
    Run.objects.update(input=text, result=text, state=text, error=text)
    events = Raw(
        '[{"type":"workflow-step-output","payload":{"path":"take","output":' + value + "}}]"
    )
    RunEvent.objects.filter(first_seq__gte=5).update(events=events)

    for name, where in found.items():
        response = pages.get(where, follow=True)
        assert response.status_code in {200, 409}, name
        response.content.decode()


def test_no_live_part_fails_for_it(pages, ana):
    run = everywhere.started("fine", ana)
    step = question_of(run)
    StepSnapshot.objects.filter(pk=step.pk).update(suspend_payload=Raw(BROKEN[0]))

    for where in (f"/runs/{run.run_id}/", "/inbox/?rows=", "/runs/?rows=" + str(row_of(run).pk)):
        response = pages.get(where, headers={"HX-Request": "true"})
        assert "dce9" in response.content.decode().lower()


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_audit_trail_is_exported_whatever_it_holds(pages, ana, form):
    run = everywhere.started("fine", ana)
    run.cancel(actor=ana)
    Action.objects.update(data=Raw('{"reason":"caf\\udce9.txt"}'))

    answer = pages.get(f"/audit/export.{form}")

    assert answer.status_code == 200
    assert "udce9.txt" in answer.content.decode()
