"""Gives the items of stretches their snapshots before anything else changes their run.

A stretch is a shortcut for working on items of a foreach: see `models.stretch`. Everything except
the recorder of items (`record.items`) sees such items as snapshots that a worker holds.
"""

import uuid
from collections.abc import Sequence
from typing import Final

from workflows_app.definition import BODY, Kind, registry
from workflows_app.engine.run import change_readers, events, inputs, lists, payloads, step_events
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import Raw, dumps
from workflows_app.models import StepSnapshot, Stretch
from workflows_app.models.fields import step_key
from workflows_app.planner.statuses import StepStatus

#: A stretch is a claim of each of its items, with this token.
FIRST_TOKEN: Final = 1


def keep_payloads(stretch: int, position: int, made: Sequence[Raw]) -> bool:
    """Store the inputs that the step's type made of the items; return whether it was done.

    The inputs are stored so that every attempt of an item gets the same one, even if the type makes
    a different value each time. False: the stretch no longer exists.
    """
    found = Stretch.objects.filter(pk=stretch, position=position)
    return found.update(payloads=Raw(f"[{','.join(made)}]")) > 0


def payload_of(key: int, worker: uuid.UUID) -> Raw | None:
    """Return the input of an item that has its snapshot; None if its first claim holds no more."""
    held = StepSnapshot.objects.held().filter(pk=key, token=FIRST_TOKEN, worker=worker)
    texts = held.annotate(text_=payloads.as_text("payload")).values_list("text_", flat=True)
    text = texts.first()
    return None if text is None else Raw(text)


def write_down(change: Change) -> None:
    """Give each item of the run's stretches a snapshot, held by the worker of the stretch.

    The run is locked. Its counts do not change, because they already include these items.
    """
    if not change.model.stretches:
        return
    found = list(Stretch.objects.filter(run=change.model.pk).order_by("pk"))
    for stretch in found:
        _write_down(change, stretch)
    Stretch.objects.filter(pk__in=[stretch.pk for stretch in found]).delete()
    change.model.stretches = 0


def _write_down(change: Change, stretch: Stretch) -> None:
    container = change.remember(change_readers.BY_KEY.get(stretch.parent_id))
    definition = registry.find(change.model.workflow_id)
    node = definition and definition.tree.nodes.get(f"{container.base_path}{BODY}")
    items = lists.items_of(container.pk)
    keys = _free_keys(stretch)
    for index in range(stretch.position, stretch.until):
        payload = items[index]
        if stretch.payloads is not None:
            payload = dumps(stretch.payloads[index - stretch.start])
        elif definition and node:
            payload = inputs.kept(definition.tree, node, payload)
        step = lists.new_item(
            container, index, keys[index], payload, kind=Kind.STEP.value,
            status=StepStatus.RUNNING.value, worker_id=stretch.worker_id, token=FIRST_TOKEN,
            queue=stretch.queue, timeline=stretch.timeline, queued_at=stretch.claimed_at,
            started_at=stretch.claimed_at, metadata=lists.metadata_of(node) if node else {},
        )  # fmt: skip
        change.insert(step, has_key=True)
        named = step_events.named(change, step)
        change.log.add(events.step_started(named, step.pk, payload, stretch.claimed_at))


def _free_keys(stretch: Stretch) -> dict[int, int]:
    """Return the key for the snapshot of each item that is left.

    Another process may have made the same key in the same microsecond. Then the item gets another
    one: its thread does not know that, so its result is dropped, and the sweep frees the item.
    """
    keys = {n: stretch.key_of(n) for n in range(stretch.position, stretch.until)}
    known = StepSnapshot.objects.filter(pk__in=list(keys.values()))
    taken = set(known.values_list("pk", flat=True))
    return {n: step_key() if key in taken else key for n, key in keys.items()}
