"""The input of a step, as its type has it: validated once, when the step is made ready, and kept.

So all attempts of one activation see the same, in every process, also where a default is a function
(a new id, the time). What does not fit is left as it came, and fails the attempt.
"""

from workflows_app.definition import Graph, Kind, Node
from workflows_app.jsontext import Raw
from workflows_app.planner import retries


def kept(graph: Graph, node: Node, text: Raw, *, is_given: bool = False) -> Raw:
    """Return what a step is given as its type has it; the text itself where that is the same.

    `is_given`: a person wrote it, and no type has read it yet.
    """
    step = node.step
    if node.kind is not Kind.STEP or step is None or step.input.is_any:
        return text
    if not retries.owner(graph, node).validate_inputs:
        return text
    made = step.input.kept(text, is_given=is_given)
    return text if made is text else Raw(made)
