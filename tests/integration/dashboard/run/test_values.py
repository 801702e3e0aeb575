"""The values of a run on its pages: as trees, bounded, and never as markup."""

import json
import re
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from dashboard.values import previews
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import Workflow, step
from workflows_app.models import Run as RunRow
from workflows_app.models import StepSnapshot

NASTY = "</span><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
#: What draws one row of a value or of the list of steps.
ROWS = re.compile('class="leaf"|<summary|class="step"|class="more-rows"')


def shown(client, address, **headers):
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def anything(**values):
    return started(flows.open_flow, **values)


def test_a_run_shows_its_input_as_a_tree(pages):
    page = shown(pages, f"/runs/{anything(lines=[{'price': 2.5}]).run_id}/")

    assert '<span class="key">lines</span>' in page
    assert '<span class="value" data-kind="number">2.5</span>' in page


@pytest.mark.parametrize("tab", ["graph", "data"])
def test_markup_in_keys_and_values_is_text_on_every_page(pages, tab):
    run = row_of(anything(**{NASTY: {NASTY: [NASTY, {"x": NASTY * 90}]}}))
    step = run.steps.get(path="anything")

    for address in (
        f"/runs/{run.run_id}/?tab={tab}",
        f"/runs/{run.run_id}/steps/anything/",
        f"/runs/{run.run_id}/values/input/",
        f"/runs/{run.run_id}/values/{step.pk}/output/",
    ):
        page = shown(pages, address)
        assert "<img" not in page
        assert "<script>" not in page
        assert "&lt;script&gt;" in page


def test_a_run_with_many_values_is_a_light_page(pages):
    run = anything(many=[{"a": number, "b": [number] * 50} for number in range(200)])

    page = shown(pages, f"/runs/{run.run_id}/")

    assert len(ROWS.findall(page)) < 300
    assert f'href="/runs/{run.run_id}/values/input/" data-whole' in page


def test_a_folded_step_fetches_what_is_not_small(pages):
    run = row_of(anything(many=list(range(90))))
    step = run.steps.get(path="anything")
    address = f"/runs/{run.run_id}/values/{step.pk}/output/"

    assert f'<p data-away><a href="{address}">' in shown(pages, f"/runs/{run.run_id}/")
    part = shown(pages, address, **{"HX-Request": "true"})
    assert "<html" not in part
    assert part.count('class="leaf"') == 92
    assert "<html" in shown(pages, address)


def test_a_value_of_50_mb_is_not_read_whole(pages, monkeypatch):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    text = '{"rows": [' + "12345678, " * 5_000_000 + "1]}"
    StepSnapshot.objects.filter(pk=step.pk).update(output=previews.jsontext.Raw(text))
    read = []
    loads = previews.jsontext.loads
    monkeypatch.setattr(
        "workflows_app.jsontext.loads", lambda text: read.append(len(text)) or loads(text)
    )

    for address in (
        f"/runs/{run.run_id}/",
        f"/runs/{run.run_id}/steps/anything/",
        f"/runs/{run.run_id}/values/{step.pk}/output/",
    ):
        page = shown(pages, address)
        assert len(page) < 100_000
    assert "Only the beginning is shown" in page
    assert max(read) <= previews.TREE_LIMIT


def test_a_value_that_cannot_be_a_tree_is_text(pages):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    deep = previews.jsontext.Raw("[" * 10_000 + "]" * 10_000)
    StepSnapshot.objects.filter(pk=step.pk).update(output=deep)

    page = shown(pages, f"/runs/{run.run_id}/values/{step.pk}/output/")

    assert "nested too deeply" in page


def test_half_characters_and_nul_do_not_break_a_page(pages):
    run = row_of(anything())
    step = run.steps.get(path="anything")
    odd = previews.jsontext.Raw(r'{"\ud800": "\udfff", "nul\u0000": "a\u0000b"}')
    StepSnapshot.objects.filter(pk=step.pk).update(output=odd)

    assert r"a\u0000b" in shown(pages, f"/runs/{run.run_id}/steps/anything/")
    assert r"a\u0000b" in shown(pages, f"/runs/{run.run_id}/?tab=data")


def test_a_payload_is_downloaded_under_a_meaningful_name(pages):
    run = row_of(anything(a=1))
    step = run.steps.get(path="anything")

    seen = pages.get(f"/runs/{run.run_id}/raw/input/")
    kept = pages.get(f"/runs/{run.run_id}/raw/{step.pk}/output/?download=1")

    assert seen.headers["Content-Disposition"].startswith("inline")
    assert kept.headers["Content-Disposition"] == (
        f'attachment; filename="{run.run_id}-anything-output.json"'
    )
    assert json.loads(kept.content) == {"a": 1, "title": "Desk", "amount": 700}


@pytest.mark.parametrize(
    "path",
    [
        "values/secret/",
        "values/99999/output/",
        "values/9999999999999999999/output/",
        "values/1/worker/",
    ],
)
def test_there_is_no_page_of_other_fields(pages, path):
    assert pages.get(f"/runs/{anything().run_id}/{path}").status_code == 404


def test_a_value_of_another_run_is_not_shown(pages):
    other = row_of(anything()).steps.get(path="anything")

    assert pages.get(f"/runs/{anything().run_id}/values/{other.pk}/output/").status_code == 404


def test_values_are_for_people_who_may_see_runs(person, client):
    run = anything()
    _, nobody = person()

    assert client.get(f"/runs/{run.run_id}/values/input/").status_code == 302
    assert nobody.get(f"/runs/{run.run_id}/values/input/").status_code == 403


HALF = b"caf\xe9.txt".decode("utf-8", "surrogateescape")


class Login(BaseModel):
    """Has a secret part."""

    user: str
    password: SecretStr


@step(id="asks", input=Login, resume=Login, suspend=dict[str, Any], state=dict[str, Any])
def asks(login, ctx):
    """Ask with words that no encoding takes, and emit a secret."""
    ctx.set_state({HALF: login, "nul": "\0"})
    ctx.request_context[HALF] = {"login": login}
    ctx.writer.write({HALF: login})
    if ctx.resume_data is None:
        ctx.suspend({"question": f"Delete {HALF}?\0", HALF: login}, resume_label=HALF)
    raise ValueError(f"{HALF} \0")


odd_flow = Workflow("odd-flow", input=Login, title=f"Odd {HALF}", description=HALF).then(asks)
odd_flow = odd_flow.commit()

PAGES = (
    "/", "/inbox/", "/runs/", "/runs/?q=hunter2", "/workflows/", "/workflows/odd-flow/",
    "/workflows/odd-flow/start/", "/workflows/odd-flow/start/?from={run}", "/audit/",
    "/runs/{run}/", "/runs/{run}/?tab=graph", "/runs/{run}/?tab=timeline", "/runs/{run}/?tab=data",
    "/runs/{run}/?tab=events", "/runs/{run}/?tab=audit", "/runs/{run}/?tab=related",
    "/runs/{run}/steps/asks/", "/runs/{run}/time-travel/", "/runs/{run}/raw/input/",
    "/runs/{run}/raw/state/", "/runs/{run}/raw/{step}/payload/", "/runs/{run}/values/input/",
    "/runs/{run}/raw/{step}/suspend_payload/", "/runs/{run}/values/{step}/suspend_payload/",
    "/runs/compare/?a={run}&b={run}", "/admin/workflows_app/run/{pk}/change/",
)  # fmt: skip


def each_page(client, run):
    """Return what every page says that shows something of a run."""
    row = row_of(run)
    places = {"run": row.run_id, "pk": row.pk, "step": row.steps.get(path="asks").pk}
    for address in PAGES:
        answer = client.get(address.format(**places))
        assert answer.status_code in {200, 404}, address
        yield address, b"".join(answer) if answer.streaming else answer.content


def test_no_page_fails_or_tells_a_secret_whatever_a_run_holds(pages, ana):
    run = odd_flow.create_run()
    given = {"user": HALF, "password": "hunter2"}
    assert run.start(given, request_context={HALF: HALF}, actor=ana).status == "suspended"
    found = dict(each_page(pages, run))
    run.resume(given, actor=ana)
    found |= {f"{address} later": body for address, body in each_page(pages, run)}
    assert row_of(run).status == "failed"
    told = [address for address, body in found.items() if b"hunter2" in body]
    assert {address.removesuffix(" later") for address in told} == {"/runs/?q=hunter2"}
    assert b"caf\\udce9.txt" in found["/inbox/"]
    assert b"**********" in found["/runs/{run}/?tab=data"]
    assert b'value="**********"' not in found["/workflows/odd-flow/start/?from={run}"]


def test_what_an_earlier_release_wrote_breaks_no_page(pages, ana):
    run = odd_flow.create_run()
    run.start({"user": "a", "password": "hunter2"}, actor=ana)
    row = row_of(run)
    odd = previews.jsontext.Raw(r'{"question":"\ud800","message":"\udfff","nul\u0000":"a\u0000b"}')
    RunRow.objects.filter(pk=row.pk).update(
        input=odd, state=odd, initial_state=odd, request_context=odd, error=None, result=odd
    )
    StepSnapshot.objects.filter(run=row.pk).update(
        payload=odd, output=odd, suspend_payload=odd, state_changes=odd
    )
    assert len(dict(each_page(pages, run))) == len(PAGES)
