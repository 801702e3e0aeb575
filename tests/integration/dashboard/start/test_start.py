"""Starting a run with the form that its input type makes."""

import re

import pytest
from django.core import signing
from django.utils.html import escape

from dashboard.request import drafts
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from tests.submitting import BOUNDARY, Form, multipart
from workflows_app.definition.faithful import MOST_DEPTH
from workflows_app.engine.run import payloads
from workflows_app.models import Action, Run

ADDRESS = "/workflows/pages-approval/start/"
FIELDS = {"tab": "form", "data.lines:rows": "0", "data.title": "Desk", "data.amount": "700"}


RESERVED = ('{"a": {"$signalbox:secret": "x"}}', '{"a": [{"$signalbox:secret-json": "{"}]}')
DEEP = '{"a": ' * (MOST_DEPTH + 1) + "1" + "}" * (MOST_DEPTH + 1)


def test_a_form_starts_a_run_and_leads_to_it(pages, ana):
    answer = pages.post(ADDRESS, FIELDS)

    run = Run.objects.get()
    assert answer.status_code == 302
    assert answer.url == f"/runs/{run.run_id}/"
    assert run.input == {"title": "Desk", "amount": 700, "lines": [], "note": ""}
    assert run.started_by == ana


def test_a_start_is_in_the_audit_trail_once(pages, ana):
    pages.post(ADDRESS, FIELDS)

    action = Action.objects.get()
    assert (action.verb, action.actor, action.actor_name) == ("start", ana, "ana")


@pytest.mark.parametrize("run_id", [None, "order-77.a"])
def test_a_run_that_waits_to_be_started_is_the_one_that_starts(pages, ana, run_id):
    waiting = flows.approval.create_run(run_id=run_id)

    page = pages.get(f"/runs/{waiting.run_id}/").content.decode()
    link = f"{ADDRESS}?run={waiting.run_id}"
    form = pages.get(link).content.decode()
    (key,) = re.findall(r'name="run_key" value="([^"]+)"', form)
    answer = pages.post(ADDRESS, {**FIELDS, "run_key": key})

    assert f'href="{link}"' in page
    assert f"{waiting.run_id}</a>, which was created and waits to be started." in form
    assert answer.url == f"/runs/{waiting.run_id}/"
    assert Run.objects.get().started_by == ana


def test_a_run_of_another_workflow_is_not_started_by_its_id(pages):
    other = flows.open_flow.create_run(run_id="elsewhere")

    form = pages.get(f"{ADDRESS}?run=elsewhere").content.decode()
    pages.post(ADDRESS, {**FIELDS, "run_key": "elsewhere"})

    assert "waits to be started" not in form
    assert other.refresh().status == "pending"
    assert Run.objects.get(workflow="pages-approval").run_id != "elsewhere"


def test_the_input_of_another_workflows_run_is_not_filled_in(pages):
    other = started(flows.open_flow, title="Foreign")

    page = pages.get(f"{ADDRESS}?from={other.run_id}").content.decode()
    nobody = pages.get(f"{ADDRESS}?from=nobody").content.decode()

    assert "belongs to the workflow “pages-open”, not to this one" in page
    assert "Foreign" not in page
    assert "There is no run nobody" in nobody


def test_an_input_too_large_for_a_form_is_not_read(pages, monkeypatch):
    large = started(amount=5, note="x" * 300_000)
    monkeypatch.setattr(payloads, "run_input", None)

    page = pages.get(f"{ADDRESS}?from={large.run_id}").content.decode()

    assert "too large to be changed in a form" in page
    assert "x" * 200 not in page  # but the beginning among the recent inputs


def test_a_wrong_value_is_said_beside_its_field_and_nothing_is_lost_or_started(pages):
    answer = pages.post(ADDRESS, {**FIELDS, "data.amount": "-5", "data.note": "keep <me>"})

    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Input should be greater than 0." in page
    assert 'value="-5"' in page
    assert "keep &lt;me&gt;" in page
    assert page.count("autofocus") == 1
    assert not Run.objects.exists()


def test_a_text_in_a_number_field_stays_there(pages):
    page = pages.post(ADDRESS, {**FIELDS, "data.amount": "abc"}).content.decode()

    assert "“abc” is not a number" in page
    assert 'value="abc"' in page


def test_an_error_in_a_row_is_said_in_that_row(pages):
    rows = {
        "data.lines:rows": "2",
        "data.lines.0.what": "A",
        "data.lines.0.price": "1",
        "data.lines.1.what": "B",
        "data.lines.1.price": "-1",
    }
    page = pages.post(ADDRESS, {**FIELDS, **rows}).content.decode()

    assert 'href="#data.lines.1.price"' in page
    assert 'id="data.lines.1.price-error0"' in page


def test_a_row_is_added_without_script_and_without_starting(pages):
    answer = pages.post(ADDRESS, {**FIELDS, "op": "add:data.lines"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="data.lines.0.what"' in page
    assert 'value="Desk"' in page
    assert not Run.objects.exists()


def test_the_json_tab_shows_what_was_typed_and_starts_a_run(pages):
    page = pages.post(ADDRESS, {**FIELDS, "op": "tab:json"}).content.decode()
    assert "&quot;amount&quot;: 700" in page

    answer = pages.post(ADDRESS, {"tab": "json", "json": '{"title": "T", "amount": 1}'})
    assert answer.status_code == 302


def test_text_that_is_not_json_is_shown_again(pages):
    page = pages.post(ADDRESS, {"tab": "json", "json": '{"title": '}).content.decode()

    assert "This is not JSON" in page
    assert "{&quot;title&quot;: </textarea>" in page


def test_a_form_that_is_sent_twice_starts_one_run(pages):
    key = "0199f0a0-0000-7000-8000-000000000001"

    first = pages.post(ADDRESS, {**FIELDS, "run_key": key})
    second = pages.post(ADDRESS, {**FIELDS, "run_key": key})

    assert first.url == second.url == f"/runs/{key}/"
    assert Run.objects.count() == 1


def test_without_the_permission_the_form_says_what_is_missing(person):
    _, client = person("view_run")

    page = client.get(ADDRESS).content.decode()
    assert "You need the permission to start runs." in page
    assert '<fieldset class="plain" disabled>' in page
    assert client.post(ADDRESS, FIELDS).status_code == 403
    assert not Run.objects.exists()


def test_a_workflow_with_a_permission_of_its_own_asks_for_it(person):
    address = "/workflows/pages-guarded/start/"
    fields = FIELDS
    _, outsider = person("view_run", "start_run")
    _, starter = person("view_run", "start_run", groups=("starters",))

    assert outsider.get(address).status_code == 404
    assert outsider.post(address, fields).status_code == 404
    assert starter.post(address, fields).status_code == 302


def test_a_workflow_of_any_input_takes_json(pages):
    answer = pages.post("/workflows/pages-open/start/", {"tab": "form", "data": '{"a": [1]}'})

    assert answer.status_code == 302
    assert Run.objects.get().input == {"a": [1]}


def test_an_unknown_workflow_is_a_friendly_404(pages):
    answer = pages.get("/workflows/nope/start/")

    assert answer.status_code == 404
    assert "There is no workflow with the id “nope”" in answer.content.decode()


def test_script_gets_the_form_alone_and_an_address_to_go_to(pages):
    htmx = {"HX-Request": "true"}

    part = pages.post(ADDRESS, {**FIELDS, "data.amount": "x"}, headers=htmx).content.decode()
    assert "<html" not in part
    assert "is not a number" in part

    answer = pages.post(ADDRESS, FIELDS, headers=htmx)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].startswith("/runs/")


def test_the_workflow_pages_show_graph_counts_and_latest_runs(pages):
    run = started(flows.approval)

    listed = pages.get("/workflows/").content.decode()
    shown = pages.get("/workflows/pages-approval/").content.decode()

    assert "Approval" in listed
    assert "status=suspended" in listed
    assert "amount&quot;] &gt; 100" in shown or "amount&quot;] &amp;gt; 100" in shown
    assert f"/runs/{run.run_id}/" in shown


def test_one_of_several_shapes_is_chosen_filled_in_and_sent_without_script(pages):
    address = "/workflows/pages-shaped/start/"
    assert "Which shape" in pages.get(address).content.decode()
    typed = {"tab": "form", "data.how:shape": "1"}

    page = pages.post(address, typed | {"op": "shape:data.how:shape"}).content.decode()
    assert 'name="data.how.iban"' in page
    assert 'name="data.how.number"' not in page
    assert pages.post(address, typed).status_code == 422
    pages.post(address, typed | {"data.how:was": "1", "data.how.iban": "NL1"})

    assert Run.objects.get().input == {"how": {"kind": "transfer", "iban": "NL1"}}


def test_a_password_does_not_wait_in_the_sign_in_page(client, db):
    typed = {"data.pin": "hunter2", "secret-inputs": "data.pin", "data.name": "ana"}

    page = client.post("/workflows/pages-timed/start/", typed).content.decode()
    draft = re.search('name="draft" value="([^"]+)"', page)

    assert draft
    path, text = signing.loads(draft[1], salt=drafts.KEY)
    assert path == "/workflows/pages-timed/start/"
    assert "name=ana" in text
    assert "hunter2" not in text


def test_a_run_that_is_copied_as_it_is_gets_the_same_input_and_nothing_else(pages):
    given = {"title": " a\tb ", "amount": 2**53 + 1, "note": "one\r\ntwo\nthree\0", "lines": []}
    source = started(**given)

    answer = sent_as_shown(pages, f"{ADDRESS}?from={source.run_id}")

    assert answer.status_code == 302
    copy = Run.objects.exclude(run_id=source.run_id).get()
    assert copy.input == Run.objects.get(run_id=source.run_id).input == given
    assert (copy.tags, copy.initial_state) == ([], {})


@pytest.mark.parametrize("length", [50, 120])
def test_a_line_that_is_added_to_a_copied_list_drops_none(pages, length):
    lines = [{"what": f"line {number}", "price": number + 0.5} for number in range(length)]
    source = started(amount=5, lines=lines)
    address = f"{ADDRESS}?from={source.run_id}"
    page = pages.get(address).content.decode()

    if length <= 50:
        page = posted(pages, page, op="add:data.lines").content.decode()
        answer = posted(
            pages, page, {f"data.lines.{length}.what": "z", f"data.lines.{length}.price": "9"}
        )
    else:
        (shown,) = [text for name, text in Form(page).fields if name == "data.lines:json"]
        more = shown.rstrip().removesuffix("]") + ', {"what": "z", "price": 9}]'
        answer = posted(pages, page, {"data.lines:json": more})

    assert answer.status_code == 302
    copy = Run.objects.exclude(run_id=source.run_id).get()
    assert copy.input["lines"] == [*lines, {"what": "z", "price": 9}]


@pytest.mark.parametrize("text", ["[" * 900 + "]" * 900, "1" * 5000, '"\\ud800"', "1e400"])
def test_json_that_cannot_be_taken_is_answered_with_a_sentence(pages, text):
    fields = {"tab": "json", "json": text}

    answer = pages.post("/workflows/pages-open/start/", fields)
    shown = pages.post("/workflows/pages-open/start/", {**fields, "op": "python"})
    turned = pages.post("/workflows/pages-open/start/", {**fields, "op": "tab:form"})

    assert {answer.status_code, shown.status_code, turned.status_code} <= {200, 302, 422}
    if answer.status_code == 422:
        assert "not right yet" in answer.content.decode()
        assert not Run.objects.exists()


@pytest.mark.parametrize("text", [*RESERVED, DEEP])
@pytest.mark.parametrize("part", ["json", "data.~run.initial_state", "data.~run.request_context"])
def test_json_that_a_run_cannot_keep_is_refused_with_a_sentence_and_shown_again(pages, text, part):
    fields = {"tab": "json", "json": "{}"} | {part: text}

    answer = pages.post("/workflows/pages-open/start/", fields)

    assert answer.status_code in {409, 422}
    page = answer.content.decode()
    assert "is reserved for secrets" in page or "nested too deeply" in page
    assert escape(text) in page
    assert not Run.objects.exists()


def sent_as_shown(pages, address):
    return posted(pages, pages.get(address).content.decode(), address=address)


def posted(pages, page, typed=None, op="send", address=ADDRESS):
    """Press a button of the start form of a page, with some of its fields typed over."""
    form = Form(page)
    assert ("op", op) in form.buttons
    fields = dict(form.fields) | (typed or {}) | {"op": op}
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return pages.post(address.partition("?")[0], multipart(fields.items()), content_type=kind)
