"""Where large values are stored, and how to read them: a value over 1 KiB is stored once.

A reference is text: `run.input`, `<snapshot pk>` for its output, or `<snapshot pk>.<field>`. Rows
are never overwritten on their timeline, so references stay valid. The output of a foreach is stored
in its items only.
"""

import uuid
from collections.abc import Iterable
from typing import Any, Final

from django.db.models import F, Func, IntegerField, TextField
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast, Length

from workflows_app import conf, errors
from workflows_app.jsontext import INLINE_LIMIT, NULL, Raw, dumps
from workflows_app.models import Run, StepSnapshot
from workflows_app.planner.statuses import StepStatus

RUN_INPUT: Final = "run.input"

#: The reference of a foreach's output, which is stored in its parts.
PARTS: Final = "parts"


def check_size(text: Raw, what: str) -> Raw:
    """Return `text`, or raise PayloadTooLarge with `what` it is and the limit in bytes."""
    limit = conf.get("MAX_PAYLOAD_BYTES")
    size = len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
    if size > limit:
        raise errors.PayloadTooLarge(
            f"{what} is {size:,} bytes of JSON; at most {limit:,} are kept. Store it elsewhere and "
            "pass a reference, or raise MAX_PAYLOAD_BYTES."
        )
    return text


def is_large(text: str) -> bool:
    """Return whether a value is stored once and referred to."""
    return len(text) > INLINE_LIMIT


def as_text(field: str) -> Combinable:
    """Return an expression that reads a JSON column as text."""
    return Cast(F(field), TextField())


class ByteLength(Func):
    """How many bytes of UTF-8 a text has."""

    function = "OCTET_LENGTH"
    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """SQLite counts characters of texts, and bytes of anything else."""
        template = "LENGTH(CAST(%(expressions)s AS BLOB))"
        return self.as_sql(compiler, connection, template=template, **context)


def read(model: type[Run] | type[StepSnapshot], pk: object, field: str) -> Raw:
    """Return one JSON column of one row as text; JSON null if it is empty."""
    rows = model.objects.filter(pk=pk)
    text = rows.annotate(text_=as_text(field)).values_list("text_", flat=True).first()
    return NULL if text is None else Raw(text)


def size(model: type[Run] | type[StepSnapshot], pk: object, field: str) -> int:
    """Return the length of a JSON column of one row in characters, without reading it."""
    rows = model.objects.filter(pk=pk).annotate(size_=Length(as_text(field)))
    return rows.values_list("size_", flat=True).first() or 0


class ListTooLarge(Exception):
    """The outputs of a foreach are too large to join, so the foreach at `path` fails."""

    path: str = ""

    def as_error(self) -> errors.PayloadTooLarge:
        """Return the error of the foreach."""
        return errors.PayloadTooLarge(str(self))


def run_input(run: uuid.UUID) -> Raw:
    """Return the input of a run as text."""
    return read(Run, run, "input")


def is_shared(source: str) -> bool:
    """Return whether this reference names an output that is stored elsewhere as a whole."""
    return bool(source) and source != PARTS


def output_of(step: StepSnapshot) -> Raw:
    """Return the output of a snapshot as text, wherever it is stored."""
    if step.output_from == PARTS:
        return joined_items(step.pk)
    if step.output_from:
        return resolve(step.run_id, {step.output_from})[step.output_from]
    return read(StepSnapshot, step.pk, "output")


def payload_of(step: StepSnapshot) -> Raw:
    """Return the input of a snapshot as text, wherever it is stored."""
    if step.payload_from:
        return resolve(step.run_id, {step.payload_from})[step.payload_from]
    return column(step, "payload")


def column(step: StepSnapshot, field: str) -> Raw:
    """Return a JSON column of a snapshot as text; read it only if it is not loaded."""
    if field not in step.__dict__:
        return read(StepSnapshot, step.pk, field)
    value = step.__dict__[field]
    return NULL if value is None else dumps(value)


def source_of_payload(step: StepSnapshot) -> str:
    """Return the reference to the input of a snapshot."""
    return step.payload_from or f"{step.pk}.payload"


def joined_items(container: int) -> Raw:
    """Return the outputs of a foreach's items as the text of one list, in order."""
    parts = StepSnapshot.objects.filter(parent=container, status=StepStatus.SUCCESS)
    rows = (
        parts.order_by("position")
        .annotate(text_=as_text("output"))
        .values_list("pk", "output_from", "text_")
    )
    texts = (
        output_of(StepSnapshot.objects.only("run_id", "output_from").get(pk=pk))
        if source
        else text or NULL
        for pk, source, text in rows.iterator(chunk_size=2000)
    )
    return Raw(f"[{','.join(texts)}]")


def check_list(text: Raw, path: str) -> Raw:
    """Return the joined list of a foreach, or raise ListTooLarge."""
    limit = conf.get("MAX_LIST_BYTES")
    if len(text) > limit:
        error = ListTooLarge(
            f"The joined list of {path} is {len(text):,} bytes of JSON; at most {limit:,} are "
            "kept. Let the items return less, or raise MAX_LIST_BYTES."
        )
        error.path = path
        raise error
    return text


def resolve(run: uuid.UUID, references: Iterable[str]) -> dict[str, Raw]:
    """Return the texts that these references of one run name."""
    return {reference: _resolve(run, reference) for reference in references}


def _resolve(run: uuid.UUID, reference: str) -> Raw:
    if reference == RUN_INPUT:
        return run_input(run)
    pk, _, field = reference.partition(".")
    if field not in {"", "payload", "output"}:
        return read(StepSnapshot, pk, field)
    step = StepSnapshot.objects.only("run_id", "payload_from", "output_from").get(pk=int(pk))
    return payload_of(step) if field == "payload" else output_of(step)
