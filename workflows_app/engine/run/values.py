"""Reads the values that the planner names, as text, inside one `Change`."""

from workflows_app.engine.run import payloads
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import NULL, Raw, joined
from workflows_app.models import StepSnapshot
from workflows_app.planner import decisions as d

#: A text, and the reference to where it is stored already; empty if nowhere.
Sourced = tuple[Raw, str]


def text_of(change: Change, value: d.Value) -> Sourced:
    """Return a value as text, and the reference to it (see `payloads`)."""
    match value:
        case d.RunInput():
            return _run_input(change), payloads.RUN_INPUT
        case d.OutputOf(path):
            return _output(change, change.snapshot(path))
        case d.InputOf(path):
            return _input(change, change.snapshot(path))
        case d.PreviousInput(path):
            return _previous_input(change, path)
        case d.Joined(path):
            return _join(change, change.snapshot(path))
        case _:
            return value, ""


def _run_input(change: Change) -> Raw:
    if payloads.RUN_INPUT not in change.outputs:
        change.outputs[payloads.RUN_INPUT] = payloads.run_input(change.model.pk)
    return change.outputs[payloads.RUN_INPUT]


def _output(change: Change, step: StepSnapshot) -> Sourced:
    if step.path not in change.outputs:
        change.outputs[step.path] = payloads.output_of(step)
    source = step.output_from if payloads.is_shared(step.output_from) else str(step.pk)
    return change.outputs[step.path], source


def _input(change: Change, step: StepSnapshot) -> Sourced:
    known = change.outputs.get(f"{step.path}:payload")
    text = known if known is not None else payloads.payload_of(step)
    return text, payloads.source_of_payload(step)


def _previous_input(change: Change, path: str) -> Sourced:
    step = change.previous(path)
    return payloads.payload_of(step), payloads.source_of_payload(step)


def _join(change: Change, container: StepSnapshot) -> Sourced:
    """Join the outputs of a container's parts; a failed part gives null."""
    if container.kind == "foreach" or change.has_new_parts(container):
        change.flush()
    if container.kind == "foreach":
        return payloads.check_list(payloads.joined_items(container.pk), container.path), ""
    parts = StepSnapshot.objects.current().filter(parent=container.pk)
    light = parts.only("path", "base_path", "output_from", "run_id").order_by("position")
    stored = dict(parts.annotate(text_=payloads.as_text("output")).values_list("pk", "text_"))
    texts: list[tuple[str, str]] = []
    for part in light:
        text: str | None = change.outputs.get(part.path, stored[part.pk])
        if part.output_from and part.path not in change.outputs:
            text = payloads.output_of(part)
        texts.append((change.graph.nodes[part.base_path].key, text or NULL))
    return joined(texts), ""
