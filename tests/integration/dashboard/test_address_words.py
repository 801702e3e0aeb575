"""No page leads to an address that its own page does not understand."""

import re
from html import unescape
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import RequestFactory
from django.urls import Resolver404, resolve

from dashboard import urls
from dashboard.address_words import KNOWN, not_understood
from dashboard.people import urls as people_urls
from tests.integration.dashboard import everywhere
from tests.integration.dashboard.conftest import row_of, started
from tests.integration.dashboard.run.test_many_questions import YES, asking, questions_of

_LINK = re.compile(r'(?:href|hx-get|action|data-part)="([^"]*\?[^"]*)"')


def strange_in(address: str) -> list[str]:
    """Return what the page at an address would say that it does not understand."""
    request = RequestFactory().get(address)
    try:
        request.resolver_match = resolve(urlsplit(address).path)
    except Resolver404:  # not a page: a stylesheet
        return []
    return not_understood(request)


@pytest.mark.sqlite_only  # about templates
def test_every_link_of_every_page_says_what_its_page_understands(pages, ana):
    where = everywhere.addresses("a text", ana)
    many = asking(5)
    where["many questions"] = f"/runs/{many.run_id}/"
    where["one of many"] = f"/runs/{many.run_id}/?question={questions_of(many)[2].suspension}"
    seen: set[str] = set()

    for name, address in where.items():
        page = pages.get(address)
        if "html" not in page.headers.get("Content-Type", ""):
            continue
        for link in map(unescape, _LINK.findall(page.content.decode())):
            to = urljoin(address, link)
            seen.add(to)
            assert strange_in(to) == [], f"{name} leads to {to}"

    assert len(seen) > 100


def test_an_answer_leads_to_an_address_that_its_page_understands(pages):
    run = asking(5)
    question = questions_of(run)[0]

    page = pages.post(f"/runs/{run.run_id}/answer/{question.suspension}/", {**YES, "op": "send"})

    assert page.status_code == 302
    assert f"?question={questions_of(run)[0].suspension}" in page["Location"]
    assert strange_in(page["Location"]) == []
    assert "does not understand" not in pages.get(page["Location"]).content.decode()
    assert row_of(run).steps.filter(status="suspended", kind="step").count() == 4


def test_every_address_says_what_it_understands():
    pages = {route.name for route in (*urls.urlpatterns, *people_urls.urlpatterns)}
    assert pages - {"asset"} == set(KNOWN)


@pytest.fixture
def given(ana):
    """A run that asks, whose id and question are in addresses; and the address of an answer."""
    run = started()
    question = row_of(run).steps.get(status="suspended", kind="step")
    return {"run": f"/runs/{run.run_id}/", "id": run.run_id, "question": question.suspension}


def told(pages, where: str) -> str:
    page: str = pages.get(where).content.decode()
    return page.partition('id="not-understood">')[2].partition("</p>")[0]


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("/workflows/pages-approval/start/?form={id}", "form"),
        ("{run}time-travel/?form=check", "form"),
        ("{run}values/input/?x=1", "x"),
        ("{run}cancel/?x=1", "x"),
        ("{run}answer/{question}/?x=1", "x"),
        ("{run}log/?befor=3", "befor"),
        ("{run}steps/check/?timline=1", "timline"),
        ("{run}steps/check/?timeline=9", "timeline=9"),
        ("/runs/?cols=foo", "cols=foo"),
        ("/runs/?cols=run.foo", "cols=run.foo"),
        ("/runs/?col=foo&col=run", "col=foo"),
        ("/runs/?col=run&cols=took", "cols”"),
        ("/runs/?status=failed&status=success", "status=failed"),
        ("/runs/?since=2026-01-01&window=24h", "since”"),
        ("/runs/?until=2026-01-01&window=24h", "until”"),
        ("/runs/?since=1002-01-01", "since=1002-01-01"),
        ("/audit/?before=9&after=3", "before”"),
        ("{run}?at=nan", "at=nan"),
        ("{run}?at=inf", "at=inf"),
        ("{run}?at=-1", "at=-1"),
        ("{run}?tab=timeline&since=nan&until=4", "since=nan"),
        ("{run}?tab=timeline&since=4", "since”"),
        ("{run}?tab=timeline&since=4&until=2", "since”, “until”"),
        ("{run}?mark=x", "mark=x"),
        ("{run}?step=nowhere", "step=nowhere"),
        ("{run}?timeline=9", "timeline=9"),
        ("{run}?timeline=0", "timeline=0"),
        ("{run}?at=2&timeline=1", "timeline”"),
        ("{run}?question=01a228ef-1473-7422-90e8-465fe65253fd", "question=01a228ef-1473-"),
        ("{run}?tab=graph&turned=zzz", "turned=zzz"),
        ("/runs/compare/?a={id}&b={id}&at=zz", "at=zz"),
        ("/runs/compare/?a={id}&b={id}&only=x", "only=x"),
        ("/runs/compare/?run={id}&run=b&run=c", "run=c"),
        ("/inbox/?next=abc", "next=abc"),
        ("/workflows/pages-approval/?version=zz", "version=zz"),
        ("/workflows/pages-approval/?turned=zz", "turned=zz"),
    ],
)  # fmt: skip
def test_what_a_page_does_not_understand_is_said(pages, given, where, word):
    said = told(pages, where.format(**given))

    assert f"“{word}" in said
    assert "in its address, so" in said


@pytest.mark.parametrize(
    "where",
    [
        "{run}?question={question}", "{run}?step=check", "{run}?timeline=1", "{run}?at=2",
        "{run}?tab=timeline&since=0&until=4.5", "{run}?mark=1-2", "/runs/?cols=run.took",
        "/runs/?cols=none", "/runs/?col=status", "/runs/?col=status&col=run",
        "/runs/?col=run&col=took", "/runs/?status=failed&status=failed",
        "/runs/?since=2026-01-01&window=", "/runs/compare/?run={id}&run={id}",
        "{run}time-travel/?from=check", "/workflows/pages-approval/start/?from={id}",
        "/workflows/pages-approval/start/?run=01a228ef-1473-7422-90e8-465fe65253fd",
        "{run}steps/check/?timeline=1",
    ],
)  # fmt: skip
def test_what_it_understands_is_not(pages, given, where):
    assert told(pages, where.format(**given)) == ""


def test_unknown_columns_change_nothing(pages, given):
    usual = pages.get("/runs/").context["shown"]

    for query in ("cols=foo", "col=foo", "cols=foo.bar"):
        assert pages.get(f"/runs/?{query}").context["shown"] == usual, query
    assert pages.get("/runs/?col=status").context["shown"] == ()
    assert pages.get("/runs/?cols=foo.run").context["shown"] == ("run",)


def test_a_question_that_was_answered_is_understood(pages, given):
    pages.post(f"{given['run']}answer/{given['question']}/", {**YES, "op": "send"})

    assert told(pages, f"{given['run']}?question={given['question']}") == ""


def test_the_sign_in_page_says_it_too(client, db):
    assert "“nxt”" in told(client, "/sign-in/?nxt=/runs/")
    assert told(client, "/sign-in/?next=/runs/") == ""


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("/audit/export.csv?persn=ana", "persn"),
        ("/audit/export.json?persn=ana", "persn"),
        ("/audit/export.csv?person=ana&person=eva", "person=ana"),
        ("{run}raw/input/?downlod=1", "downlod"),
        ("{run}raw/input/?download=yes", "download=yes"),
        ("{run}graph.svg?zoon=1", "zoon"),
        ("{run}graph.svg?zoom=17", "zoom=17"),
        ("{run}graph.svg?turned=zzz", "turned=zzz"),
        ("{run}graph.svg?theme=pink", "theme=pink"),
        ("/workflows/pages-approval/graph.svg?version=zz", "version=zz"),
        ("/workflows/pages-approval/graph.svg?versoin=zz", "versoin"),
        ("{run}events/?aftr=1", "aftr"),
        ("/inbox/count/?x=1", "x"),
    ],
)
def test_an_address_that_is_not_a_page_is_refused_with_a_sentence(pages, given, where, word):
    answer = pages.get(where.format(**given))

    assert answer.status_code == 400
    assert f"does not understand “{word}” in its address" in answer.content.decode()
    assert "attachment" not in answer.headers.get("Content-Disposition", "")


def test_an_address_that_is_not_a_page_answers_if_it_is_understood(pages, given):
    for where in (
        "/audit/export.csv?person=ana&verb=&run=", "{run}raw/input/?download=1", "{run}raw/input/",
        "{run}graph.svg?tab=graph&zoom=75&theme=dark", "{run}graph.svg?at=2",
        "{run}events/?after=1", "/inbox/count/", "/workflows/pages-approval/graph.svg?zoom=fit",
    ):  # fmt: skip
        assert pages.get(where.format(**given)).status_code == 200, where


def test_nobody_learns_about_an_address_that_they_may_not_see(client, given):
    assert client.get("/audit/export.csv?persn=ana").status_code == 302
    assert client.get(f"{given['run']}events/?aftr=1").status_code == 401
