"""Figures in the text format that Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from . import counting, gauges, totals
from .counting import Counts

PREFIX: Final = "signalbox_"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

#: What is counted, in words, and by what.
_COUNTERS: Final = {
    counting.STARTED: ("Runs that were started.", ["workflow"]),
    counting.SETTLED: ("How often runs settled, by what they became.", ["workflow", "status"]),
    counting.STEPS: ("Steps that ended, by how.", ["workflow", "outcome"]),
    counting.ATTEMPTS: ("Attempts of steps that began.", ["workflow"]),
    counting.LOST: ("Claims that were lost with their worker.", []),
}
_TIMES: Final = {
    counting.START_TIME: ("From the start of a run until a worker took its first step.", "queue"),
    counting.SETTLE_TIME: (
        "From the start of a run to its end, without what it waited for people.",
        "workflow",
    ),
}


class _Figures(Collector):
    """What is known at one moment."""

    def __init__(self, counts: Counts | None, now: datetime) -> None:
        self._counts = counts
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield each figure; no counts at all while they are made the first time."""
        if self._counts is not None:
            yield from (_counter(self._counts, name) for name in _COUNTERS)
            yield from (_histogram(self._counts, name) for name in _TIMES)
        for gauge in gauges.look(self._now):
            yield _gauge(gauge)


def _counter(counts: Counts, name: str) -> Metric:
    words, labels = _COUNTERS[name]
    family = CounterMetricFamily(PREFIX + name, words, labels=labels)
    found = {key[1:]: number for key, number in counts.items() if key[0] == name}
    if not labels:
        found.setdefault((), 0)
    for values, number in sorted(found.items()):
        family.add_metric(values, number)
    return family


def _histogram(counts: Counts, name: str) -> Metric:
    words, label = _TIMES[name]
    family = HistogramMetricFamily(f"{PREFIX}{name}_seconds", words, labels=[label])
    for value in counting.labels_of(counts, name):
        buckets, total = counting.times_of(counts, name, value)
        family.add_metric([value], buckets, total)
    return family


def _gauge(gauge: gauges.Gauge) -> Metric:
    family = GaugeMetricFamily(
        PREFIX + gauge.name, gauge.help, labels=[gauge.label] if gauge.label else []
    )
    for value, number in sorted(gauge.values.items()):
        family.add_metric([value] if gauge.label else [], number)
    return family


def text(now: datetime, workflows: frozenset[str] | None = None) -> bytes:
    """Return all figures as they are now; of workflows, those of these alone (None: of all)."""
    counts = totals.current()
    if counts is not None and workflows is not None:
        counts = counting.only(counts, workflows)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(counts, now))
    return generate_latest(registry)
