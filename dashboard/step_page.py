"""The page of one step: the inspector with an address of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from dashboard import graphs, previews, records
from dashboard.cards import Card, card_for
from dashboard.graphs import Place
from workflows_app import actions
from workflows_app.actions import Offer, Person
from workflows_app.engine import log
from workflows_app.models import Action, Run, StepSnapshot

MOST_ITEMS: Final = 100
#: Events of the run among which those of the step are looked for.
MOST_EVENTS: Final = 2000
#: Events of the step that its page lists.
MOST_SHOWN: Final = 50


@dataclass(frozen=True)
class StepPage:
    """One step of a run with all that is known of it."""

    card: Card
    step: StepSnapshot
    place: Place
    events: list[dict[str, Any]]
    people: list[Action]
    items: list[StepSnapshot]
    tally: list[tuple[str, int]]
    first: int
    travel: Offer
    #: Where a travel to it begins: items are gone to with their whole list.
    travel_to: str

    @property
    def next_first(self) -> int | None:
        """The index of the first item of the next page."""
        if len(self.items) <= MOST_ITEMS:
            return None
        return self.first + MOST_ITEMS

    @property
    def previous_first(self) -> int | None:
        """The index of the first item of the page before."""
        return max(self.first - MOST_ITEMS, 0) if self.first else None

    @property
    def shown_items(self) -> list[StepSnapshot]:
        """The items of this page."""
        return self.items[:MOST_ITEMS]


def page_for(run: Run, path: str, data: Mapping[str, str], person: Person) -> StepPage | None:
    """Gather the page; None when the run has no such step."""
    graph = graphs.of_version(run.version_id)
    step = run.steps.current().light().filter(path=path).first()
    if step is None:
        return None
    place = graph.places.get(step.base_path)
    if place is None:
        return None
    shown = records.shown(run, [step.pk], previews.TREE_LIMIT)
    card = card_for(run, graph, place, shown)
    text = data.get("first", "")
    first = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004
    items = run.steps.current().light().filter(parent=step.pk, position__gte=first)
    return StepPage(
        card=card,
        step=shown[0],
        place=place,
        events=_events(run, step),
        people=list(run.actions.filter(path=path).order_by("pk")[:MOST_ITEMS]),
        items=list(items.order_by("position")[: MOST_ITEMS + 1]) if _is_list(step) else [],
        tally=records.tallies_of(run, graph).get(f"{step.base_path}[]", [])
        if _is_list(step)
        else [],
        first=first,
        travel=actions.offer(actions.TRAVEL, person, run),
        travel_to=re.sub(r"\[.*", "", path),
    )


def _is_list(step: StepSnapshot) -> bool:
    return step.kind in {"foreach", "do_while", "do_until"}


def _events(run: Run, step: StepSnapshot) -> list[dict[str, Any]]:
    """Return the events that tell of this step, among the last ones of the run."""
    after = max(run.event_seq - MOST_EVENTS, 0)
    found = log.read(run.pk, after, MOST_EVENTS, is_whole=False)
    own = [event for event in reversed(found) if event["payload"].get("path") == step.path]
    return own[:MOST_SHOWN]
