"""Where large values stand, and how to read them: a value over 1 KiB stands once.

A reference is text: `run.input`, or `<snapshot pk>.<field>`. Rows are never overwritten on their
timeline, so a reference stays true.
"""

import uuid
from collections.abc import Iterable
from typing import Final

from django.db.models import F, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

from workflows_app import conf, errors
from workflows_app.jsontext import INLINE_LIMIT, NULL, Raw
from workflows_app.models import Run, StepSnapshot

RUN_INPUT: Final = "run.input"


def check_size(text: Raw, what: str) -> Raw:
    """Return `text`, or raise PayloadTooLarge naming `what` it is and the limit, in bytes."""
    limit = conf.get("MAX_PAYLOAD_BYTES")
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    if size > limit:
        raise errors.PayloadTooLarge(
            f"{what} is {size:,} bytes of JSON; at most {limit:,} are kept. Store it elsewhere and "
            "pass a reference, or raise MAX_PAYLOAD_BYTES."
        )
    return text


def is_large(text: str) -> bool:
    """Return whether a value stands once and is referred to."""
    return len(text) > INLINE_LIMIT


def as_text(field: str) -> Combinable:
    """Return an expression that reads a JSON column as the text it is."""
    return Cast(F(field), TextField())


def read(model: type[Run] | type[StepSnapshot], pk: object, field: str) -> Raw:
    """Return one JSON column of one row as text; NULL where it holds nothing."""
    rows = model.objects.filter(pk=pk)
    text = rows.annotate(text_=as_text(field)).values_list("text_", flat=True).first()
    return NULL if text is None else Raw(text)


def output_of(step: StepSnapshot) -> Raw:
    """Return the output of a snapshot as text, wherever it stands."""
    source = step.output_from or step.pk
    return read(StepSnapshot, source, "output")


def payload_of(step: StepSnapshot) -> Raw:
    """Return what came to a snapshot as text, wherever it stands."""
    if not step.payload_from:
        return read(StepSnapshot, step.pk, "payload")
    return resolve(step.run_id, {_reference(step.payload_from)})[_reference(step.payload_from)]


def resolve(run: uuid.UUID, references: Iterable[str]) -> dict[str, Raw]:
    """Return the texts that these references of one run stand for."""
    texts: dict[str, Raw] = {}
    for reference in references:
        if reference == RUN_INPUT:
            texts[reference] = read(Run, run, "input")
            continue
        pk, _, field = reference.partition(".")
        texts[reference] = _resolve_step(int(pk), field)
    return texts


def _resolve_step(pk: int, field: str) -> Raw:
    if field not in {"payload", "output"}:
        return read(StepSnapshot, pk, field)
    step = StepSnapshot.objects.only("run_id", "payload_from", "output_from").get(pk=pk)
    return output_of(step) if field == "output" else payload_of(step)


def _reference(source: str) -> str:
    return source if source == RUN_INPUT else f"{source}.output"
