"""CSV import: reads customers, asks about rows that do not fit, and writes the others."""

import csv
import io
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Self

from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from django.utils import timezone
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from workflows_app import StepContext, Workflow, step
from workflows_app.demo import models

REQUIRED: Final = ("name", "email")
COLUMNS: Final = (*REQUIRED, "age")
MOST_ROWS: Final = 2000

#: Bad rows that the question spells out; the output of `check_rows` has them all.
MOST_SHOWN: Final = 50


class WrongFile(ValueError):
    """The text is not a CSV file of customers, so no row was read."""


def _address(text: str) -> str:
    """Return an e-mail address in lower case, by which customers are known."""
    try:
        validate_email(text)
    except DjangoValidationError:
        raise ValueError("is not an e-mail address") from None
    return text.lower()


def _none_if_blank(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


Email = Annotated[str, Field(max_length=254), AfterValidator(_address)]


class Customer(BaseModel):
    """One person, as the table takes them."""

    model_config = ConfigDict(str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=80)
    email: Email = Field(title="E-mail", json_schema_extra={"format": "email"})
    #: An empty cell means that the age is not known.
    age: Annotated[int | None, BeforeValidator(_none_if_blank)] = Field(None, ge=0, le=150)


class Import(BaseModel):
    """A file and the list that it is for."""

    list_name: str = Field(
        title="List", description="The customers are kept under this name",
        min_length=1, max_length=60,
    )  # fmt: skip
    csv: str = Field(
        title="CSV text",
        description="The first line names the columns: name, email and, if you like, age",
        min_length=1,
        json_schema_extra={"format": "textarea"},
    )


class Row(BaseModel):
    """One row as it is in the file; `line` counts from 1, which is the header."""

    line: int
    cells: list[str]


class Parsed(BaseModel):
    """A file split into rows, which are not checked yet."""

    columns: list[str]
    rows: list[Row]


class BadRow(BaseModel):
    """A row that cannot be written, and why."""

    line: int
    text: str
    reasons: list[str]

    def __str__(self) -> str:
        return f"Line {self.line}: {'; '.join(self.reasons)}\n    {self.text}"


class Sorted(BaseModel):
    """The rows of a file that fit, and those that do not."""

    good: list[Customer]
    bad: list[BadRow]


class Question(BaseModel):
    """What a person sees before deciding about bad rows: one or two lines of text for each row."""

    question: str
    bad_rows: str


class Action(StrEnum):
    """What may be done about bad rows."""

    SKIP = "skip"
    FIX = "fix"
    STOP = "stop"


class Answer(BaseModel):
    """What a person decides about the bad rows."""

    action: Action = Field(
        title="What to do",
        description="Skip: leave them out. Fix: write those below in their place. "
        "Stop: write nothing at all",
    )
    rows: list[Customer] = Field(
        default=[],
        title="Fixed rows",
        description="Only to fix; bad rows that are not here are left out",
        max_length=MOST_ROWS,
    )

    @model_validator(mode="after")
    def _rows_are_for_fixing(self) -> Self:
        if self.action is Action.FIX and not self.rows:
            raise ValueError("Give at least one fixed row, or choose to skip the bad ones.")
        if self.action is not Action.FIX and self.rows:
            raise ValueError(f"The fixed rows would be lost: you chose to {self.action}.")
        return self


class Ready(BaseModel):
    """The customers to write, with the counts so far."""

    customers: list[Customer]
    fixed: int = 0
    skipped: int = 0


class Counts(BaseModel):
    """How an import ended."""

    list_name: str
    is_stopped: bool = False
    created: int = 0
    updated: int = 0
    fixed: int = 0
    skipped: int = 0


@step
def parse(given: Import) -> Parsed:
    """Split the text into rows; a wrong header ends the import here."""
    lines = _lines(given.csv.removeprefix("\ufeff"))
    header = next(lines, None)
    if header is None:
        raise WrongFile("The file is empty; its first line must name the columns.")
    columns = [cell.strip().lower() for cell in header.cells]
    check_columns(columns)
    rows = list(lines)
    if len(rows) > MOST_ROWS:
        raise WrongFile(
            f"The file has {len(rows):,} rows, and one import takes at most {MOST_ROWS:,}; split "
            "it and import the parts."
        )
    return Parsed(columns=columns, rows=rows)


def _lines(text: str) -> Iterator[Row]:
    """Yield the rows that are not empty, each with the line on which it begins."""
    first = text.lstrip().partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins_at = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(line=begins_at, cells=cells)
            begins_at = reader.line_num + 1
    except csv.Error as error:
        raise WrongFile(
            f"The row that begins on line {begins_at} is not CSV: {error}. Look for a quotation "
            "mark that is not closed."
        ) from error


def check_columns(columns: list[str]) -> None:
    """Raise WrongFile unless these are the columns that an import takes, in any order."""
    missing = [name for name in REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in COLUMNS]
    if missing or unknown or len(set(columns)) != len(columns):
        raise WrongFile(
            f"The first line of the file is {', '.join(columns)!r}; it must name the columns name "
            "and email, may name age, and each once."
        )


@step
def check_rows(parsed: Parsed) -> Sorted:
    """Separate the rows that can be written from those that cannot, with the reasons."""
    found = Sorted(good=[], bad=[])
    line_of: dict[str, int] = {}
    for row in parsed.rows:
        read = read_row(parsed.columns, row)
        if isinstance(read, BadRow):
            found.bad.append(read)
        elif read.email in line_of:
            reason = f"email: {read.email} is already on line {line_of[read.email]}"
            found.bad.append(_bad(row, [reason]))
        else:
            line_of[read.email] = row.line
            found.good.append(read)
    return found


def read_row(columns: list[str], row: Row) -> Customer | BadRow:
    """Return the customer in a row, or the reasons why there is none."""
    if len(row.cells) > len(columns):
        return _bad(row, [f"has {len(row.cells)} values for {len(columns)} columns"])
    try:
        return Customer.model_validate(dict(zip(columns, row.cells, strict=False)))
    except ValidationError as error:
        return _bad(row, [_reason(problem["loc"], problem["msg"]) for problem in error.errors()])


def _bad(row: Row, reasons: list[str]) -> BadRow:
    return BadRow(line=row.line, text=", ".join(row.cells), reasons=reasons)


def _reason(loc: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(str(part) for part in loc)}: {message.removeprefix('Value error, ')}"


@step(resume=Answer, suspend=Question)
def ask_about_bad_rows(found: Sorted, ctx: StepContext) -> Ready:
    """Ask a person what to do if rows do not fit; if all fit, ask nobody."""
    if not found.bad:
        return Ready(customers=found.good)
    if ctx.resume_data is None:
        ctx.suspend(question_about(found), resume_label="bad-rows")
    answer: Answer = ctx.resume_data
    if answer.action is Action.STOP:
        ctx.bail(Counts(list_name=ctx.get_init_data()["list_name"], is_stopped=True))
    return Ready(
        customers=[*found.good, *answer.rows],
        fixed=len(answer.rows),
        skipped=max(0, len(found.bad) - len(answer.rows)),
    )


def question_about(found: Sorted) -> Question:
    """Return what a person needs to know in order to decide about the bad rows."""
    bad, total = len(found.bad), len(found.bad) + len(found.good)
    shown = [str(row) for row in found.bad[:MOST_SHOWN]]
    if bad > MOST_SHOWN:
        shown.append(f"… and {bad - MOST_SHOWN:,} more")
    verb = "does" if bad == 1 else "do"
    return Question(
        question=f"{bad} of {total} rows {verb} not fit. What should happen to what does not?",
        bad_rows="\n".join(shown),
    )


@step(atomic=True)
def write_rows(ready: Ready, ctx: StepContext) -> Counts:
    """Add the customers, or update those whose address the list already has."""
    list_name = ctx.get_init_data()["list_name"]
    # The last row for an address counts, because a database refuses to write one row twice at once.
    latest = {customer.email: customer for customer in ready.customers}
    rows = models.Customer.objects.filter(list_name=list_name, email__in=list(latest))
    updated = rows.count()
    models.Customer.objects.bulk_create(
        [
            models.Customer(list_name=list_name, updated_at=timezone.now(), **each.model_dump())
            for each in latest.values()
        ],
        update_conflicts=True,
        unique_fields=["list_name", "email"],
        update_fields=["name", "age", "updated_at"],
    )
    return Counts(
        list_name=list_name,
        created=len(latest) - updated,
        updated=updated,
        fixed=ready.fixed,
        skipped=ready.skipped,
    )


csv_import = (
    Workflow(
        "csv-import",
        input=Import,
        output=Counts,
        title="CSV import",
        description=(
            "Reads customers from CSV text and writes them to a list. Rows that do not fit are "
            "shown to a person, who skips them, fixes them or stops the import."
        ),
    )
    .then(parse)
    .then(check_rows)
    .then(ask_about_bad_rows)
    .then(write_rows)
    .commit()
)
