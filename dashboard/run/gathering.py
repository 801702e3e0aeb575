"""Gathers what the page of one run shows, in a handful of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

from django.db.models import UUIDField
from django.utils import timezone

from workflows_app import actions
from workflows_app.actions import Offer, Person
from workflows_app.engine.run import log
from workflows_app.models import Action, Run, StepSnapshot
from workflows_app.models.queries import Parameter, QueryReader
from workflows_app.models.sqltext import connection_here
from workflows_app.models.wait import RUN
from workflows_app.planner.statuses import StepStatus

from .. import questions, trail
from ..graph import graphs
from ..graph.graphs import Graph
from ..questions import Question
from ..status import busy, standing
from ..values import sight
from . import (
    deadlines,
    failure,
    forks,
    header,
    past,
    playback,
    records,
    related,
    shown_payloads,
    states,
)
from . import page as run_page
from .cards import MOST_CARD_ROWS, cards_of
from .notices import is_lost, notices_of
from .page import RunPage
from .records import Tallies
from .timeline import bars as timelines
from .timeline import window as timeline_window
from .view import View


def page_for(run: Run, person: Person, view: View | None = None) -> RunPage:
    """Gather the page of a run as this person may see it."""
    view = view or View()
    graph = graphs.of_run(run)
    moment = playback.at(run, view.at) if view.at is not None else None
    seen = records.steps_of(run, graph, moment, view.first)
    if moment is not None:
        playback.settle(moment, seen.steps)
    people = _people(run, view, moment)
    counted, tallies = _counted(run, graph, view, moment)
    offers = _offers(run, person)
    page = _begun(run, view, moment, graph=graph, listed=seen.listed, people=people, offers=offers)
    if moment is None:
        _fill_present(page, seen.steps, person)
    _fill_cards(page, seen, tallies)
    _fill_tab(page, tallies, counted)
    _draw(page)
    return page


def _begun(
    run: Run,
    view: View,
    moment: playback.Moment | None,
    *,
    graph: Graph,
    listed: Sequence[str],
    people: list[Action],
    offers: dict[str, Offer],
) -> RunPage:
    """Return the page with what every view of a run shows."""
    is_needed = run.timeline > 1 and (view.tab == "related" or header.needs_earlier(run, moment))
    earlier = related.earlier_of(run) if is_needed else []
    known = busy.of(run)
    status = moment.status if moment else run.status
    return RunPage(
        run=run,
        head=header.of(run, moment, known, earlier),
        known=known,
        graph=graph,
        cards=[],
        questions=[],
        notices=[],
        payloads=shown_payloads.of_run(run, status, moment.timeline if moment else run.timeline),
        events=[],
        people=people,
        earlier=earlier,
        offers=offers,
        listed=listed,
        tab=view.tab,
        moment=moment,
        view=view,
    )


def _fill_present(page: RunPage, steps: Sequence[StepSnapshot], person: Person) -> None:
    """Add what is shown of a run as it is now, but not of a past moment."""
    page.shown_status = standing.status_of_run(page.run, steps)
    page.questions = _questions(page.run, steps, person)
    page.notices = [
        *notices_of(page.run, page.graph, steps), *deadlines.notices_of(page.run),
    ]  # fmt: skip
    page.is_lost = is_lost(steps)


def _fill_cards(page: RunPage, seen: records.ShownRecords, tallies: Tallies) -> None:
    """Add the entries of the graph, after the run's own values: steps may have the same ones."""
    run, moment = page.run, page.moment
    status = moment.status if moment else run.status
    at = moment.at if moment else None
    oldest_first = page.people[::-1]
    page.cards = cards_of(run, page.graph, seen, oldest_first, tallies, status=status, now=at)
    forks.mark(run, page.head, page.cards)
    page.payloads = forks.inputs(page.payloads, page.head, page.cards)
    error = moment.error if moment else shown_payloads.run_error(run)
    page.failure = failure.of(run, error, seen.steps, page.cards)


def _offers(run: Run, person: Person) -> dict[str, Offer]:
    specials = graphs.to_act(run)
    return {a.name: actions.offer(a, person, run, specials) for a in actions.ACTIONS.values()}


def _counted(
    run: Run, graph: Graph, view: View, moment: playback.Moment | None
) -> tuple[list[Mapping[str, Any]] | None, Tallies]:
    """Return the records by entry and status if a tab counts them anyway, and the tallies."""
    if view.tab == "timeline" and view.group and moment is None and run.started_at is not None:
        counted = timeline_window.counted_now(run, view)
        return counted, records.tallied(run, graph, timeline_window.tallies_in(counted))
    return None, records.tallies_of(run, graph, moment)


def _people(run: Run, view: View, moment: playback.Moment | None) -> list[Action]:
    """Return the latest actions of people, newest first, and one more than the page shows.

    With a `moment`, only actions until then.
    """
    acted = run.actions.all() if moment is None else run.actions.filter(at__lte=moment.at)
    if view.tab == "audit":
        return list(trail.with_reasons(acted)[: run_page.MOST_EVENTS + 1])
    if moment is not None:
        return list(acted.defer("data").order_by("-pk")[: run_page.MOST_EVENTS + 1])
    return _people_reader(connection_here().vendor).read(run=run.pk)


@lru_cache(maxsize=4)
def _people_reader(_vendor: str) -> QueryReader[Action]:
    rows = Action.objects.filter(run_id=Parameter("run", UUIDField())).defer("data")
    return QueryReader(rows.order_by("-pk")[: run_page.MOST_EVENTS + 1])


def _draw(page: RunPage) -> None:
    """Draw the trees of small values; a large value inside a closed card is fetched when opened."""
    for payload in page.payloads:
        payload.draw(shown_payloads.MOST_VALUE_ROWS)
    cards = page.shown_cards
    room = max(0, MOST_CARD_ROWS - len(cards))
    for card in cards:
        for payload in card.payloads:
            room -= payload.draw_within(room)


def _fill_tab(page: RunPage, tallies: Tallies, counted: list[Mapping[str, Any]] | None) -> None:
    """Gather what only the open tab needs."""
    run, view = page.run, page.view
    if view.tab == "events":
        page.events = events_of(run, None if view.at is None else view.at + 1)
    elif view.tab == "timeline":
        _fill_timeline(page, tallies, counted)
    elif view.tab == "related":
        page.related = related.of(run, page.earlier, page.moment)
    elif view.tab == "data":
        page.state = shown_payloads.state_of(run, page.moment)
        page.states = states.of(run, page.moment) if sight.values() else states.States()
        if page.state:
            page.state.draw(shown_payloads.MOST_VALUE_ROWS)


def _fill_timeline(
    page: RunPage, tallies: Tallies, counted: list[Mapping[str, Any]] | None
) -> None:
    run, view, moment = page.run, page.view, page.moment
    if run.started_at is None:
        return
    end = moment.at if moment and moment.at else run.ended_at or timezone.now()
    start = run.started_at
    if view.window is not None:
        whole = (end - start).total_seconds()
        first, last = view.window
        end = start + timedelta(seconds=min(last, whole))
        start += timedelta(seconds=min(first, whole))
    rows = page.rows = timeline_window.of(run, page.graph, view, moment, counted)
    attempts = timeline_window.attempts_of(run, rows.steps, page.known)
    known = page.known = replace(page.known, attempts={**page.known.attempts, **attempts})
    page.timeline = timelines.of(
        rows.steps,
        start,
        end,
        tallies={} if view.group else tallies,
        folds=view.folds and known.is_whole,
        spans=known.until(end),
        known=known,
        statuses=_statuses_of_rows(page, rows.steps),
    )
    rows.fill(page.timeline)


def _statuses_of_rows(page: RunPage, steps: Sequence[StepSnapshot]) -> dict[str, str]:
    """Return the statuses of the containers among these rows, by path; at most one query."""
    holders = [step for step in steps if step.kind in standing.HOLDERS]
    rest = [step for step in holders if step.path not in page.statuses]
    if page.moment is None:
        inside = records.inside_of(past.rows_of(page.run), page.graph, rest)
    else:
        inside = {step.path: standing.inside_of(step, steps, page.until) for step in rest}
    found = {step.path: standing.status_of(step, inside.get(step.path, ())) for step in rest}
    return found | {s.path: page.statuses[s.path] for s in holders if s.path in page.statuses}


def events_of(run: Run, before: int | None = None) -> list[dict[str, Any]]:
    """Return the latest events, newest first; `before` leaves out that number and later ones."""
    last = run.event_seq if before is None else min(before - 1, run.event_seq)
    after = max(last - run_page.MOST_EVENTS, 0)
    found = log.read(run.pk, after, run_page.MOST_EVENTS, is_whole=False) if last > 0 else []
    return [sight.event(event) for event in reversed(found) if after < event["seq"] <= last]


def _questions(run: Run, steps: Sequence[StepSnapshot], person: Person) -> list[Question]:
    items = {step.path: step.total for step in steps if step.kind == "foreach"}
    return [
        questions.question_of(run, step, person, items.get(step.path.rpartition("[")[0], 0))
        for step in sorted(steps, key=lambda step: step.pk)
        if step.status == StepStatus.SUSPENDED and step.kind == "step" and step.suspension
        if step.awaits != RUN  # only that run has the answer
    ]
