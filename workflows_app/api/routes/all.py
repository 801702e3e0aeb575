"""The router, once every resource has registered its operations."""

from __future__ import annotations

from workflows_app.api.entry.operations import router
from workflows_app.api.routes import (
    events,
    inbox,
    operations,
    outside,
    runs,
    schedules,
    verbs,
    workflows,
)

__all__ = ["RESOURCES", "router"]

#: In the order in which the document lists them.
RESOURCES = (workflows, runs, verbs, events, outside, inbox, schedules, operations)
