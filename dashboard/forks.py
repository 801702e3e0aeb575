"""What a run took over from the one that it was forked from, and what was changed on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboard.cards import Card, Payload
from dashboard.header import Header
from workflows_app.engine import payloads
from workflows_app.models import Run, RunEvent


def is_input_changed(run: Run) -> bool:
    """Return whether the step that a fork began with was given another input; one query."""
    told = RunEvent.objects.filter(run=run.pk, timeline=1).annotate(text=payloads.as_text("events"))
    first = told.order_by("first_seq").values("pk")[:1]
    return told.filter(pk__in=first, text__contains='"input_data":').exists()


def mark(run: Run, head: Header, cards: Sequence[Card]) -> None:
    """Mark the card of the step that a fork began with, if it got another input."""
    if head.lineage != "fork" or not is_input_changed(run):
        return
    for card in cards:
        card.is_input_changed = card.place.path == head.first.step


def inputs(found: list[Payload], head: Header, cards: Sequence[Card]) -> list[Payload]:
    """Return the values of a run, with the input that the steps of a fork really began with.

    Where the first step of all got another, that comes first: the run's own is the one that it
    was forked with.
    """
    changed = next((card for card in cards if card.is_input_changed), None)
    given = [p for p in changed.payloads if p.field == "payload"] if changed else []
    if changed is None or not given:
        return found
    began = replace(given[0], label=f"Input of {changed.place.path}, changed by the fork")
    is_first = not any(card.is_reused or card.is_given for card in cards)
    own = [replace(p, label="Input of the run it was forked from") for p in found[:1] if is_first]
    return [began, *own, *found[1:]] if is_first else [found[0], began, *found[1:]]
