"""Events as JSON: as they were recorded, without values for those who may not see them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from workflows_app import withheld
from workflows_app.api.entry import answers
from workflows_app.api.entry.doorway import Call
from workflows_app.api.shapes import values
from workflows_app.api.shapes.values import Source, Value
from workflows_app.engine.host.live import Event, without_place
from workflows_app.engine.run import payloads
from workflows_app.models import StepSnapshot


def listed(call: Call, run: uuid.UUID, found: Sequence[Event]) -> list[dict[str, Any]]:
    """Return events of one run as JSON; large ones among their values as references.

    They were read with their values as `refs`.
    """
    if not call.caller.sees_values:
        return [withheld.event(without_place(event)) for event in found]
    inline = bool(getattr(call.query, "inline", False))
    texts = _texts(run, found, 2**62 if inline else values.MOST)
    return [_with_values(call, event, texts, inline=inline) for event in found]


def _with_values(
    call: Call, event: Event, texts: dict[str, Value], *, inline: bool
) -> dict[str, Any]:
    payload = dict(event["payload"])
    run_id = event["run_id"]
    for name, reference in event.get("refs", {}).items():
        address = call.address("runs", run_id, "values", _named(reference))
        payload[name] = values.given(texts.get(reference), address)
    if not inline and event["seq"] is not None:
        for name in withheld.VALUES & payload.keys() - event.get("refs", {}).keys():
            size = len(answers.dumps(payload[name])) if _may_be_large(payload[name]) else 0
            if size > values.MOST:
                address = call.address("runs", run_id, "values", f"event.{event['seq']}.{name}")
                payload[name] = {"$ref": address, "bytes": size}
    return {**_bare(event), "payload": payload}


def _bare(event: Event) -> dict[str, Any]:
    return {name: each for name, each in without_place(event).items() if name != "refs"}


def _may_be_large(value: Any) -> bool:
    return isinstance(value, (str, list, dict)) and bool(value)


def _named(reference: str) -> str:
    """Return the name that a referred value has among those of its run."""
    if reference == payloads.RUN_INPUT:
        return "input"
    return reference if "." in reference else f"{reference}.output"


def _texts(run: uuid.UUID, found: Sequence[Event], most: int) -> dict[str, Value]:
    """Return what the references of these events stand for."""
    wanted = {ref for event in found for ref in event.get("refs", {}).values()}
    placed: dict[str, Source] = {}
    by_name: dict[str, dict[int, str]] = {}
    for reference in wanted:
        if reference == payloads.RUN_INPUT:
            placed[reference] = Source("run", run, "input")
            continue
        key, _, name = reference.partition(".")
        by_name.setdefault(name or "output", {})[int(key)] = reference
    for name, keys in by_name.items():
        steps = StepSnapshot.objects.filter(run=run, pk__in=list(keys)).only(
            "payload_from", "output_from"
        )
        for pk, source in values.sources_of(steps, name).items():
            is_input = source.table == "input"
            placed[keys[pk]] = Source("run", run, "input") if is_input else source
    texts = values.read(set(placed.values()), most)
    return {ref: texts[source] for ref, source in placed.items() if source in texts}
