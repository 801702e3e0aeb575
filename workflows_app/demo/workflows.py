"""The demo's workflows; importing this module registers them."""

from workflows_app.demo.csv_import import csv_import
from workflows_app.demo.expense_approval import expense_approval
from workflows_app.demo.release_check import release_check

__all__ = ["csv_import", "expense_approval", "release_check"]
