"""What people must know about a run as it is now: sentences at the top of its page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone
from django.utils.translation import gettext, ngettext

from workflows_app import actions, conf, languages
from workflows_app.engine.host import workers
from workflows_app.engine.run import holds
from workflows_app.engine.run.holds import Halt
from workflows_app.models import Assignment, Run, StepSnapshot, Wait, persons
from workflows_app.models.step import ASKS
from workflows_app.models.wait import CALLBACK, RUN
from workflows_app.planner.statuses import RunStatus, StepStatus

from ..graph import graphs
from ..graph.graphs import Graph

#: How long a step may wait before the page says why.
PATIENCE: Final = timedelta(seconds=5)
#: How many of the steps ahead in a queue are counted.
MOST_AHEAD: Final = 1000
#: How many steps that will be tried again are named one by one.
MOST_RETRIES: Final = 3
#: How many steps one sentence names.
MOST_LISTED: Final = 3


@dataclass(frozen=True)
class Notice:
    """One sentence about the state of the run that people must know."""

    tone: str
    text: str
    #: When what it says ends.
    at: datetime | None = None
    #: When somebody asked for it, and who did, if known: "by ana".
    asked_at: datetime | None = None
    asked_by: str = ""
    #: The steps whose wait may be ended, and whether they may be given up as well.
    waits: tuple[tuple[str, bool], ...] = ()


def notices_of(run: Run, graph: Graph, steps: Sequence[StepSnapshot]) -> list[Notice]:
    """Return the notices of a run: what is wrong with it, then what it waits for."""
    return [*_troubles(run, steps), *_waits(run, graph, steps)]


def is_lost(steps: Sequence[StepSnapshot]) -> bool:
    """Return whether one of these steps is held by a worker that has gone silent."""
    return any(_is_lost(step) for step in steps)


def _troubles(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    found = []
    if run.is_canceling:
        grace = conf.get("CANCEL_GRACE_SECONDS")
        found.append(
            Notice(
                "warning",
                gettext(
                    "This run is being canceled. Nothing new starts; the steps that are running "
                    "were asked to stop and are given up after {grace} s."
                ).format(grace=languages.plain_number(grace)),
                asked_at=run.cancel_requested_at,
                asked_by=gettext("by {person}").format(person=run.canceled_by)
                if run.canceled_by
                else "",
            )
        )
    if run.is_held:
        found.append(_held(run))
    unknown = [s.path for s in steps if s.unknown_since and s.status == StepStatus.QUEUED]
    if unknown:
        found.append(
            Notice(
                "warning",
                gettext(
                    "No worker has this version of the code for {steps}. Deploy code that fits the "
                    "run; after {grace} s the step fails, and can be retried."
                ).format(
                    steps=_listed(unknown),
                    grace=languages.plain_number(conf.get("VERSION_GRACE_SECONDS")),
                ),
            )
        )
    lost = [step.path for step in steps if _is_lost(step)]
    if lost:
        found.append(
            Notice(
                "warning",
                gettext(
                    "No sign of life from the worker that runs {lost}. Another "
                    "worker takes it over by itself, unless the workflow says "
                    "auto_restart=False."
                ).format(lost=_listed(lost)),
            )
        )
    return found


def _held(run: Run) -> Notice:
    halt = holds.of(run)
    text = gettext("This run is paused{why}. Nothing of it starts. {goes_on}")
    goes_on = gettext("It goes on when somebody continues it.")
    if run.is_pausing:
        text = gettext("This run is being paused{why}. Nothing of it starts. {goes_on}")
        goes_on = gettext("Its running steps end first. It goes on when somebody continues it.")
    elif run.status == RunStatus.FAILED:
        goes_on = gettext(
            "It failed meanwhile; what a retry makes ready waits until somebody continues it."
        )
    text = text.format(why=_reason(halt), goes_on=goes_on)
    return _halted("warning" if run.is_pausing else "info", text, halt)


def _halted(tone: str, text: str, halt: Halt | None) -> Notice:
    if halt is None:
        return Notice(tone, text)
    by = gettext("by {person}").format(person=halt.actor) if halt.actor else ""
    return Notice(tone, text, asked_at=halt.at, asked_by=by)


def _reason(halt: Halt | None) -> str:
    return f": {halt.reason}" if halt is not None and halt.reason else ""


# What a run waits for.


def _waits(run: Run, graph: Graph, steps: Sequence[StepSnapshot]) -> list[Notice]:
    if run.status == RunStatus.PENDING:
        return _to_begin(run)
    if run.is_ended or run.is_canceling:
        return []
    now = timezone.now()
    found = [*_for_answers(run, steps), *_for_times(graph, steps, now), *_for_workers(steps, now)]
    if run.status == RunStatus.PAUSED and not run.is_held:
        paused = [step.path for step in steps if step.status == StepStatus.PAUSED]
        found.append(Notice("info", _paused_before(paused)))
    return found


def _to_begin(run: Run) -> list[Notice]:
    if run.is_held:
        return []
    if not run.waits_to_begin:
        return [Notice("info", gettext("This run was created, and nobody has started it yet."))]
    halt = holds.intake_of(run.workflow_id)
    text = gettext(
        "Held because the intake of its workflow is paused{why}. It begins when that ends."
    ).format(why=_reason(halt))
    return [_halted("info", text, halt)]


def _paused_before(paths: Sequence[str]) -> str:
    if not paths:
        return gettext("Paused: it goes on when somebody continues it.")
    text = gettext("Paused before {steps}: it goes on when somebody continues it.")
    return text.format(steps=_listed(paths))


def _for_answers(run: Run, steps: Sequence[StepSnapshot]) -> list[Notice]:
    asking = [s for s in steps if s.status == StepStatus.SUSPENDED and s.suspension is not None]
    outside = [step for step in asking if step.awaits not in ASKS]
    asking = [step for step in asking if step.asks]
    if not asking:
        return _for_others(outside)
    claims = Assignment.objects.filter(suspension__in=[step.suspension for step in asking])
    holders = {row.suspension: row.person for row in persons.joined(claims, "person")}
    by_whom: dict[str, list[str]] = {}
    for step in sorted(asking, key=lambda step: step.pk):
        holder = holders.get(step.suspension) if step.suspension else None
        who = _who_may(run, step)
        if holder:
            who = gettext("claimed by {person}").format(person=holder.get_username())
        by_whom.setdefault(who, []).append(step.path)
    return [
        *(Notice("info", _asking(paths, who)) for who, paths in by_whom.items()),
        *_for_others(outside),
    ]


def _asking(paths: Sequence[str], who: str) -> str:
    return ngettext(
        "{steps} waits for an answer: {who}.", "{steps} wait for an answer: {who}.", len(paths)
    ).format(steps=_listed(paths), who=who)


def _for_others(steps: Sequence[StepSnapshot]) -> list[Notice]:
    """Return for which events and runs steps wait."""
    if not steps:
        return []
    paths = {step.suspension: step.path for step in steps}
    return [
        Notice(
            "info",
            gettext("{step} waits for {what}").format(
                step=paths[row.suspension], what=what_of(row)
            ),
            row.until,
        )
        for row in Wait.objects.filter(suspension__in=list(paths)).exclude(kind=CALLBACK)
    ]


def what_of(row: Wait) -> str:
    """Return what a step waits for, in words that may be followed by a time."""
    if row.kind == RUN:
        return gettext("the end of run {run}.").format(run=row.target)
    text = gettext("the event {name}.")
    if row.key and row.until:
        text = gettext("the event {name} with the key {key}, at most until")
    elif row.key:
        text = gettext("the event {name} with the key {key}.")
    elif row.until:
        text = gettext("the event {name}, at most until")
    return text.format(name=row.name, key=row.key)


def _who_may(run: Run, step: StepSnapshot) -> str:
    specials = graphs.to_answer(run, step)
    if not specials:
        return gettext("nobody has claimed it; anyone who may answer steps can")
    first, *rest = specials
    if first.startswith(actions.GROUP):
        who = gettext("nobody has claimed it; the group {group} may answer")
    else:
        who = gettext("nobody has claimed it; people with the permission {permission} may answer")
    who = who.format(group=first.removeprefix(actions.GROUP), permission=first)
    if not rest:
        return who
    more = gettext(" and ").join(actions.named(name) for name in rest)
    return gettext("{who}; that needs {more}, too").format(who=who, more=more)


def _for_times(graph: Graph, steps: Sequence[StepSnapshot], now: datetime) -> list[Notice]:
    """Return when sleeps end and when failed steps are tried again: the next of each."""
    timed = sorted((s for s in steps if s.wake_at), key=lambda s: (s.wake_at, s.pk))
    asleep = [step for step in timed if step.status == StepStatus.WAITING]
    ready = {StepStatus.QUEUED, StepStatus.PAUSED}
    queued = [step for step in timed if step.status in ready]
    again = [step for step in queued if step.wake_at and step.wake_at > now]
    found = []
    if asleep:
        paths = [step.path for step in asleep]
        text = ngettext(
            "{steps} sleeps until", "{steps} sleep, the first of them until", len(paths)
        ).format(steps=_listed(paths))
        waits = tuple((path, False) for path in paths[:MOST_RETRIES])
        found.append(Notice("info", text, asleep[0].wake_at, waits=waits))
    for step in again[:MOST_RETRIES]:
        entry = graph.entries.get(step.base_path)
        retries = entry.step.get("retries") if entry and entry.step else None
        text = gettext("{step} failed, and attempt {number} of {of} begins")
        if retries is None:
            text = gettext("{step} failed, and attempt {number} begins")
        of = 0 if retries is None else retries + 1
        text = text.format(step=step.path, number=step.retry_count + 1, of=of)
        is_again = step.retry_count > 0 and step.unknown_since is None
        waits = ((step.path, True),) if is_again else ()
        found.append(Notice("info", text, step.wake_at, waits=waits))
    return found


def _for_workers(steps: Sequence[StepSnapshot], now: datetime) -> list[Notice]:
    """Return why steps wait for a worker: none serves their queue, or other steps are ahead."""
    waiting = [
        step
        for step in steps
        if step.status == StepStatus.QUEUED
        and step.unknown_since is None
        and now - step.queued_at > PATIENCE
        and (step.wake_at is None or step.wake_at < now)
    ]
    if not waiting:
        return []
    unserved = workers.unserved({step.queue for step in waiting}, now)
    if unserved:
        paths = [step.path for step in waiting if step.queue in unserved]
        queues = ", ".join(sorted(unserved))
        text = gettext(
            "No living worker serves the queue {queues}, so {steps} waits. Start one: "
            "manage.py worker --queues {queues}."
        )
        return [Notice("warning", text.format(queues=queues, steps=_listed(paths)))]
    first = min(waiting, key=lambda step: step.pk)
    ahead = StepSnapshot.objects.claimable(now).filter(queue=first.queue, pk__lt=first.pk)
    number = len(ahead.order_by().values("pk")[: MOST_AHEAD + 1])
    text = _behind(number).format(
        step=first.path,
        queue=first.queue,
        number=languages.number(min(number, MOST_AHEAD), is_grouped=True),
    )
    return [Notice("info", text)]


def _behind(number: int) -> str:
    if not number:
        return gettext("{step} waits for a worker, as the next on the queue {queue}: all are busy.")
    if number > MOST_AHEAD:
        return gettext(
            "{step} waits for a worker, behind more than {number} others on the queue {queue}: "
            "all are busy."
        )
    return ngettext(
        "{step} waits for a worker, behind {number} other on the queue {queue}: all are busy.",
        "{step} waits for a worker, behind {number} others on the queue {queue}: all are busy.",
        number,
    )


def _is_lost(step: StepSnapshot) -> bool:
    if step.status != StepStatus.RUNNING or step.kind != "step" or step.worker_id is None:
        return False
    worker = step.worker
    if worker is None or worker.stopped_at is not None:
        return True
    age = timezone.now() - worker.heartbeat_at
    return age.total_seconds() > conf.get("LEASE_SECONDS")


def _listed(paths: Sequence[str]) -> str:
    shown, more = ", ".join(paths[:MOST_LISTED]), len(paths) - MOST_LISTED
    return shown if more <= 0 else gettext("{shown} and {more} more").format(shown=shown, more=more)
