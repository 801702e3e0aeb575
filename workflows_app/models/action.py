"""The audit trail."""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models

from workflows_app.models import persons
from workflows_app.models.fields import JSONText
from workflows_app.models.run import Run

#: The door of verbs that are called from code.
PYTHON: Final = "python"
#: Every door that an action may have come through.
DOORS: Final = ("page", "api", "client", "terminal", "admin", "schedule", PYTHON)


class Action(models.Model):
    """Who did what to which run, schedule or token, with what data, through which door.

    Appended by the verb that a person called, in its transaction; never changed.
    """

    at = models.DateTimeField()
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        persons.on_delete(models.SET_NULL),
        db_constraint=not persons.are_apart(),
        null=True,
        blank=True,
        related_name="+",
    )
    #: Kept beside the key, so that the trail outlives the account.
    actor_name = models.CharField(max_length=255, blank=True)
    verb = models.CharField(max_length=30)
    door = models.CharField(max_length=30, blank=True)
    run = models.ForeignKey(Run, models.SET_NULL, null=True, blank=True, related_name="actions")
    #: Where the request came from, and what it is called in logs; empty outside of requests.
    address = models.CharField(max_length=64, blank=True, default="", db_default="")
    request_id = models.CharField(max_length=128, blank=True, default="", db_default="")
    #: The public id of the run, which outlives the run.
    public_run_id = models.CharField(max_length=255, blank=True)
    workflow_name = models.CharField(max_length=255, blank=True)
    path = models.CharField(max_length=1000, blank=True)
    #: The id of the schedule or the token that the action was on; empty for runs.
    subject = models.CharField(max_length=520, blank=True, default="")
    data = JSONText(default=dict)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["actor_name", "-id"], name="action_by_person"),
            models.Index(fields=["verb", "-id"], name="action_by_verb"),
            models.Index(fields=["public_run_id", "-id"], name="action_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name or 'somebody'} {self.verb} {self.public_run_id or self.subject}"

    @property
    def through(self) -> str:
        """The door; older rows without one came from Python."""
        return self.door or PYTHON
