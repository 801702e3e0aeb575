"""Search: what lists show can be pasted, capitals do not matter, and what is ignored is said."""

from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.lists.filters import RunFilters
from dashboard.templatetags.signalbox import short
from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app.models import Action, Run


def made(run_id=None, resource_id=None):
    run = flows.open_flow.create_run(run_id, resource_id=resource_id)
    run.start({"a": 1})
    return run


def found(pages, text: str) -> list[str]:
    """Return the ids of the runs that a search finds; a single match opens its page."""
    answer = pages.get("/runs/", {"q": text})
    if answer.status_code == 302:
        return [answer.url.split("/")[2]]
    return [row.run.run_id for row in answer.context["rows"]]


def test_an_id_as_lists_show_it_opens_the_run(pages):
    run = made()
    made()
    shown = short(run.run_id)

    assert "…" in shown
    for text in (shown, shown.upper(), shown.replace("…", "..."), f" {shown} ", run.run_id.upper()):
        assert pages.get("/runs/", {"q": text}).url == f"/runs/{run.run_id}/", text


def test_an_id_of_ones_own_is_found_as_lists_show_it(pages):
    run = made("Order:2026-11-29_Amsterdam")
    made("Order:2026-11-29_Roma")

    assert found(pages, short(run.run_id)) == [run.run_id]
    assert found(pages, "order:2026-11-29_a") == [run.run_id]


@pytest.mark.parametrize("text", ["Order-1", "ORDER-1", "order-1"])
def test_capitals_do_not_matter(pages, text):
    ids = {made("order-1").run_id, made("ORDER-10").run_id}
    other = made(resource_id="Order-1").run_id
    made("another")

    assert set(found(pages, text)) == {*ids, other}


@pytest.mark.parametrize("text", ["ÄRZTE 7", "ärzte 7", "Ärzte 7"])
def test_a_resource_is_found_in_capitals_and_small(pages, text):
    run = made(resource_id="Ärzte 7")

    assert found(pages, text) == [run.run_id]


@pytest.mark.parametrize(
    ("run_id", "text"),
    [
        ("Face-Deed-1", "Face-Deed-1"),
        ("Face-Deed-1", "face-deed-1"),
        ("Face-Deed-1", "FACE-DEED-1"),
        ("Face-Deed-1", "fAcE-d"),
        ("AbCd-77", "abcd-77"),
        ("abcd-77", "AbCd-77"),
        ("A.b_C:1", "a.B_c"),
        ("a...B", "A...b"),
        ("X" * 255, "x" * 255),
    ],
)
def test_an_id_is_found_however_it_is_spelled(pages, run_id, text):
    made(run_id)
    made("another")

    assert found(pages, text) == [run_id]


def test_all_spellings_of_one_id_are_found_at_once(pages):
    ids = {made(run_id).run_id for run_id in ("abcd-77", "AbCd-771", "ABCD-772", "aBcD-773")}
    made("abce-77")

    for text in ("abcd-77", "ABCD-77", "AbCd-77"):
        assert set(found(pages, text)) == ids, text


@pytest.mark.parametrize("run_id", ["Face-Deed-1-and-a-much-longer-Name-ABC", "01AB-Cd-" * 5])
def test_an_id_with_capitals_is_found_as_lists_show_it(pages, run_id):
    made(run_id)
    shown = short(run_id)

    assert shown != run_id
    for text in (shown, shown.upper(), shown.lower(), shown.swapcase(), shown.replace("…", "...")):
        assert found(pages, text) == [run_id], text


@pytest.mark.parametrize(
    ("resource_id", "text"),
    [
        ("AdaBea", "adabea"),
        ("adabea", "ADABEA"),
        ("FaCade", "facade"),
        ("aBcD-12", "ABCD-12"),
        ("éÉ-x", "ÉÉ-X"),
        ("éÉ-x", "éÉ-x"),
        ("ΣΑΣ", "σας"),
        ("a.c É", "A.C é"),
        ("100%_É\\", "100%_é\\"),
    ],
)
def test_a_resource_is_found_however_it_is_spelled(pages, resource_id, text):
    run = made(resource_id=resource_id)
    made(resource_id="aXc É")
    made(resource_id=f"{resource_id}é")

    assert found(pages, text) == [run.run_id]


@pytest.mark.parametrize("text", ["abcd-12345", "AbCd-12345", "01a228ef-1473", "Anna 12345"])
def test_an_index_finds_it_among_many(db, text):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite looks through all ids, whatever is asked for.")
    like = Run.objects.get(run_id=made().run_id)
    many = [
        Run(
            run_id=f"{'AbCd' if n % 99 == 0 else uuid4()}-{n}",
            workflow_id=like.workflow_id,
            version_id=like.version_id,
            resource_id=f"Anna {n}" if n % 99 == 0 else f"anna {n}",
            created_at=timezone.now(),
        )
        for n in range(20_000)
    ]
    Run.objects.bulk_create(many)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE workflows_app_run")

    plan = RunFilters(search=text).wanted()[:51].explain()

    assert "run_by_run_id_in_capitals" in plan
    assert "Seq Scan" not in plan
    assert "Index Scan using workflows_app_run_pkey" not in plan


def test_the_audit_trail_of_a_run_or_a_person_is_found_however_it_is_spelled(pages, person):
    user, _ = person("start_run")
    user.username = "McLaren"
    user.save()
    run = flows.open_flow.create_run("AbCd-77")
    run.start({"a": 1}, actor=user)

    for query in ({"run": "abcd-77"}, {"run": "ABcd-77"}, {"person": "mclaren"}):
        assert 'href="/runs/AbCd-77/"' in pages.get("/audit/", query).content.decode(), query


def test_compare_takes_an_id_however_it_is_spelled(pages):
    made("AbCd-77")
    made("abcd-78")

    compared = pages.get("/runs/compare/", {"a": "abCD-77", "b": "ABCD-78"})

    assert [side.run.run_id for side in compared.context["found"].sides] == ["AbCd-77", "abcd-78"]


@pytest.mark.parametrize("text", ["…", "...", "%", "_", "nothing…here", "…8", "\0…\0"])
def test_what_means_no_run_finds_none_or_fails_nowhere(pages, text):
    made()

    assert pages.get("/runs/", {"q": text}, follow=True).status_code == 200


def test_compare_and_the_audit_trail_take_an_id_as_lists_show_it(pages, ana):
    one, other = started(amount=5), started(amount=6)
    one.time_travel("pay", actor=ana)

    compared = pages.get("/runs/compare/", {"a": short(one.run_id), "b": short(other.run_id)})
    trail = pages.get("/audit/", {"run": short(one.run_id)}).content.decode()

    assert [side.run.run_id for side in compared.context["found"].sides] == [
        one.run_id,
        other.run_id,
    ]
    assert Action.objects.filter(public_run_id=one.run_id).exists()
    assert f'href="/runs/{one.run_id}/"' in trail


LISTS = [
    "/", "/runs/", "/inbox/", "/workflows/", "/workflows/pages-open/", "/schedules/", "/workers/",
    "/audit/", "/runs/compare/", "/settings/",
]  # fmt: skip


def told(pages, where: str) -> str:
    answer = pages.get(where)
    assert answer.status_code == 200
    page: str = answer.content.decode()
    return page.partition('id="not-understood">')[2].partition("</p>")[0]


@pytest.mark.parametrize("where", LISTS)
def test_a_parameter_that_a_page_does_not_know_is_named(pages, where):
    made()

    assert "“staus” in its address, so it was ignored" in told(pages, f"{where}?staus=failed")
    assert told(pages, where) == ""


@pytest.mark.parametrize(
    ("where", "word"),
    [
        ("/runs/?status=succes", "status=succes"),
        ("/runs/?window=2h", "window=2h"),
        ("/runs/?since=yesterday", "since=yesterday"),
        ("/runs/?before=1", "before=1"),
        ("/inbox/?tab=mien", "tab=mien"),
        ("/inbox/?sort=oldest", "sort=oldest"),
        ("/audit/?before=x", "before=x"),
        ("/?window=1y", "window=1y"),
    ],
)
def test_so_is_a_value_that_means_nothing(pages, where, word):
    assert f"“{word}”" in told(pages, where)


def test_several_are_named_and_a_flood_is_not_repeated(pages):
    assert "“a”, “b” in its address, so they were ignored" in told(pages, "/runs/?a=1&b=2")
    flood = told(pages, "/runs/?" + "&".join(f"{'x' * 500}{n}=1" for n in range(50)))
    assert len(flood) < 600


def test_markup_in_an_address_is_text(pages):
    assert "&lt;b&gt;" in told(pages, "/runs/?<b>=1")


def test_every_link_of_the_pages_is_understood(pages, ana):
    run = started()
    step = f"/runs/{run.run_id}/steps/check/"
    for where in (*LISTS, f"/runs/{run.run_id}/", f"/runs/{run.run_id}/?tab=timeline", step):
        page = pages.get(where).content.decode()
        links = {part.split('"')[0] for part in page.split('href="')[1:]}
        for link in (link.replace("&amp;", "&") for link in links if "?" in link):
            target = link if link.startswith("/") else where.partition("?")[0] + link
            if target.startswith(("/static/", "/admin/")):
                continue
            answer = pages.get(target, follow=True)
            assert 'id="not-understood"' not in answer.content.decode(errors="replace"), target
