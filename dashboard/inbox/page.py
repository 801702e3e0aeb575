"""The inbox: what waits for a person, who has claimed it, and what was answered.

Pages go by key, oldest first; each costs the same few queries, however long the list is.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Substr

from workflows_app import jsontext, snoozes
from workflows_app.actions import Person
from workflows_app.engine.run import payloads
from workflows_app.models import Action, Assignment, Run, StepSnapshot, persons
from workflows_app.models.step import PAYLOAD_FIELDS as STEP_PAYLOADS
from workflows_app.planner.statuses import StepStatus

from .. import questions, trail
from ..forms.wording import humanised
from ..questions import RUN_HEAVY, TEXT, Question, allowed_for, asking_in
from ..request.access import may_answer
from ..values import previews, sight
from ..values.previews import question_in
from ..waiting import MOST_COUNTED
from .query import NEWEST, InboxQuery

PAGE: Final = 30

#: How many keys are read for one page, because the database does not know who may answer what.
SCAN: Final = 500

MOST_FACTS: Final = 3


@dataclass(frozen=True)
class InboxRow:
    """One question in the list as it is now: asked, claimed, or answered since."""

    step: StepSnapshot
    question: str
    subject: str
    holder: Assignment | None = None
    answer: Action | None = None

    #: Until when the person has snoozed it.
    later: datetime | None = None

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return trail.answer_of(self.answer).words if self.answer else ""

    @property
    def is_asking(self) -> bool:
        """Whether it still waits for an answer."""
        return self.step.status == StepStatus.SUSPENDED


@dataclass(frozen=True)
class AnsweredQuestion:
    """One answer that was given."""

    action: Action
    question: str = ""

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return trail.answer_of(self.action).words


@dataclass(frozen=True)
class OpenQuestion:
    """The question that is open beside the list."""

    run: Run
    question: Question
    holder: Assignment | None
    answer: Action | None
    later: datetime | None = None

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return trail.answer_of(self.answer).words if self.answer else ""

    @property
    def is_asking(self) -> bool:
        """Whether it still waits for an answer."""
        return self.question.step.status == StepStatus.SUSPENDED


@dataclass
class InboxPage:
    """One page of a tab, with the keys before and after it; 0 if there is nothing there."""

    entries: list[InboxRow] = field(default_factory=list)
    answered: list[AnsweredQuestion] = field(default_factory=list)
    earlier: int = 0
    later: int = 0
    #: Who has claimed which of these questions, including the open one.
    holders: Mapping[Any, Assignment] = field(default_factory=dict)
    #: How many questions were asked after the first one that a list of the newest shows.
    newer: int = 0


# Which questions exist.


def _claims(**of: Any) -> QuerySet[Assignment]:
    return Assignment.objects.filter(suspension=OuterRef("suspension"), **of)


def _rows_of(tab: str, person: Person) -> QuerySet[StepSnapshot]:
    asking = sight.rows(StepSnapshot.objects.asking(), "run__workflow_id")
    if tab == "later":
        return asking.filter(snoozes.hides(person))
    if tab == "all":
        return asking
    asking = asking.exclude(snoozes.hides(person))
    if tab == "mine":
        return asking.filter(Exists(_claims(person=person.pk)))
    return asking.exclude(Exists(_claims()))


def count_mine(person: Person) -> int:
    """Return how many questions the person has claimed, counted up to the same limit."""
    found = _rows_of("mine", person).values_list("pk", flat=True)
    return len(found[: MOST_COUNTED + 1])


@dataclass(frozen=True)
class _Keys:
    keys: list[int]
    earlier: int = 0
    later: int = 0


def _keys(query: InboxQuery, person: Person, most: int) -> _Keys:
    """Return the keys of one page; the tab Open leaves out what the person may not answer."""
    rows = _rows_of(query.tab, person)
    is_back, is_newest = query.before > 0, query.sort == NEWEST
    bound = query.before if is_back else query.after
    if is_back == is_newest:
        rows = rows.filter(pk__gt=bound).order_by("pk")
    else:
        rows = (rows.filter(pk__lt=bound) if bound else rows).order_by("-pk")
    beside = -1 if is_newest else 1
    if query.tab == "open":
        if not may_answer(person):
            return _Keys([])
        is_allowed = allowed_for(person)
        seen = asking_in(rows, SCAN)
        fit = [step.pk for step in seen if is_allowed(step)]
        last = seen[-1].pk if len(seen) == SCAN else 0
    else:
        fit, last = list(rows.values_list("pk", flat=True)[: most + 1]), 0
    keys = fit[:most]
    beyond = keys[-1] if len(fit) > most else last
    if is_back:
        return _Keys(keys[::-1], earlier=beyond, later=keys[0] if keys else query.before - beside)
    here = keys[0] if keys else query.after + beside
    return _Keys(keys, earlier=here if query.after else 0, later=beyond)


def next_link(query: InboxQuery, person: Person, after: int) -> str:
    """Return the query with the question after a step in this tab, or the first one in the tab.

    After the last question that the person has claimed come the open ones; if none of those is left
    either, the link names no question.
    """
    is_mine = query.tab == "mine"
    tabs = ["mine", "open"] if is_mine else [query.tab]
    for tab in tabs:
        kind = tab if is_mine else "open"
        for start in (after, 0):
            here = InboxQuery(tab=kind, after=start, sort=query.sort)
            if keys := _keys(here, person, 1).keys:
                found = StepSnapshot.objects.filter(pk=keys[0]).values_list("suspension", flat=True)
                return query.link(tab=tab, item=found.first())
    return query.link(tab=tabs[-1])


# The content of the list.


def page_of(query: InboxQuery, person: Person) -> InboxPage:
    """Return one page of a tab."""
    if query.tab == "done":
        return _done(query, person)
    keys = _keys(query, person, PAGE)
    steps = _steps(StepSnapshot.objects.filter(pk__in=keys.keys), person)
    page = _page(query, steps[::-1] if query.sort == NEWEST else steps)
    page.earlier, page.later = keys.earlier, keys.later
    return page


def _page(query: InboxQuery, steps: Sequence[StepSnapshot]) -> InboxPage:
    holders = holders_of([query.item, *(step.suspension for step in steps)])
    return InboxPage(entries_of(steps, holders), holders=holders)


def page_again(query: InboxQuery, person: Person, shown: Sequence[uuid.UUID]) -> InboxPage:
    """Return the same questions as they are now, in their order, and new ones below them.

    If the newest come first, new ones are only counted, because putting them above would move the
    others while somebody clicks.
    """
    asked = StepSnapshot.objects.current().filter(suspension__in=shown[:PAGE], kind="step")
    rows = sight.rows(asked, "run__workflow_id")
    steps = [step for step in _steps(rows, person) if questions.may_look(person, step.run, step)]
    found = {step.suspension: step for step in steps}
    kept = [found[key] for key in shown[:PAGE] if key in found]
    if query.sort == NEWEST and kept:
        page = _page(query, kept)
        page.newer = _newer(query, person, max(step.pk for step in kept))
        return page
    room = 0 if query.before else PAGE - len(kept)
    if room > 0:
        start = max((step.pk for step in kept), default=query.after)
        more = _keys(replace(query, after=start), person, room).keys
        kept += _steps(StepSnapshot.objects.filter(pk__in=more), person)
    return _page(query, kept)


def _newer(query: InboxQuery, person: Person, last: int) -> int:
    """Return how many questions came after one, up to a limit; for later pages, none."""
    if query.after or query.before:
        return 0
    return len(_keys(replace(query, after=last, sort=""), person, PAGE).keys)


def _steps(rows: QuerySet[StepSnapshot], person: Person) -> list[StepSnapshot]:
    return list(questions.with_texts(rows).annotate(later=snoozes.until(person)).order_by("pk"))


def entries_of(steps: Sequence[StepSnapshot], holders: Mapping[Any, Assignment]) -> list[InboxRow]:
    """Return these steps as the list shows them, in their order."""
    answers = _answers([step for step in steps if step.status != StepStatus.SUSPENDED])
    return [_entry(step, holders, answers) for step in steps]


def _entry(
    step: StepSnapshot,
    holders: Mapping[Any, Assignment],
    answers: Mapping[tuple[uuid.UUID, str], Action],
) -> InboxRow:
    text = getattr(step, "question_text", None)
    question = question_in(text)
    return InboxRow(
        step,
        question,
        subject_in(text) or step.run.resource_id or "",
        holders.get(step.suspension),
        answers.get((step.run_id, step.path)),
        getattr(step, "later", None),
    )


def holders_of(suspensions: Iterable[uuid.UUID | None]) -> dict[Any, Assignment]:
    """Return who has claimed which of these questions."""
    keys = [key for key in suspensions if key is not None]
    if not keys:
        return {}
    found = persons.joined(Assignment.objects.filter(suspension__in=keys), "person")
    return {each.suspension: each for each in found}


def _answers(steps: Sequence[StepSnapshot]) -> dict[tuple[uuid.UUID, str], Action]:
    """Return the last answer to each of these steps; one action may have answered several."""
    runs = {step.run_id for step in steps}
    if not runs:
        return {}
    given = trail.with_reasons(Action.objects.filter(verb="resume", run__in=runs))
    return {
        (action.run_id, path): action
        for action in list(given)[::-1]
        if action.run_id is not None
        for path in action.path.split(", ")
    }


def subject_in(text: str | None) -> str:
    """Return in one line what a question is about: the small facts beside its text."""
    if not sight.values():
        return ""
    try:
        value = jsontext.loads(text or "null")
    except ValueError:
        return ""
    if not isinstance(value, dict):
        return ""
    words = previews.words_in(text)
    facts = [
        f"{humanised(key)}: {_shown(inner)}"
        for key, inner in value.items()
        if isinstance(inner, str | int | float) and inner not in ("", words)
    ]
    # Without a text, the question itself lists the facts.
    return " · ".join(facts[:MOST_FACTS]) if words else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004 - part of a line


def _done(query: InboxQuery, person: Person) -> InboxPage:
    given = sight.rows(Action.objects.filter(verb="resume"), "workflow_name")
    rows = trail.with_reasons(given)
    if query.is_mine_only:
        rows = rows.filter(actor=person.pk)
    if query.after:
        rows = rows.filter(pk__lt=query.after)
    found = list(rows.select_related("run", "run__workflow").defer("data", *RUN_HEAVY)[: PAGE + 1])
    asked = _asked([action for action in found if action.run_id is not None])
    answered = [AnsweredQuestion(each, _question_of(each, asked)) for each in found[:PAGE]]
    later = found[PAGE - 1].pk if len(found) > PAGE else 0
    return InboxPage(answered=answered, later=later, holders=holders_of([query.item]))


def _asked(given: Sequence[Action]) -> dict[tuple[Any, str], str]:
    """Return what the answered steps had asked."""
    if not given:
        return {}
    runs = {each.run_id for each in given}
    paths = {path for each in given for path in each.path.split(", ")}
    steps = StepSnapshot.objects.current().filter(run__in=runs, path__in=paths)
    text = Substr(payloads.as_text("suspend_payload"), 1, TEXT)
    found = steps.annotate(text_=text).order_by().values_list("run", "path", "text_")
    return {(run, path): question_in(asked) for run, path, asked in found}


def _question_of(given: Action, asked: Mapping[tuple[Any, str], str]) -> str:
    paths = given.path.split(", ")
    return next((found for path in paths if (found := asked.get((given.run_id, path)))), "")


# The open question.


def step_of(suspension: uuid.UUID, person: Person) -> StepSnapshot | None:
    """Return the step that asked this, even if it has been answered since."""
    asked = StepSnapshot.objects.current().filter(suspension=suspension, kind="step")
    rows = sight.rows(asked, "run__workflow_id")
    rows = rows.select_related("run", "run__workflow", "parent")
    parents = [f"parent__{name}" for name in STEP_PAYLOADS]
    rows = rows.defer(*STEP_PAYLOADS, *RUN_HEAVY, *parents).annotate(later=snoozes.until(person))
    step = questions.with_payload(rows).first()
    return step if step is not None and questions.may_look(person, step.run, step) else None


def detail_of(
    step: StepSnapshot, person: Person, holders: Mapping[Any, Assignment]
) -> OpenQuestion:
    """Return a question with everything that its form needs."""
    items = step.parent.total if step.parent and step.parent.kind == "foreach" else 0
    question = questions.question_of(step.run, step, person, items)
    is_asking = step.status == StepStatus.SUSPENDED
    return OpenQuestion(
        step.run,
        question,
        holders.get(step.suspension),
        None if is_asking else _answers([step]).get((step.run_id, step.path)),
        getattr(step, "later", None),
    )
