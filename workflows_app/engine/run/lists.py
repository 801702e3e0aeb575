"""The items of a foreach: the list that it was given, and the snapshots made from it."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

from workflows_app.definition import BODY, Node
from workflows_app.engine.run import change_readers, inputs, payloads
from workflows_app.engine.run.change import Change
from workflows_app.jsontext import Raw, dumps, loads
from workflows_app.models import StepSnapshot, statements
from workflows_app.models.fields import step_key

#: How much of lists this process keeps in memory; the newest list always stays.
MOST_CHARACTERS: Final = 16 * 1024 * 1024

_lock = threading.Lock()
#: The key of a foreach's snapshot -> its items as JSON texts, and their length in characters.
_known: Final[OrderedDict[int, tuple[Sequence[Raw], int]]] = OrderedDict()


def items_of(container: int) -> Sequence[Raw]:
    """Return the items of a foreach as JSON texts; they never change, so they are read once."""
    with _lock:
        found = _known.get(container)
        if found is not None:
            _known.move_to_end(container)
            return found[0]
    text = payloads.payload_of(change_readers.BY_KEY.get(container))
    items = [dumps(item) for item in loads(text)]
    with _lock:
        _known[container] = items, len(text)
        while len(_known) > 1 and sum(size for _, size in _known.values()) > MOST_CHARACTERS:
            _known.popitem(last=False)
    return items


def new_item(
    container: StepSnapshot, index: int, key: int, payload: Raw, **fields: Any
) -> StepSnapshot:
    """Return a new snapshot of an item, not yet written."""
    return statements.new(
        StepSnapshot,
        id=key,
        run_id=container.run_id,
        path=f"{container.path}[{index}]",
        base_path=f"{container.base_path}{BODY}",
        parent_id=container.pk,
        position=index,
        payload=payload,
        **fields,
    )


def new_items(
    change: Change, container: StepSnapshot, indexes: Sequence[int], **fields: Any
) -> list[StepSnapshot]:
    """Return new snapshots of items, which this change has not written yet."""
    items = items_of(container.pk)
    node = change.graph.nodes[f"{container.base_path}{BODY}"]
    common = {
        "kind": str(node.kind),
        "timeline": change.model.timeline,
        "queued_at": change.now,
        "version_id": change.other_version,
        "metadata": metadata_of(node),
        **fields,
    }
    return [
        new_item(
            container, index, step_key(), inputs.kept(change.graph, node, items[index]), **common
        )
        for index in indexes
    ]


def metadata_of(node: Node) -> dict[str, Any]:
    """Return the metadata of a step, or of its entry if it is not a step."""
    return dict(node.step.metadata if node.step is not None else node.metadata)
