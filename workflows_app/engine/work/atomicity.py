"""Checks what an atomic step did to the transaction in which its result is to be recorded."""

from typing import Any, Final

from django.db import transaction

from workflows_app.engine.run import failures
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.work.execute import Done
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.outcomes import Bailed, Failed, Succeeded

#: The transaction status of psycopg for a transaction in which a statement failed.
_IN_ERROR: Final = 3

#: The types of errors that only say that an earlier one was swallowed.
_FOLLOWING: Final = frozenset({"InternalError", "TransactionManagementError"})

_ADVICE: Final = (
    "An atomic step must not continue after a database error: put what may fail into its own block "
    "(with transaction.atomic(): ..., a savepoint) and catch the error around that block."
)


def checked(claim: Claim, done: Done) -> Done:
    """Return what an atomic step has done, or a failure if its transaction cannot be committed."""
    problem = _problem(connection_here())
    outcome = done.outcome
    if not problem:
        return done
    if isinstance(outcome, (Succeeded, Bailed)):
        error = transaction.TransactionManagementError(
            f"Step {claim.path} cannot be recorded: {problem}. {_ADVICE}"
        )
        error.__cause__ = getattr(connection_here(), "rollback_exc", None)
        return Done(Failed(failures.describe(error)), done.said)
    if isinstance(outcome, Failed) and outcome.error["type"] in _FOLLOWING:
        told = {**outcome.error, "message": f"{outcome.error['message']} ({problem}) {_ADVICE}"}
        return Done(Failed(told, outcome.may_retry), done.said)
    return done


def refused(claim: Claim, error: Exception) -> Done:
    """Return the failure of a step whose transaction the database refused."""
    error.add_note(f"Raised when step {claim.path} was recorded in the step's own transaction.")
    return Done(Failed(failures.describe(error)), [])


def _problem(here: Any) -> str:
    if here.closed_in_transaction:
        return "its transaction is gone, because the connection was closed in it"
    if here.needs_rollback:
        return (
            "the current transaction is aborted, because a database error was swallowed in it or "
            "it was marked to be rolled back"
        )
    raw = here.connection
    is_postgresql = here.vendor == "postgresql" and raw is not None
    if is_postgresql and raw.pgconn.transaction_status == _IN_ERROR:
        return "the current transaction is aborted, because a statement failed in it"
    return ""
