"""Durable workflows for Django: define them in typed Python, run, watch and steer them.

Safe to import before Django's apps are ready, because names that need the tables are loaded when
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workflows_app import errors
from workflows_app.definition import (
    Deadline,
    Schedule,
    Step,
    constant,
    from_context,
    from_init,
    from_step,
    step,
    template,
)
from workflows_app.workflow import Workflow, get_workflow, list_workflows

if TYPE_CHECKING:
    from workflows_app.engine.verbs.travel import TravelPlan
    from workflows_app.engine.work.context import StepContext
    from workflows_app.outside import aemit, emit
    from workflows_app.pages import RunPage
    from workflows_app.results import ErrorInfo, RunTimeline, StepResult, WorkflowResult
    from workflows_app.run import Run
    from workflows_app.schedules import ScheduleTrigger, WorkflowSchedule
    from workflows_app.stream import RunStream, StreamEvent

_LATER = {
    "StepContext": "workflows_app.engine.work.context",
    "RunPage": "workflows_app.pages",
    "aemit": "workflows_app.outside",
    "emit": "workflows_app.outside",
    "ErrorInfo": "workflows_app.results",
    "StepResult": "workflows_app.results",
    "WorkflowResult": "workflows_app.results",
    "Run": "workflows_app.run",
    "RunStream": "workflows_app.stream",
    "RunTimeline": "workflows_app.results",
    "ScheduleTrigger": "workflows_app.schedules",
    "TravelPlan": "workflows_app.engine.verbs.travel",
    "WorkflowSchedule": "workflows_app.schedules",
    "StreamEvent": "workflows_app.stream",
}

__all__ = [  # noqa: RUF022 - grouped by what they are for
    # Defining
    "Deadline",
    "Schedule",
    "Step",
    "StepContext",
    "Workflow",
    "constant",
    "from_context",
    "from_init",
    "from_step",
    "step",
    "template",
    # Running
    "ErrorInfo",
    "Run",
    "RunPage",
    "RunStream",
    "RunTimeline",
    "ScheduleTrigger",
    "StepResult",
    "StreamEvent",
    "TravelPlan",
    "WorkflowResult",
    "WorkflowSchedule",
    "aemit",
    "emit",
    # Looking back
    "get_workflow",
    "list_workflows",
    # Errors
    "errors",
]


def __getattr__(name: str) -> Any:
    """Load a name that needs the tables when it is first used."""
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
