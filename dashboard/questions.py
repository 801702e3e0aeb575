"""A question: a step that asks, whether a person may answer it, and the form for the answer.

Every page that shows or counts questions uses this module.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.translation import gettext

from workflows_app import actions, jsontext
from workflows_app.actions import Offer, Person
from workflows_app.definition import exhausted
from workflows_app.engine.run import payloads, step_paths
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.run import PAYLOAD_FIELDS as RUN_PAYLOADS
from workflows_app.models.step import PAYLOAD_FIELDS as STEP_PAYLOADS

from .forms import decision
from .forms.decision import AnswerForm, DecisionForm
from .forms.documents import MOST_EDITED
from .forms.fields import JSON, MISSING
from .forms.form import SchemaForm
from .forms.wording import humanised
from .graph import graphs
from .graph.graphs import GraphEntry
from .request import posted
from .values import markdown, previews, sight
from .values.markdown import TitledText
from .values.previews import Preview

#: The most facts that are shown beside the text of a question; larger payloads are shown as JSON.
MOST_FACTS: Final = 12
#: How many characters of a question a list reads.
TEXT: Final = 2000
#: The columns of their runs that lists of questions do not read.
RUN_HEAVY: Final = [f"run__{name}" for name in RUN_PAYLOADS]


class AskingStep(NamedTuple):
    """A step that asks: its key, its question, and what decides who may answer it."""

    pk: int
    suspension: uuid.UUID
    workflow: str
    run_version: int
    #: The version of the code that the run went on with, if it is another one.
    later_version: int | None
    #: The version of the code that queued the step, if it is known.
    version: int | None
    base_path: str


#: The columns that an `AskingStep` consists of.
_COLUMNS: Final = (
    "pk",
    "suspension",
    "run__workflow_id",
    "run__version_id",
    "run__later_version_id",
    "version_id",
    "base_path",
)


class Failure(NamedTuple):
    """The last error of a step whose attempts are used up, and how many there were."""

    error: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True)
class Question:
    """A step that asks, and whether this person may answer it."""

    step: StepSnapshot
    entry: GraphEntry | None
    payload: Preview | None
    offer: Offer
    #: How many items its foreach has; 0 if it is not part of one.
    of_items: int = 0

    @property
    def item(self) -> str:
        """Which item of a foreach it belongs to: "item 4 of 10"; empty if there is no foreach."""
        index = step_paths.index_of(self.step.path) if self.of_items else None
        return (
            ""
            if index is None
            else gettext("item {index} of {of_items}").format(
                index=index + 1, of_items=self.of_items
            )
        )

    @cached_property
    def failure(self) -> Failure | None:
        """Why its attempts are used up, if it waits for a decision about that."""
        if not (self.step.asks and self.step.is_used_up):
            return None
        rows = StepSnapshot.objects.filter(pk=self.step.pk)
        error, count = rows.values_list("error", "retry_count").get()
        return Failure(sight.error(error) or {}, count + 1)

    @property
    def facts(self) -> list[tuple[str, JSON]]:
        """The keys, as words, and the values of a small flat payload; empty for any other."""
        value = self.payload.value if self.payload else None
        if not isinstance(value, dict) or len(value) > MOST_FACTS:
            return []
        if any(isinstance(inner, dict | list) for inner in value.values()):
            return []
        return [(humanised(key), inner) for key, inner in value.items() if inner != self.words]

    @property
    def has_more(self) -> bool:
        """Whether its payload contains more than the text of the question."""
        value = self.payload.value if self.payload else None
        values = list(value.values()) if isinstance(value, dict) else [value]
        return values != [self.words] or not self.words

    @property
    def words(self) -> str:
        """What its author wrote, unchanged; empty if the payload has no text."""
        return previews.words_in(self.payload.text if self.payload else "")

    @property
    def text(self) -> str:
        """The text of the question on one plain line."""
        return previews.question_in(self.payload.text if self.payload else "")

    @property
    def said(self) -> TitledText:
        """The question as safe HTML: a title, which may be empty, and the rest of the text."""
        return markdown.words_of(self.words)


def question_of(run: Run, step: StepSnapshot, person: Person, of_items: int = 0) -> Question:
    """Return the question that a step asks, and whether the person may answer it now.

    The step must have been read `with_payload`. `of_items` says how many items its foreach has.
    """
    url = reverse("signalbox:raw-step", args=[run.run_id, step.pk, "suspend_payload"])
    payload = previews.preview_of(step, "suspend_payload", url)
    entry, offer = graphs.entry_of(run, step), offer_of(person, run, step)
    return Question(step, entry, payload, offer, of_items)


def with_payload(steps: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    """Return the steps with the beginnings of what they ask."""
    return previews.with_previews(steps, ["suspend_payload"])


# The form of a question.


def form_for(question: Question, draft: QueryDict | None = None, prefix: str = "") -> AnswerForm:
    """Return the form that answers a question, empty or filled from a draft."""
    form: AnswerForm
    if question.step.is_used_up:
        form = _decision_for(question, draft, prefix)
    else:
        form = posted.fresh_form(_schema_of(question), draft, prefix)
    form.is_locked = not question.offer.is_possible
    return form


def form_beside(question: Question) -> AnswerForm:
    """Return the same form, with names of its own, for a page that shows other forms as well."""
    return form_for(question, prefix=f"q{question.step.pk}-")


def form_from(request: HttpRequest, question: Question) -> AnswerForm:
    """Return the form of an answer with the values that were posted."""
    if not question.step.is_used_up:
        return posted.form_from(request, _schema_of(question))
    part = decision.part_of(request.POST)
    form = _decision_for(question, None, "")
    filled = posted.form_from(request, _schema_of_part(question, part))
    return _with_part(form, part, filled)


def _decision_for(question: Question, draft: QueryDict | None, prefix: str) -> DecisionForm:
    again, given = (_schema_of_part(question, part) for part in (decision.AGAIN, decision.GIVEN))
    form = DecisionForm(
        posted.fresh_form(again, None, f"{prefix}again-", _input_of(question)),
        posted.fresh_form(given, None, f"{prefix}given-"),
    )
    if draft is None:
        return form
    part = decision.part_of(draft)
    filled = posted.fresh_form(again if part == decision.AGAIN else given, draft)
    return _with_part(form, part, filled)


def _with_part(form: DecisionForm, part: str, filled: SchemaForm) -> DecisionForm:
    """Return the form with one part as it was posted or kept."""
    filled.prefix = (form.again if part == decision.AGAIN else form.given).prefix
    name = "again" if part == decision.AGAIN else "given"
    return replace(form, posted=part, **{name: filled})


def _input_of(question: Question) -> Any:
    """Return what the form for another input shows: the input that failed, if it may be seen."""
    if not sight.values() or not question.step.asks:
        return MISSING
    text = payloads.payload_of(question.step)
    if len(text) > MOST_EDITED:
        return MISSING
    return {exhausted.INPUT: jsontext.loads(text)}


def _schema_of_part(question: Question, part: str) -> dict[str, Any]:
    whole = exhausted.answer_schema(_step_of(question), is_used_up=True)
    return decision.schema_of(whole, part)


def _schema_of(question: Question) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = exhausted.answer_schema(_step_of(question), is_used_up=False)
    return found


def _step_of(question: Question) -> Mapping[str, Any]:
    """Return the step as the stored graph has it; empty if it has none."""
    return (question.entry.step if question.entry else None) or {}


# Who may answer.


def offer_of(person: Person, run: Run, step: StepSnapshot) -> Offer:
    """Return whether the person may answer a step now, or why not."""
    return actions.offer(actions.RESUME, person, run, graphs.to_answer(run, step))


def right_of(person: Person, run: Run, step: StepSnapshot) -> Offer:
    """Return whether the person has the right to answer a step, even if it does not ask now."""
    return actions.offer(actions.RESUME, person, None, graphs.to_answer(run, step))


def asking_in(steps: QuerySet[StepSnapshot], most: int) -> list[AskingStep]:
    """Return the first `most` of these steps, which must all ask; one query."""
    return [AskingStep(*row) for row in steps.values_list(*_COLUMNS)[:most]]


def allowed_for(person: Person) -> Callable[[AskingStep], bool]:
    """Return a function that tells whether the person may answer a step.

    It asks only once for steps with the same versions and the same path.
    """

    @cache
    def is_allowed(workflow: str, versions: tuple[int | None, ...], base_path: str) -> bool:
        known = [version for version in versions if version is not None]
        specials = graphs.to_answer_at(workflow, known, base_path)
        return actions.offer(actions.RESUME, person, None, specials).is_possible

    def may_answer(step: AskingStep) -> bool:
        versions = (step.run_version, step.later_version, step.version)
        return is_allowed(step.workflow, versions, step.base_path)

    return may_answer


def may_look(person: Person, run: Run, step: StepSnapshot) -> bool:
    """Return whether the person may see a question: anyone who sees runs or may answer it."""
    if actions.may_view(person):
        return True
    return right_of(person, run, step).is_possible


# Lists of questions.


def with_texts(rows: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    """Return the steps for a list: with their runs, and the beginnings of their questions."""
    text = Substr(payloads.as_text("suspend_payload"), 1, TEXT)
    found = rows.annotate(question_text=text).select_related("run", "run__workflow")
    return found.defer(*STEP_PAYLOADS, *RUN_HEAVY)
