"""The inbox: what waits for a person, who has claimed it, and what was answered.

Pages go by key, oldest first; whatever their length, each costs the same few queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.urls import reverse

from dashboard import audit_page, graphs, previews, snoozes
from dashboard.forms.wording import humanised
from dashboard.paging import number
from dashboard.previews import question_in
from dashboard.run_page import Question
from workflows_app import actions, jsontext
from workflows_app.actions import Person
from workflows_app.engine import payloads
from workflows_app.models import Action, Assignment, Run, StepSnapshot
from workflows_app.models.run import PAYLOAD_FIELDS as RUN_PAYLOADS
from workflows_app.models.step import PAYLOAD_FIELDS as STEP_PAYLOADS
from workflows_app.planner.statuses import StepStatus

PAGE: Final = 30

#: Keys looked through for one page: who may answer what is not known to the database.
SCAN: Final = 500

#: Up to here questions are counted for the menu.
MOST_COUNTED: Final = 99
MOST_FACTS: Final = 3
#: Questions that pages name before the inbox has to be opened.
MOST_NEEDS: Final = 5
TEXT: Final = 2000
_RUN_HEAVY: Final = [f"run__{name}" for name in RUN_PAYLOADS]
TABS: Final = {"mine": "Mine", "open": "Open", "all": "All", "later": "Put off", "done": "Done"}
#: The other order of questions; without it the oldest comes first.
NEWEST: Final = "newest"

#: What says who may answer a step, as columns: what an `Allowed` takes.
ANSWERABLE: Final = (
    "run__workflow_id",
    "run__version_id",
    "run__later_version_id",
    "version_id",
    "base_path",
)

Allowed = Callable[[tuple[Any, ...]], bool]


@dataclass(frozen=True)
class Wanted:
    """What the address asks for: a tab, a page of it by key, and the question that is open."""

    tab: str = "open"
    item: uuid.UUID | None = None
    after: int = 0
    before: int = 0
    is_mine_only: bool = False
    sort: str = ""

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Wanted:
        """Read an address; what it cannot mean is left out."""
        tab = query.get("tab", "")
        return cls(
            tab=tab if tab in TABS else "open",
            item=key_of(query.get("item", "")),
            after=number(query.get("after", "")) or 0,
            before=number(query.get("before", "")) or 0,
            is_mine_only=query.get("who") == "me",
            sort=NEWEST if query.get("sort") == NEWEST else "",
        )

    def for_whom(self, person: Person) -> Wanted:
        """Return the same as somebody may see it: without seeing runs, what is theirs to answer."""
        if actions.may_view(person):
            return self
        return replace(self, tab="open" if self.tab == "all" else self.tab, is_mine_only=True)

    def link(self, **changes: object) -> str:
        """Return the query of the same list with something else; page and item are not kept."""
        who = "me" if self.is_mine_only else ""
        wanted = {"tab": self.tab, "who": who, "sort": self.sort} | changes
        return "?" + urlencode({key: value for key, value in wanted.items() if value})

    def item_link(self, item: object) -> str:
        """Return the query of the same page with this question open."""
        return self.link(after=self.after, before=self.before, item=item)


@dataclass(frozen=True)
class Entry:
    """One question in the list, as it stands: asked, claimed, or answered since."""

    step: StepSnapshot
    question: str
    subject: str
    holder: Assignment | None = None
    answer: Action | None = None

    #: Until when the person has put it off.
    later: datetime | None = None

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return audit_page.answer_of(self.answer).words if self.answer else ""

    @property
    def is_asking(self) -> bool:
        """Whether it still waits."""
        return self.step.status == StepStatus.SUSPENDED


@dataclass(frozen=True)
class Need:
    """One question that a person should see first."""

    step: StepSnapshot
    question: str
    is_mine: bool


@dataclass(frozen=True)
class Answered:
    """One answer that was given."""

    action: Action
    question: str = ""

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return audit_page.answer_of(self.action).words


@dataclass(frozen=True)
class Detail:
    """The question that is open beside the list."""

    run: Run
    question: Question
    holder: Assignment | None
    answer: Action | None
    later: datetime | None = None

    @property
    def words(self) -> str:
        """What was answered, in one line."""
        return audit_page.answer_of(self.answer).words if self.answer else ""

    @property
    def is_asking(self) -> bool:
        """Whether it still waits."""
        return self.question.step.status == StepStatus.SUSPENDED


@dataclass
class Page:
    """One page of a tab, with the keys before and after it; 0: there is nothing there."""

    entries: list[Entry] = field(default_factory=list)
    answered: list[Answered] = field(default_factory=list)
    earlier: int = 0
    later: int = 0
    #: Who has claimed what, of these and of the question that is open.
    holders: Mapping[Any, Assignment] = field(default_factory=dict)
    #: How many questions came since the first that a list of the newest shows.
    newer: int = 0


# Which questions there are.


def allowed_for(person: Person) -> Allowed:
    """Return whether the person may answer a step with these `ANSWERABLE`, asked once for each."""
    known: dict[tuple[Any, ...], bool] = {}

    def is_allowed(of: tuple[Any, ...]) -> bool:
        if of not in known:
            workflow_id, *keys, base_path = of
            versions = [key for key in keys if key is not None]
            specials = graphs.to_answer_at(workflow_id, versions, base_path)
            known[of] = actions.offer(actions.RESUME, person, None, specials).is_possible
        return known[of]

    return is_allowed


def may_look(person: Person, run: Run, step: StepSnapshot) -> bool:
    """Whether the person may see what a step asks: all who see runs, and all who may answer it."""
    if actions.may_view(person):
        return True
    return actions.offer(actions.RESUME, person, None, graphs.to_answer(run, step)).is_possible


def tabs_for(person: Person) -> dict[str, str]:
    """Return the tabs of the inbox that somebody has."""
    sees = actions.may_view(person)
    return {name: word for name, word in TABS.items() if sees or name != "all"}


def may_answer(person: Person) -> bool:
    """Whether the person may answer questions at all."""
    return actions.offer(actions.RESUME, person, None).is_possible


def _claims(**of: Any) -> QuerySet[Assignment]:
    return Assignment.objects.filter(suspension=OuterRef("suspension"), **of)


def _rows_of(tab: str, person: Person) -> QuerySet[StepSnapshot]:
    asking = StepSnapshot.objects.asking()
    if tab == "later":
        return asking.filter(snoozes.hides(person))
    if tab == "all":
        return asking
    asking = asking.exclude(snoozes.hides(person))
    if tab == "mine":
        return asking.filter(Exists(_claims(person=person.pk)))
    return asking.exclude(Exists(_claims()))


def waiting_of(person: Person) -> list[int]:
    """Return the oldest steps that wait for this person, to a limit, in one query.

    They may answer them, nobody else has claimed them, and they have not put them off.
    """
    if not may_answer(person):
        return []
    is_allowed = allowed_for(person)
    others = Assignment.objects.filter(suspension=OuterRef("suspension")).exclude(person=person.pk)
    asking = StepSnapshot.objects.asking().exclude(Exists(others)).exclude(snoozes.hides(person))
    found = asking.order_by("pk").values_list("pk", *ANSWERABLE)
    return [pk for pk, *of in found[: MOST_COUNTED + 1] if is_allowed(tuple(of))]


def waiting_in(request: HttpRequest) -> list[int]:
    """Return the same for whoever asks, worked out once a request."""
    known: list[int] | None = request.__dict__.get("_signalbox_waiting")
    if known is None:
        known = request.__dict__["_signalbox_waiting"] = waiting_of(request.user)
    return known


def counted_for(request: HttpRequest) -> str:
    """Return how many questions wait for whoever asks, in figures; empty for none."""
    known = len(waiting_in(request))
    return f"{MOST_COUNTED}+" if known > MOST_COUNTED else str(known or "")


def count_mine(person: Person) -> int:
    """Return how many questions the person has claimed, counted to the same limit."""
    found = _rows_of("mine", person).values_list("pk", flat=True)
    return len(found[: MOST_COUNTED + 1])


@dataclass(frozen=True)
class _Keys:
    keys: list[int]
    earlier: int = 0
    later: int = 0


def _keys(wanted: Wanted, person: Person, most: int) -> _Keys:
    """Return the keys of one page; those that the person may not answer are not in Open."""
    rows = _rows_of(wanted.tab, person)
    is_back, is_newest = wanted.before > 0, wanted.sort == NEWEST
    bound = wanted.before if is_back else wanted.after
    if is_back == is_newest:
        rows = rows.filter(pk__gt=bound).order_by("pk")
    else:
        rows = (rows.filter(pk__lt=bound) if bound else rows).order_by("-pk")
    step = -1 if is_newest else 1
    if wanted.tab == "open":
        if not may_answer(person):
            return _Keys([])
        is_allowed = allowed_for(person)
        seen = list(rows.values_list("pk", *ANSWERABLE)[:SCAN])
        fit = [pk for pk, *of in seen if is_allowed(tuple(of))]
        last = seen[-1][0] if len(seen) == SCAN else 0
    else:
        fit, last = list(rows.values_list("pk", flat=True)[: most + 1]), 0
    keys = fit[:most]
    beyond = keys[-1] if len(fit) > most else last
    if is_back:
        return _Keys(keys[::-1], earlier=beyond, later=keys[0] if keys else wanted.before - step)
    here = keys[0] if keys else wanted.after + step
    return _Keys(keys, earlier=here if wanted.after else 0, later=beyond)


def next_link(wanted: Wanted, person: Person, after: int) -> str:
    """Return the query with the question that follows a step in this tab, or the first one there.

    Behind the last one that the person had claimed come those that are open; where none of them
    is left either, the link has no item.
    """
    is_mine = wanted.tab == "mine"
    places = ["mine", "open"] if is_mine else [wanted.tab]
    for place in places:
        kind = place if is_mine else "open"
        for start in (after, 0):
            here = Wanted(tab=kind, after=start, sort=wanted.sort)
            if keys := _keys(here, person, 1).keys:
                found = StepSnapshot.objects.filter(pk=keys[0]).values_list("suspension", flat=True)
                return wanted.link(tab=place, item=found.first())
    return wanted.link(tab=places[-1])


# What the list shows.


def page_of(wanted: Wanted, person: Person) -> Page:
    """Return one page of a tab."""
    if wanted.tab == "done":
        return _done(wanted, person)
    keys = _keys(wanted, person, PAGE)
    steps = _steps(StepSnapshot.objects.filter(pk__in=keys.keys), person)
    page = _page(wanted, steps[::-1] if wanted.sort == NEWEST else steps)
    page.earlier, page.later = keys.earlier, keys.later
    return page


def _page(wanted: Wanted, steps: Sequence[StepSnapshot]) -> Page:
    holders = holders_of([wanted.item, *(step.suspension for step in steps)])
    return Page(entries_of(steps, holders), holders=holders)


def page_again(wanted: Wanted, person: Person, shown: Sequence[uuid.UUID]) -> Page:
    """Return the same questions as they stand now, in their order, and new ones below them.

    Above them, where the newest come first, nothing is put, so that none moves under a hand: there
    it is said how many there are.
    """
    rows = StepSnapshot.objects.current().filter(suspension__in=shown[:PAGE], kind="step")
    steps = [step for step in _steps(rows, person) if may_look(person, step.run, step)]
    found = {step.suspension: step for step in steps}
    kept = [found[key] for key in shown[:PAGE] if key in found]
    if wanted.sort == NEWEST and kept:
        page = _page(wanted, kept)
        page.newer = _newer(wanted, person, max(step.pk for step in kept))
        return page
    room = 0 if wanted.before else PAGE - len(kept)
    if room > 0:
        start = max((step.pk for step in kept), default=wanted.after)
        more = _keys(replace(wanted, after=start), person, room).keys
        kept += _steps(StepSnapshot.objects.filter(pk__in=more), person)
    return _page(wanted, kept)


def _newer(wanted: Wanted, person: Person, last: int) -> int:
    """Return how many questions came after one, to a limit; of a later page none are told."""
    if wanted.after or wanted.before:
        return 0
    return len(_keys(replace(wanted, after=last, sort=""), person, PAGE).keys)


def needs_in(request: HttpRequest, most: int = MOST_NEEDS) -> list[Need]:
    """Return what the person has claimed, then what waits longest: the oldest first in each.

    Every page that says what needs somebody says this.
    """
    person = request.user
    if not may_answer(person):
        return []
    is_mine = Exists(_claims(person=person.pk))
    wanted = StepSnapshot.objects.asking().filter(Q(pk__in=waiting_in(request)) | is_mine)
    rows = _with_questions(wanted).annotate(is_mine=is_mine).order_by("-is_mine", "pk")[:most]
    return [
        Need(step, question_in(getattr(step, "question_text", "")), getattr(step, "is_mine", False))
        for step in rows
    ]


def _with_questions(rows: QuerySet[StepSnapshot]) -> QuerySet[StepSnapshot]:
    text = Substr(payloads.as_text("suspend_payload"), 1, TEXT)
    found = rows.annotate(question_text=text).select_related("run", "run__workflow")
    return found.defer(*STEP_PAYLOADS, *_RUN_HEAVY)


def _steps(rows: QuerySet[StepSnapshot], person: Person) -> list[StepSnapshot]:
    return list(_with_questions(rows).annotate(later=snoozes.until(person)).order_by("pk"))


def entries_of(steps: Sequence[StepSnapshot], holders: Mapping[Any, Assignment]) -> list[Entry]:
    """Return these steps as the list shows them, in their order."""
    answers = _answers([step for step in steps if step.status != StepStatus.SUSPENDED])
    return [_entry(step, holders, answers) for step in steps]


def _entry(
    step: StepSnapshot,
    holders: Mapping[Any, Assignment],
    answers: Mapping[tuple[uuid.UUID, str], Action],
) -> Entry:
    text = getattr(step, "question_text", None)
    question = question_in(text)
    return Entry(
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
    found = Assignment.objects.filter(suspension__in=keys).select_related("person")
    return {each.suspension: each for each in found}


def _answers(steps: Sequence[StepSnapshot]) -> dict[tuple[uuid.UUID, str], Action]:
    """Return the last answer to each of these steps; one action may have answered several."""
    runs = {step.run_id for step in steps}
    if not runs:
        return {}
    given = audit_page.with_reasons(Action.objects.filter(verb="resume", run__in=runs))
    return {
        (action.run_id, path): action
        for action in list(given)[::-1]
        if action.run_id is not None
        for path in action.path.split(", ")
    }


def subject_in(text: str | None) -> str:
    """Return in one line what a question is about: the small facts beside its words."""
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
    # Where there are no words, the question itself lists the facts.
    return " · ".join(facts[:MOST_FACTS]) if words else ""


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else text[:59] + "…"  # noqa: PLR2004 - part of a line


def _done(wanted: Wanted, person: Person) -> Page:
    rows = audit_page.with_reasons(Action.objects.filter(verb="resume"))
    if wanted.is_mine_only:
        rows = rows.filter(actor=person.pk)
    if wanted.after:
        rows = rows.filter(pk__lt=wanted.after)
    found = list(rows.select_related("run", "run__workflow").defer("data", *_RUN_HEAVY)[: PAGE + 1])
    asked = _asked([action for action in found if action.run_id is not None])
    answered = [Answered(each, _question_of(each, asked)) for each in found[:PAGE]]
    later = found[PAGE - 1].pk if len(found) > PAGE else 0
    return Page(answered=answered, later=later, holders=holders_of([wanted.item]))


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


# The question that is open.


def step_of(suspension: uuid.UUID, person: Person) -> StepSnapshot | None:
    """Return the step that asked this, also when it has been answered since."""
    rows = StepSnapshot.objects.current().filter(suspension=suspension, kind="step")
    rows = rows.select_related("run", "run__workflow", "parent")
    parents = [f"parent__{name}" for name in STEP_PAYLOADS]
    rows = rows.defer(*STEP_PAYLOADS, *_RUN_HEAVY, *parents).annotate(later=snoozes.until(person))
    step = previews.with_previews(rows, ["suspend_payload"]).first()
    return step if step is not None and may_look(person, step.run, step) else None


def specials_of(step: StepSnapshot) -> tuple[str, ...]:
    """Return the permissions that an answer to the step needs besides."""
    return graphs.to_answer(step.run, step)


def detail_of(step: StepSnapshot, person: Person, holders: Mapping[Any, Assignment]) -> Detail:
    """Return a question with all that its form needs."""
    url = reverse("raw-step", args=[step.run.run_id, step.pk, "suspend_payload"])
    place = graphs.place_of(step.run, step)
    payload = previews.preview_of(step, "suspend_payload", url)
    offer = actions.offer(actions.RESUME, person, step.run, specials_of(step))
    items = step.parent.total if step.parent and step.parent.kind == "foreach" else 0
    question = Question(step, place, payload, offer, items)
    is_asking = step.status == StepStatus.SUSPENDED
    return Detail(
        step.run,
        question,
        holders.get(step.suspension),
        None if is_asking else _answers([step]).get((step.run_id, step.path)),
        getattr(step, "later", None),
    )


def key_of(text: str) -> uuid.UUID | None:
    """Return the key of a question in an address; None when it is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
