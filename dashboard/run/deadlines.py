"""What the page of a run says of its deadline, and of the time within which it has to begin."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils.translation import gettext

from workflows_app import conf, languages
from workflows_app.engine.run import deadlines, expiry, holds
from workflows_app.languages import gettext_lazy
from workflows_app.models import Run, RunDeadline
from workflows_app.planner.statuses import RunStatus

from ..rendering import words
from .notices import Notice

#: What happens at a deadline, in words that a time follows.
_THEN: Final = {
    "fail": gettext_lazy("This run fails if it has not ended by"),
    "cancel": gettext_lazy("This run is canceled if it has not ended by"),
    "warn": gettext_lazy("People are warned if this run has not ended by"),
}
#: Why a run was canceled, if the engine did it.
_REASONS: Final = {
    expiry.EXPIRED: gettext_lazy("because it did not begin in time"),
    expiry.DEADLINE: gettext_lazy("at its deadline"),
}


def notices_of(run: Run) -> list[Notice]:
    """Return what people must know of the times by which a run has to begin and to end."""
    if run.is_ended or run.is_canceling:
        return []
    if run.status == RunStatus.PENDING:
        return _to_begin(run)
    row = deadlines.of(run)
    return [] if row is None else [_of(run, row)]


def why_ended(run: Run) -> str:
    """Return why a run was canceled, if somebody said so."""
    return str(_REASONS.get(run.ended_reason, run.ended_reason))


def _to_begin(run: Run) -> list[Notice]:
    expires_at = holds.expiries_of([run]).get(run.pk)
    if expires_at is None:
        return []
    return [Notice("info", gettext("This run is canceled if it has not begun by"), expires_at)]


def _of(run: Run, row: RunDeadline) -> Notice:
    if row.passed_at is not None:
        return _passed(run, row)
    if row.stopped_at is not None and row.began_at is not None:
        left = row.began_at + timedelta(seconds=row.after) - row.stopped_at
        text = gettext(
            "The deadline of this run does not count while it waits; {left} of it are left."
        )
        return Notice("info", text.format(left=words.in_words(left)))
    return Notice("warning" if row.warned_at else "info", str(_THEN[row.then]), row.ends_at)


def _passed(run: Run, row: RunDeadline) -> Notice:
    if not run.ending:
        return Notice("warning", gettext("This run has not ended by its deadline,"), row.ends_at)
    text = gettext(
        "This run has passed its deadline and is ending. Nothing new starts; the steps that are "
        "running were asked to stop and are given up after {grace} s."
    )
    grace = languages.plain_number(conf.get("CANCEL_GRACE_SECONDS"))
    return Notice("warning", text.format(grace=grace))
