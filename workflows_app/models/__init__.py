"""The tables: one file a noun. Rules live in the planner, writes in the engine."""

from workflows_app.models.action import Action
from workflows_app.models.assignment import Assignment
from workflows_app.models.event import RunEvent
from workflows_app.models.preference import Preference
from workflows_app.models.run import Run, Timeline
from workflows_app.models.schedule import Schedule, Trigger
from workflows_app.models.snooze import Snooze
from workflows_app.models.step import StepSnapshot
from workflows_app.models.worker import Worker
from workflows_app.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "Action",
    "Assignment",
    "Preference",
    "Run",
    "RunEvent",
    "Schedule",
    "Snooze",
    "StepSnapshot",
    "Timeline",
    "Trigger",
    "Worker",
    "Workflow",
    "WorkflowVersion",
]
