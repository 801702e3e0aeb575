"""What a workflow is: steps, entries, types, the graph. Pure: no Django, no clock, no logging."""

from workflows_app.definition.builder import Builder
from workflows_app.definition.deadlines import Deadline
from workflows_app.definition.event_waits import EventWait
from workflows_app.definition.functions import Function
from workflows_app.definition.graph import BODY, LOOPS, REPEATING, Graph, Kind, Node
from workflows_app.definition.mappings import constant, from_context, from_init, from_step
from workflows_app.definition.schedules import Schedule
from workflows_app.definition.schemas import ANY, MISSING, Schema
from workflows_app.definition.steps import Step, step
from workflows_app.definition.templates import template

__all__ = [
    "ANY",
    "BODY",
    "LOOPS",
    "MISSING",
    "REPEATING",
    "Builder",
    "Deadline",
    "EventWait",
    "Function",
    "Graph",
    "Kind",
    "Node",
    "Schedule",
    "Schema",
    "Step",
    "constant",
    "from_context",
    "from_init",
    "from_step",
    "step",
    "template",
]
