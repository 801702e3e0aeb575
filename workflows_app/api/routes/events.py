"""Events: of one run as a page or a stream, and of all runs as a stream."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from pydantic import Field

from workflows_app.api.entry import lists
from workflows_app.api.entry.answers import JSON, Answer
from workflows_app.api.entry.doorway import Call
from workflows_app.api.entry.inputs import INLINE, Query
from workflows_app.api.entry.operations import Resource
from workflows_app.api.entry.refusals import Refusal
from workflows_app.api.feeds import all_runs, one, streams
from workflows_app.api.feeds.streams import NDJSON, SSE, Reader
from workflows_app.api.routes import find
from workflows_app.api.shapes import events, schemas
from workflows_app.engine.run import log
from workflows_app.models import Run
from workflows_app.planner.statuses import ENDED
from workflows_app.threads import in_thread

resource: Final = Resource("events")
#: The largest number that every database can compare.
LAST: Final = 2**62


class EventsPage(schemas.Shape):
    """Some events of a run; `next_cursor` is the number to give as `after`."""

    items: list[schemas.Event]
    next_cursor: int | None
    total: int | None


class EventsQuery(Query):
    """From which event on, and how."""

    after: int | None = Field(None, ge=0, le=LAST, description="The number of the last known one.")
    cursor: int | None = Field(None, ge=0, le=LAST, description="The same as `after`.")
    limit: int = Field(50, ge=1, le=200, description="How many at most; of a page alone.")
    follow: bool = Field(default=False, description="Go on after the end of the run.")
    inline: bool = INLINE


@resource.get(
    "/runs/{run_id}/events", gives={200: EventsPage, 204: None}, query=EventsQuery,
    find=find.run, not_found=["RunNotFound"], media=(JSON, SSE, NDJSON),
)  # fmt: skip
async def get_run_events(call: Call) -> Answer | HttpResponseBase:
    """List the events of a run, or follow them, as `Accept` says."""
    kind = call.request.get_preferred_type([JSON, SSE, NDJSON])
    run: Run = call.target
    after = _after(call)
    if kind == JSON:
        return await in_thread(_page)(call, run, after)
    if not call.query.follow and await in_thread(one.is_over)(run, after):
        response = HttpResponse(status=204)
        del response["Content-Type"]
        return response
    reader = Reader(call, lambda caller: caller.knows_of(run.workflow_id))
    batches = one.followed(reader, run, after, ends=() if call.query.follow else ENDED)
    return streams.response(str(kind), batches)


def _after(call: Call) -> int:
    """Return the number after which to begin: what a browser remembers counts most."""
    known = call.request.headers.get("Last-Event-ID", "").strip()
    if known:
        if not known.isascii() or not known.isdigit() or int(known[:20]) > LAST:
            raise Refusal("InvalidRequest", "Last-Event-ID is the number of an event.")
        return int(known)
    query = call.query
    given = query.after if query.after is not None else query.cursor
    return given or 0


def _page(call: Call, run: Run, after: int) -> Answer:
    limit = call.query.limit
    found = log.read_referring(run.pk, after, limit + 1)
    shown = events.listed(call, run.pk, found[:limit])
    total = Run.objects.values_list("event_seq", flat=True).get(pk=run.pk)
    more = found[limit - 1]["seq"] if len(found) > limit else None
    body = {
        "items": shown,
        "next_cursor": more,
        "total": total if total <= lists.MOST_COUNTED else None,
    }
    return Answer(body)


class AllQuery(Query):
    """From where on, and of which workflow."""

    after: str | None = Field(None, description="The id of the last known event; else from now on.")
    workflow: str | None = None
    inline: bool = INLINE


@resource.get(
    "/events", gives={200: None}, query=AllQuery, media=(SSE, NDJSON), refuses=["InvalidCursor"]
)
async def follow_events(call: Call) -> HttpResponseBase:
    """Follow the events of all runs that the caller may see."""
    kind: Any = call.request.get_preferred_type([SSE, NDJSON])
    known = call.request.headers.get("Last-Event-ID", "").strip()
    place = await in_thread(all_runs.place_of)(known or call.query.after)
    return streams.response(kind, all_runs.followed(Reader(call), place, call.query.workflow))
