"""Tasks of a host, as Django's own decorator makes them."""

from typing import Any

from django.contrib.auth.models import Group
from django.tasks import TaskContext, task

from workflows_app import errors


@task
def add(first: int, second: int = 0) -> int:
    """Add two numbers."""
    return first + second


@task
async def add_on_a_loop(first: int, second: int = 0) -> int:
    """Add two numbers, too."""
    return first + second


@task
def fails() -> None:
    """Raise an error of a module."""
    raise errors.InvalidInput("no good")


@task
def fails_plainly() -> None:
    """Raise an error of Python."""
    raise ValueError("line one\nline two")


@task
def leaves() -> None:
    """Raise what would end a process."""
    raise SystemExit("gone")


@task
def returns_a_function() -> object:
    """Return what no JSON holds."""
    return lambda: True


@task(takes_context=True)
def tells(context: "TaskContext[..., Any]") -> list[object]:
    """Return what the context says."""
    result = context.task_result
    return [result.id, context.attempt, result.status, result.args]


@task
def writes(name: str) -> None:
    """Write a row."""
    Group.objects.create(name=name)
