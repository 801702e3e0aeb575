"""The admin: shows everything and changes almost nothing, because only the engine writes runs.

Lists never load payloads and never count big tables; every row links to its page and back.
"""

from django.contrib import admin

from workflows_app.admin import outside, people, runs, workflows
from workflows_app.admin.tables import TABLES

__all__ = ["outside", "people", "register", "runs", "workflows"]


def register(site: admin.AdminSite) -> None:
    """Show all tables on this site of an admin, too; Django's own has them already."""
    for model, kind in TABLES.items():
        if not site.is_registered(model):
            site.register(model, kind)


register(admin.site)
