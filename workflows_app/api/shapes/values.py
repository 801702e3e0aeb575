"""Values of runs: read as the text they are, only where they are asked for and may be seen.

A large value is not read: a reference to it is given instead. Secrets never leave here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.db.models import Case, Model, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from workflows_app.api.entry.callers import Caller
from workflows_app.api.entry.refusals import Refusal
from workflows_app.engine.run import log, payloads
from workflows_app.jsontext import NULL, dumps, masked_text
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

#: Bytes of a value that is given in place.
MOST: Final = 64 * 1024
#: The most bytes of any value: more than every limit.
_ANY: Final = 2**62

_TABLES: Final[Mapping[str, type[Model]]] = {"run": Run, "step": StepSnapshot}


@dataclass(frozen=True)
class Source:
    """Where a value stands: a column of a row, or the outputs of a foreach's items."""

    table: str
    pk: Any
    column: str


@dataclass(frozen=True)
class Value:
    """A value as it is given: its text, or where it is large only its size in bytes."""

    text: str | None
    size: int = 0


@dataclass
class Asked:
    """Which values somebody asked for, and whether they may see them."""

    names: frozenset[str]
    may_see: bool
    inline: bool = False
    #: What they asked for and may not see.
    withheld: list[str] = field(default_factory=list)

    @property
    def most(self) -> int:
        """How large a value is at most that is given in place."""
        return _ANY if self.inline else MOST

    def shows(self, name: str) -> bool:
        """Return whether a value is to be given."""
        return self.may_see and name in self.names


def asked(
    caller: Caller,
    include: Collection[str],
    known: Sequence[str],
    *,
    inline: bool = False,
    also: Mapping[str, str] | None = None,
) -> Asked:
    """Return which of the `known` values somebody asked for by name. Raises InvalidRequest.

    `also`: other names for some of them.
    """
    names = {(also or {}).get(name, name): name for name in include if name}
    if unknown := [given for name, given in names.items() if name not in known]:
        listed = ", ".join(map(repr, unknown))
        raise Refusal(
            "InvalidRequest",
            f"There is nothing called {listed} to include; there is {', '.join(known)}.",
            unknown=unknown,
        )
    withheld = [] if caller.sees_values else [name for name in known if name in names]
    return Asked(frozenset(names), caller.sees_values, inline, withheld)


def all_of(caller: Caller, known: Sequence[str], *, inline: bool = False) -> Asked:
    """Return that all of the values are asked for, as they are where nobody has to name them."""
    withheld = [] if caller.sees_values else list(known)
    return Asked(frozenset(known), caller.sees_values, inline, withheld)


def given(value: Value | None, address: str) -> Any:
    """Return a value as it stands in an answer; `address` is where it can be read alone."""
    if value is None or (value.text is None and not value.size):
        return None
    if value.text is None:
        return {"$ref": address, "bytes": value.size}
    return orjson.Fragment(str(masked_text(value.text)))


# Reading.


def columns(rows: QuerySet[Any], names: Iterable[str], most: int) -> QuerySet[Any]:
    """Return rows with the texts of some of their columns, where those are small, and the sizes."""
    for name in names:
        text = payloads.as_text(name)
        size, found = f"{name}_size", f"{name}_text"
        rows = rows.annotate(**{size: Coalesce(payloads.ByteLength(text), 0)})
        rows = rows.annotate(**{found: Case(When(**{f"{size}__lte": most, "then": text}))})
    return rows


def of_column(row: Any, name: str) -> Value:
    """Return the value of a column of a row that was read with `columns`."""
    return Value(getattr(row, f"{name}_text"), getattr(row, f"{name}_size"))


def read(sources: Collection[Source], most: int) -> dict[Source, Value]:
    """Return the values that stand at these places; one query for each column of each table."""
    found: dict[Source, Value] = {}
    for table, column in sorted({(each.table, each.column) for each in sources}):
        of_kind = [each for each in sources if (each.table, each.column) == (table, column)]
        if table == "parts":
            found |= {each: _joined(each.pk, most) for each in of_kind}
            continue
        keys = {each.pk for each in of_kind}
        rows = columns(_TABLES[table]._default_manager.filter(pk__in=keys), [column], most)  # noqa: SLF001 - documented API
        read_rows = rows.values_list("pk", f"{column}_text", f"{column}_size")
        texts = {pk: Value(text, size) for pk, text, size in read_rows}
        found |= {each: texts[each.pk] for each in of_kind if each.pk in texts}
    return found


def _joined(container: int, most: int) -> Value:
    """Return the outputs of a foreach's items; their sizes are added up before they are read."""
    parts = StepSnapshot.objects.filter(parent=container, status=StepStatus.SUCCESS)
    size = parts.aggregate(size=Sum(payloads.ByteLength(payloads.as_text("output"))))["size"] or 2
    if size > most:
        return Value(None, size)
    text = payloads.joined_items(container)
    return Value(text, len(text.encode())) if len(text) <= most else Value(None, len(text))


def sources_of(steps: Iterable[StepSnapshot], name: str) -> dict[int, Source]:
    """Return where a value of each of these steps stands: often with another step.

    The steps have `payload_from` and `output_from`.
    """
    if name not in {"payload", "output"}:
        return {step.pk: Source("step", step.pk, name) for step in steps}
    trail = _Trail()
    for step in steps:
        trail.follow(step.pk, (step.pk, name), (step.payload_from, step.output_from))
    while trail.pending:
        wanted = {pk for pk, _ in trail.pending.values()}
        rows = StepSnapshot.objects.filter(pk__in=wanted)
        links = {pk: (p, o) for pk, p, o in rows.values_list("pk", "payload_from", "output_from")}
        todo, trail.pending = trail.pending, {}
        for owner, at in todo.items():
            if at[0] in links:
                trail.follow(owner, at, links[at[0]])
    return trail.found


class _Trail:
    """Where values are looked for: from step to step, until they are found."""

    def __init__(self) -> None:
        self.found: dict[int, Source] = {}
        #: Which value of which step is to be looked at next.
        self.pending: dict[int, tuple[int, str]] = {}

    def follow(self, owner: int, at: tuple[int, str], links: tuple[str, str]) -> None:
        """Note where a value stands, or which step is to be looked at next.

        `links`: where payload and output of the step come from.
        """
        pk, name = at
        reference = links[0] if name == "payload" else links[1]
        if not reference:
            self.found[owner] = Source("step", pk, name)
        elif reference == payloads.PARTS:
            self.found[owner] = Source("parts", pk, "output")
        elif reference == payloads.RUN_INPUT:
            self.found[owner] = Source("input", pk, "input")
        else:
            key, _, column = reference.partition(".")
            if column in {"", "payload", "output"}:
                self.pending[owner] = (int(key), column or "output")
            else:
                self.found[owner] = Source("step", int(key), column)


def of_steps(
    steps: Sequence[StepSnapshot], names: Iterable[str], most: int
) -> dict[tuple[int, str], Value]:
    """Return the values of these steps of one run, by key and name."""
    placed: dict[tuple[int, str], Source] = {}
    run = steps[0].run_id if steps else None
    for name in names:
        for pk, source in sources_of(steps, name).items():
            is_input = source.table == "input"
            placed[pk, name] = Source("run", run, "input") if is_input else source
    texts = read(set(placed.values()), most)
    return {key: texts[source] for key, source in placed.items() if source in texts}


def whole(text: str | None) -> str:
    """Return a value as an answer of its own."""
    return masked_text(NULL if text is None else text)


def named(run: Run, name: str) -> str | None:
    """Return the text of a value of a run by the name that its `$ref` has. Raises NotFound."""
    first, dot, rest = name.partition(".")
    if not dot and name in _OF_RUN:
        return payloads.read(Run, run.pk, name)
    if first == "event":
        return _of_event(run, rest)
    key = int(first) if first.isascii() and first.isdigit() and len(first) <= _DIGITS else None
    if key is not None and rest in _OF_STEP:
        step = StepSnapshot.objects.light().filter(run=run.pk, pk=key).first()
        if step is not None:
            return _of_step(step, rest)
    raise no_value(run, name)


def no_value(run: Run, name: str) -> Refusal:
    """Return what is said of a value that a run does not have."""
    return Refusal("NotFound", f"Run {run.run_id!r} has no value {name!r}.")


def _of_event(run: Run, place: str) -> str:
    """Return a value of an event: `place` is its number and the name of the value."""
    number, _, name = place.partition(".")
    if number.isascii() and number.isdigit() and 0 < len(number) <= _DIGITS:
        for event in log.read(run.pk, int(number) - 1, 1):
            if event["seq"] == int(number) and name in event["payload"]:
                return dumps(event["payload"][name])
    raise no_value(run, f"event.{place}")


#: Digits of the largest key that every database can compare.
_DIGITS: Final = 18
_OF_RUN: Final = frozenset({"input", "result", "state", "request_context", "initial_state"})
_OF_STEP: Final = frozenset({"payload", "output", "suspend_payload", "resume_payload"})


def _of_step(step: StepSnapshot, name: str) -> str:
    if name == "payload":
        return payloads.payload_of(step)
    if name == "output":
        return payloads.output_of(step)
    return payloads.read(StepSnapshot, step.pk, name)
