"""Stretches of time: joining them, cutting them and adding them up. They know no run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

#: A stretch of time: its start and its end; the end is None while it goes on.
Span = tuple[datetime, datetime | None]


def without(span: Span, pauses: Iterable[Span]) -> Iterator[Span]:
    """Yield what is left of a stretch without its pauses."""
    at, end = span
    for first, last in pauses:
        if first < at or (end is not None and first >= end):
            continue
        yield at, first
        if last is None:
            return
        at = last
    if end is None or at < end:
        yield at, end


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the stretches in order; those that touch are joined."""
    begun: datetime | None = None
    until: datetime | None = None
    for start, end in sorted(spans, key=lambda span: span[0]):
        if begun is not None and (until is None or start <= until):
            until = None if until is None or end is None else max(until, end)
            continue
        if begun is not None:
            yield begun, until
        begun, until = start, end
    if begun is not None:
        yield begun, until


def left_of(spans: Iterable[Span], others: Sequence[Span]) -> Iterator[Span]:
    """Yield what is left of stretches without others, which are in order and do not touch."""
    begins = [begun for begun, _ in others]
    for first, last in spans:
        at: datetime | None = first
        for begun, until in others[max(bisect_right(begins, first) - 1, 0) :]:
            if last is not None and begun >= last:
                break
            if at is not None and begun > at:
                yield at, begun
            at = None if until is None else max(at or until, until)
            if at is None:
                break
        if at is not None and (last is None or at < last):
            yield at, last


def cut(
    spans: Iterable[Span], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield the parts of these stretches that are between two moments."""
    for first, last in spans:
        begun, until = max(first, start), min(last or end, end)
        if begun < until:
            yield begun, until


def length_in(spans: Iterable[Span], start: datetime, end: datetime) -> timedelta:
    """Return the total length of these stretches between two moments."""
    return sum((last - first for first, last in cut(spans, start, end)), timedelta())
