"""The input of a step, validated by its type once, when the step is made ready, and stored.

So all attempts of one activation see the same input in every process, even if a default is a
function (a new id, the time). An input that does not fit is stored unchanged, and fails the
attempt.
"""

from workflows_app.definition import Graph, Kind, Node
from workflows_app.jsontext import Raw
from workflows_app.planner import retries


def kept(graph: Graph, node: Node, text: Raw, *, is_given: bool = False) -> Raw:
    """Return the input of a step as its type reads it; the text itself if nothing changes.

    `is_given`: a person wrote it, and no type has read it yet.
    """
    step = node.step
    if node.kind is not Kind.STEP or step is None or step.input.is_any:
        return text
    if not retries.owner(graph, node).validate_inputs:
        return text
    made = step.input.kept(text, is_given=is_given)
    return text if made is text else Raw(made)
