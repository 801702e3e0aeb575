"""Workflows and their versions, as the database knows them; code defines them."""

from typing import ClassVar

from django.db import models

from workflows_app.languages import gettext_lazy
from workflows_app.models.fields import JSONText


class Workflow(models.Model):
    """One workflow by name, with what operators may note about it.

    Written when a run of it is first created, and by people in the admin.
    """

    id = models.CharField(primary_key=True, max_length=255)
    title = models.CharField(max_length=255, blank=True)
    notes = models.TextField(
        blank=True, help_text=gettext_lazy("For the people who run it. Shown on its page.")
    )
    #: While its runs may not begin: `reason`, `actor` and `at` of the person who said so.
    intake = JSONText(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return self.id


class WorkflowVersion(models.Model):
    """One shape of a workflow's graph, with the JSON schemas of its types.

    Written once, when the first run of that shape is created; never changed.
    """

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="versions")
    hash = models.CharField(max_length=64)
    graph = JSONText()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workflow", "hash", name="one_version_for_one_shape"),
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id} {self.hash[:8]}"
