"""The tables: one file for each noun. Rules are in the planner, writes in the engine."""

from workflows_app.models.action import Action
from workflows_app.models.assignment import Assignment
from workflows_app.models.deadline import RunDeadline
from workflows_app.models.earlier_question import EarlierQuestion
from workflows_app.models.event import RunEvent
from workflows_app.models.hold import AcceptedStart, Hold
from workflows_app.models.kept_answer import KeptAnswer
from workflows_app.models.outside_event import OutsideEvent
from workflows_app.models.preference import Preference
from workflows_app.models.run import Run, Timeline
from workflows_app.models.schedule import Schedule, Trigger
from workflows_app.models.snooze import Snooze
from workflows_app.models.step import StepSnapshot
from workflows_app.models.stretch import Stretch
from workflows_app.models.token import ApiToken
from workflows_app.models.unique_key import UniqueKey
from workflows_app.models.wait import Wait
from workflows_app.models.worker import Worker
from workflows_app.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "AcceptedStart",
    "Action",
    "ApiToken",
    "Assignment",
    "EarlierQuestion",
    "Hold",
    "KeptAnswer",
    "OutsideEvent",
    "Preference",
    "Run",
    "RunDeadline",
    "RunEvent",
    "Schedule",
    "Snooze",
    "StepSnapshot",
    "Stretch",
    "Timeline",
    "Trigger",
    "UniqueKey",
    "Wait",
    "Worker",
    "Workflow",
    "WorkflowVersion",
]
