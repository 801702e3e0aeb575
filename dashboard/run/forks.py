"""What a fork or a time travel kept from before, and what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext

from workflows_app.languages import gettext_lazy
from workflows_app.models import Run

from ..values import given
from .cards import Card
from .header import Header, TimelineOrigin
from .shown_payloads import Payload

#: The label of a run's input if its first step was given a different one.
WITHOUT: Final = gettext_lazy("Input that the run was started with")


def mark(run: Run, head: Header, cards: Sequence[Card]) -> None:
    """Mark the cards of steps that were given a different input, and of results that were kept."""
    shown = head.timeline
    if shown.number > 1 and shown.cause == "time-travel":
        for card in cards:
            card.is_kept = card.step is not None and card.step.timeline < shown.number
    for began in _beginnings(head):
        if given.is_input_changed(run, began.number):
            for card in cards:
                card.is_input_changed |= _is_of(card, began, shown.number)


def _beginnings(head: Header) -> list[TimelineOrigin]:
    """Return the timelines that began at a step: the shown one, and the first one of a fork."""
    found = [head.first] if head.lineage == "fork" else []
    is_another = head.timeline.number > 1 and head.timeline.cause == "time-travel"
    return [*found, head.timeline] if is_another else found


def _is_of(card: Card, began: TimelineOrigin, shown: int) -> bool:
    if card.entry.path != began.step:
        return False
    return began.number == (shown if card.step is None else card.step.timeline)


def inputs(found: list[Payload], head: Header, cards: Sequence[Card]) -> list[Payload]:
    """Return the values of a run, with the inputs that its steps really began with.

    If the very first step was given a different input, that one comes first: the run's own input is
    the one with which it was forked or started.
    """
    inputs = ((card, _given_to(card)) for card in cards if card.is_input_changed)
    changed = [(card, given) for card, given in inputs if given is not None]
    if not changed:
        return found
    began = [_named(card, given, head) for card, given in changed]
    if any(card.is_kept or card.is_reused or card.is_given for card in cards):
        return [*found[:1], *began, *found[1:]]
    is_forked = _is_by_fork(changed[0][0], head)
    was = gettext("Input of the run it was forked from") if is_forked else WITHOUT
    return [*began, *(replace(p, label=was) for p in found[:1]), *found[1:]]


def _given_to(card: Card) -> Payload | None:
    return next((p for p in card.payloads if p.field == "payload"), None)


def _is_by_fork(card: Card, head: Header) -> bool:
    timeline = head.timeline.number if card.step is None else card.step.timeline
    return head.lineage == "fork" and timeline == 1


def _named(card: Card, given: Payload, head: Header) -> Payload:
    how = gettext("fork") if _is_by_fork(card, head) else gettext("time travel")
    return replace(
        given,
        label=gettext("Input of {path}, changed by the {how}").format(
            path=card.entry.path, how=how
        ),
    )
