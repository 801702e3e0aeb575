"""Runs for a fresh demo: some that have ended, and some that wait for an answer."""

from datetime import timedelta
from decimal import Decimal
from typing import Final

from django.utils import timezone

from workflows_app.demo.csv_import import Import
from workflows_app.demo.expense_approval import Category, Expense
from workflows_app.demo.release_check import Target
from workflows_app.demo.workflows import csv_import, expense_approval, release_check

GUESTS: Final = """name,email,age
Ada Lovelace,ada@example.com,36
Grace Hopper,grace.example.com,85
Edsger Dijkstra,edsger@example.com,72
Annie Easley,annie@example.com,two
"""
MEMBERS: Final = """name;email
Katherine Johnson;katherine@example.com
Tim Berners-Lee;tim@example.com
Radia Perlman;radia@example.com
"""


def begin() -> None:
    """Start some runs without waiting for them; do nothing if there are demo runs already."""
    workflows = (expense_approval, csv_import, release_check)
    if any(workflow.list_runs(limit=1).total for workflow in workflows):
        return
    for expense in _expenses():
        expense_approval.create_run(resource_id=expense.who).start(expense, wait=False)
    for given in (Import(list_name="guests", csv=GUESTS), Import(list_name="members", csv=MEMBERS)):
        csv_import.create_run(resource_id=given.list_name).start(given, wait=False)
    # The second waits for the first, because only one run at a time may read a folder.
    for target in (Target(), Target(most_lines=300)):
        release_check.create_run(resource_id=target.where).start(target, wait=False)


def _expenses() -> list[Expense]:
    """Return one expense that the policy allows, and one that needs a manager."""
    today = timezone.localdate()
    return [
        Expense(
            who="Noor",
            what="Lunch with a customer",
            amount=Decimal("42.50"),
            category=Category.MEALS,
            spent_on=today - timedelta(days=2),
            receipt_number="2071",
        ),
        Expense(
            who="Sam",
            what="Train and hotel, Berlin",
            amount=Decimal("1280.00"),
            category=Category.TRAVEL,
            spent_on=today - timedelta(days=9),
            receipt_number="B-118",
            note="Two nights; the conference had no cheaper hotel left.",
        ),
    ]
