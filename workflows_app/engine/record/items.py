"""The recorder of items: one move records plain successes of items and takes the next items.

Items of one list that threads of this process bring at the same time share a move. If anything is
not plain, nothing is written and the caller uses the reference. The tests in
`tests/integration/engine/recorders/` run the same cases over both.
"""

from collections.abc import Sequence
from typing import Any, Final

from workflows_app.definition import Graph, registry
from workflows_app.engine.host import clock, ports
from workflows_app.engine.host.rare import Rare, note
from workflows_app.engine.record import chain, items_on_postgresql, items_on_sqlite
from workflows_app.engine.record.item_moves import (
    ItemMove,
    Mismatch,
    Take,
    Written,
    move_of,
    shares,
)
from workflows_app.engine.record.recorder import DONE, NOT_PLAIN, Ended, Followed, Recorded
from workflows_app.engine.run import inputs, lists, stretches, versions
from workflows_app.engine.run.claims import Claim
from workflows_app.jsontext import Raw, loads
from workflows_app.models.fields import item_key
from workflows_app.models.sqltext import connection_here
from workflows_app.planner import plain

#: The most items that end in one move.
MOST: Final = 64


def is_plain(ended: Ended) -> bool:
    """Return whether the outcome is a plain success of an item of a list at the root."""
    is_success = not ended.said and plain.is_plain(ended.outcome)
    return is_success and _items_of(ended.claim) is not None and chain.commits_at_once()


def takes(ended: Ended) -> bool:
    """Return whether the outcome is plain and its thread takes the next item."""
    found = _items_of(ended.claim) if is_plain(ended) else None
    return found is not None and ended.keep(ended.claim, found.body)


def _items_of(held: Claim) -> plain.NextItems | None:
    return plain.items_of(registry.get(held.workflow_id).tree, held.base_path)


def record(ended: Sequence[Ended]) -> list[Recorded]:
    """Record the plain items among these if they belong to one list, and take those that follow.

    Each thread takes as many of the next items as it brought. The caller holds the lock of their
    session.
    """
    mine = [index for index, each in enumerate(ended) if takes(each)]
    recorded: list[Recorded] = [NOT_PLAIN] * len(ended)
    places = {ended[index].claim.base_path for index in mine}
    followings: Sequence[Claim | None] = ()
    if len(places) == 1:
        # The last item of a list is not plain, because the list ends with it.
        followings = _record([ended[index] for index in mine]) or _record(
            [ended[index] for index in mine[:-1]]
        )
    for index, following in zip(mine, followings, strict=False):
        recorded[index] = DONE if following is None else Followed(following)
    return recorded


def _record(ended: Sequence[Ended]) -> list[Claim | None]:
    """Record these items of one list; return what follows each, or nothing if it was not done."""
    if not ended:
        return []
    held = ended[0].claim
    definition = registry.get(held.workflow_id)
    now = max(clock.now(), *(each.claim.claimed_at for each in ended))
    move = move_of(definition.tree, ended, now, versions.ensure(definition))
    try:
        is_postgresql = connection_here().vendor == "postgresql"
        written = (items_on_postgresql if is_postgresql else items_on_sqlite).write(move)
    except Mismatch:
        held.session.forget()
        note(Rare.ITEMS_REFUSED)
        return []
    _keep_up(move, written)
    ports.published(held.run, written.event_seq, is_settled=False)
    return _followings(definition.tree, move, ended, written)


def _keep_up(move: ItemMove, now: Written) -> None:
    """Update the session if it knew the run as it was before the move; else let it forget."""
    session = move.held.session
    model = session.model
    row = session.rows.by_path.get(move.container.path)
    if model is None or row is None or model.revision != now.revision - 1:
        session.forget()
        return
    model.revision, model.event_seq = now.revision, now.event_seq
    model.active_count, model.stretches = now.active_count, now.stretches
    row.unfinished, row.opened = now.unfinished, now.first + now.taken
    for each in move.rows:
        session.rows.drop(each.claim.path)


def _followings(
    graph: Graph, move: ItemMove, ended: Sequence[Ended], written: Written
) -> list[Claim | None]:
    """Return for each item the claim that follows, from the stretch that its thread has taken."""
    threads = dict.fromkeys(each.thread for each in ended)
    given = shares(move.takes, written.first, written.taken)
    claims = {
        thread: iter(_claims(graph, move, written, take, indexes))
        for thread, (take, indexes) in zip(threads, given, strict=True)
    }
    return [next(claims[each.thread], None) for each in ended]


def _claims(
    graph: Graph, move: ItemMove, written: Written, take: Take, indexes: range
) -> list[Claim]:
    """Return the claims of a stretch that was taken."""
    items = lists.items_of(written.list) if indexes else ()
    made = [inputs.kept(graph, move.body, items[index]) for index in indexes]
    keys = [item_key(take.key, number) for number in range(len(indexes))]
    is_other = any(text is not items[index] for index, text in zip(indexes, made, strict=True))
    is_there = not is_other or stretches.keep_payloads(take.key, indexes.start, made)
    payloads: Sequence[Raw | None] = made
    if not is_there:  # somebody has given its items snapshots, with inputs that were made there
        payloads = [stretches.payload_of(key, move.held.worker) for key in keys]
    return [
        move.held.but(
            step=key,
            path=f"{move.container.path}[{index}]",
            token=stretches.FIRST_TOKEN,
            retry_count=0,
            restarted=False,
            payload=payload,
            is_resuming=False,
            resume_payload=None,
            suspend_payload=None,
            state=_mapping(written.state),
            request_context=_mapping(written.request_context),
            claimed_at=move.now,
            stretch=take.key if is_there else None,
        )
        for key, index, payload in zip(keys, indexes, payloads, strict=True)
        if payload is not None
    ]


def _mapping(text: str) -> dict[str, Any]:
    """Return a claim's own copy of the state or the request context."""
    return {} if text == "{}" else loads(text)
