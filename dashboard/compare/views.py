"""Two runs side by side, or two timelines of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from workflows_app.models import Run

from .. import catalogue
from ..lists import paging
from ..pages import render
from ..request.access import signed_in
from . import comparison
from .page import Side


@dataclass(frozen=True)
class ComparisonQuery:
    """What the address asks for: two run ids, a timeline of each, whether to show everything."""

    a: str = ""
    b: str = ""
    at: str = ""
    bt: str = ""
    only: bool = True

    @classmethod
    def read(cls, query: Mapping[str, str]) -> ComparisonQuery:
        """Read an address; a second timeline without a second run belongs to the first run."""
        a, b, at, bt = (query.get(name, "").strip() for name in ("a", "b", "at", "bt"))
        return cls(a, b or (a if bt else ""), at, bt, query.get("only") != "0")

    @property
    def link(self) -> str:
        """The address of this comparison."""
        given = {"a": self.a, "at": self.at, "b": self.b, "bt": self.bt}
        query = {name: value for name, value in given.items() if value}
        return "?" + urlencode(query | ({} if self.only else {"only": "0"}))

    @property
    def swapped(self) -> str:
        """The same with the sides changed."""
        return replace(self, a=self.b, b=self.a, at=self.bt, bt=self.at).link

    @property
    def only_differences(self) -> str:
        """The same comparison without what is equal on both sides."""
        return replace(self, only=True).link

    @property
    def everything(self) -> str:
        """The same comparison with what is equal on both sides."""
        return replace(self, only=False).link


@require_safe
@signed_in
def compare(request: HttpRequest) -> HttpResponse:
    """Show what differs between two runs, or ask which ones to compare."""
    query = request.GET.dict()
    # Two runs were marked in the list of runs, where the older one comes later.
    query |= dict(zip(("b", "a"), request.GET.getlist("run"), strict=False))
    asked, runs = _found(ComparisonQuery.read(query))
    earlier = comparison.timelines_of(runs.values())
    sides: list[Side] = []
    problems: list[str] = []
    for letter, run_id, number in (("A", asked.a, asked.at), ("B", asked.b, asked.bt)):
        run = runs.get(run_id)
        timeline = _timeline(run, number)
        if run is None or timeline is None:
            problems.append(_problem(letter, run_id, number, run))
        else:
            row = earlier.get((run.pk, timeline))
            sides.append(comparison.side_of(letter, run, timeline, row))
    context: dict[str, object] = {"asked": asked, "problems": problems, "known": sides}
    if len(sides) < 2:  # noqa: PLR2004 - it takes two
        is_wrong = bool((asked.a and asked.a not in runs) or (asked.b and asked.b not in runs))
        return render(
            request, "dashboard/compare/page.html", context, status=404 if is_wrong else 200
        )
    found = comparison.compare(sides[0], sides[1])
    context |= {"found": found, "shown": found.different if asked.only else found.rows}
    context |= {"shared": request.build_absolute_uri(asked.link)}
    if not found.is_one_run and (known := catalogue.find(sides[0].run.workflow_id)) is not None:
        context["offer"] = catalogue.offer_of(request.user, known)
    return render(request, "dashboard/compare/page.html", context)


def _found(asked: ComparisonQuery) -> tuple[ComparisonQuery, dict[str, Run]]:
    """Return the request with whole ids, and the runs that have them."""
    runs = comparison.find([asked.a, asked.b])
    if all(text in runs for text in (asked.a, asked.b) if text):
        return asked, runs
    a, b = (text if text in runs else comparison.whole_id(text) for text in (asked.a, asked.b))
    whole = replace(asked, a=a, b=b)
    return whole, runs if whole == asked else comparison.find([a, b])


def _timeline(run: Run | None, number: str) -> int | None:
    """Return the number of the timeline that was asked for; None if there is no such timeline."""
    if run is None or not number:
        return run.timeline if run else None
    wanted = paging.number(number, paging.SMALL_DIGITS) or 0
    return wanted if 1 <= wanted <= run.timeline else None


def _problem(letter: str, run_id: str, number: str, run: Run | None) -> str:
    if not run_id:
        return gettext("Run {letter} is not chosen yet.").format(letter=letter)
    if run is None:
        return gettext(
            "Run {letter}: there is no run with the id “{run_id}”. It may have "
            "been deleted, or the id may be incomplete."
        ).format(letter=letter, run_id=run_id)
    last = (
        gettext("timelines 1 to {timeline}").format(timeline=run.timeline)
        if run.timeline > 1
        else gettext("only timeline 1")
    )
    return gettext(
        "Run {letter}: there is no timeline “{number}” of {run_id}; it has {last}."
    ).format(letter=letter, number=number, run_id=run_id, last=last)
