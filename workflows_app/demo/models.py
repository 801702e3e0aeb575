"""The tables that the demo workflows write to: approved expenses, and the customers of a list."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Expense(models.Model):
    """One expense that the company pays. Written by the expense-approval workflow, once per run."""

    run_id = models.CharField(max_length=255, unique=True)
    who = models.CharField(max_length=80)
    what = models.CharField(max_length=120)
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    category = models.CharField(max_length=20)
    spent_on = models.DateField()
    receipt_number = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
    #: `policy` if the amount was within the limit, else `manager`.
    approved_by = models.CharField(max_length=20)
    comment = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(name="an_expense_costs_something", condition=Q(amount__gt=0)),
        ]

    def __str__(self) -> str:
        return f"{self.what} for {self.who}: {self.amount}"


class Customer(models.Model):
    """One person on a list, identified by the e-mail address. Written by the CSV import."""

    list_name = models.CharField(max_length=60)
    name = models.CharField(max_length=80)
    email = models.CharField(max_length=254)
    age = models.PositiveSmallIntegerField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["list_name", "email"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="one_customer_for_one_address", fields=["list_name", "email"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}> on {self.list_name}"
