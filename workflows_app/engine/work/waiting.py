"""What a step can wait for besides people, and start: events, other runs, callbacks.

What a step was given is kept with its activation. So its function may run from the top as often as
it likes: it gets the same again, and starts nothing twice.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from django.db import transaction
from django.urls import NoReverseMatch, reverse
from pydantic import ValidationError

from workflows_app import conf, errors
from workflows_app.definition import ANY, event_names, options, registry
from workflows_app.engine.host import clock, transactions
from workflows_app.engine.host.control import SuspendStep
from workflows_app.engine.run import failures, waits
from workflows_app.engine.work import endings
from workflows_app.jsontext import NULL, loads_revealed
from workflows_app.models import Run
from workflows_app.models.fields import uuid7
from workflows_app.models.wait import EVENT, GIVEN, GONE, RUN, TIMED_OUT
from workflows_app.planner.outcomes import Awaited
from workflows_app.results import WorkflowResult
from workflows_app.threads import blocking, in_thread

if TYPE_CHECKING:
    from workflows_app.definition import Schema, Step
    from workflows_app.engine.run.claims import Claim
    from workflows_app.jsontext import Raw
    from workflows_app.models import Wait


class Waiting:
    """The half of a `StepContext` that waits for something besides a person."""

    _claim: Claim
    _schemas: Step | None
    tokens: list[str]

    if TYPE_CHECKING:

        @property
        def run_id(self) -> str: ...

    @blocking
    def wait_for_event(
        self, name: str, key: Any = "", *, timeout: float | timedelta | None = None
    ) -> Any:
        """Return the data of the event `name` with this key; suspend until it comes.

        The data has the step's `resume` type. `timeout`: seconds, or a timedelta, from the first
        wait of this activation; None: as long as it takes. Holds no worker.

        Raises EventTimeout, InvalidResumeData if a kept event does not fit the type, InvalidInput.
        """
        of = f"wait_for_event() of step {self._claim.path}"
        name, key = event_names.check(name, of), event_names.check_key(key, of)
        seconds = None if timeout is None else options.duration(timeout, "timeout", of)
        row = waits.of_activation(self._claim.step, EVENT, name, key)
        if row is None or not row.outcome:
            _suspend(Awaited(EVENT, name, key, seconds), event=name, key=key)
        if row.outcome == TIMED_OUT:
            raise errors.EventTimeout(
                f"The event {name!r} with the key {key!r} did not come in time for step "
                f"{self._claim.path}, which has waited since {row.created_at:%Y-%m-%d %H:%M:%S} "
                "UTC."
            )
        return self._typed(waits.read(row), name)

    @blocking
    def start(
        self,
        workflow: Any,
        input: Any = None,  # noqa: A002 - the contract's name
        key: Any = "",
        *,
        cancel_with_parent: bool = False,
    ) -> str:
        """Start a run of a workflow, and return its run id; this run does not wait for it.

        It happens once for each workflow and `key` in this activation, however often the function
        runs. The run outlives this one; with `cancel_with_parent` it is canceled with it. In an
        atomic step it is started exactly when the step's transaction commits.

        Raises what `create_run` and `start` raise, and InvalidInput for a wrong key.
        """
        of = f"start() of step {self._claim.path}"
        flow: Any = registry.get(workflow) if isinstance(workflow, str) else workflow
        run_id, now = str(uuid7()), clock.now()
        key = event_names.check_key(key, of)
        with transactions.write(), transaction.atomic():
            began = waits.note_start(
                self._claim.run, self._claim.step, (flow.id, key), run_id, now,
                is_tied=cancel_with_parent,
            )  # fmt: skip
            if began == run_id:
                flow.create_run(run_id).start(input, wait=False)
        return began

    @blocking
    def wait_for_run(self, run_id: str) -> WorkflowResult:
        """Return the result of another run, of whatever workflow; suspend until it has ended.

        A failed and a canceled run have results, too. Holds no worker. Raises RunNotFound if there
        is no such run or it was deleted, and InvalidInput for this run itself.
        """
        run_id = str(run_id)
        row = waits.of_activation(self._claim.step, RUN, "", run_id)
        if row is not None and row.outcome == GIVEN and (text := waits.read(row)) != NULL:
            return WorkflowResult.model_validate_json(text)
        if row is not None and row.outcome == GONE:
            raise _no_run(run_id)
        if run_id == self.run_id:
            raise errors.InvalidInput(f"Step {self._claim.path} cannot wait for its own run.")
        text = self._ended(run_id, row)
        return WorkflowResult.model_validate_json(text)

    def _ended(self, run_id: str, row: Wait | None) -> Raw:
        """Return and keep the result of a run that has ended already, or suspend."""
        run = Run.objects.light().filter(run_id=run_id).first()
        if run is None:
            raise _no_run(run_id)
        if not run.is_ended:
            if row is not None:
                row.delete()  # it had ended, and was retried before its result was read
            _suspend(Awaited(RUN, "", run_id), run_id=run_id)
        text = endings.result_of(run.pk)
        claim = self._claim
        waits.note_result(claim.run, claim.step, run_id, text, clock.now())
        return text

    @blocking
    def callback_url(self) -> str:
        """Return a new URL that answers what this step asks next, for a caller without an account.

        Whoever POSTs a JSON value to it gives the answer, as `resume` does; once, and not after
        the suspension is over. The URL holds a random token of 256 bits and begins with `SITE_URL`.
        Keep it secret, and send it before the step suspends. Raises InvalidStep if the project
        does not serve the HTTP API.
        """
        token = secrets.token_urlsafe(32)
        try:
            path = reverse("signalbox_api:answer_callback", args=[token])
        except NoReverseMatch:
            raise errors.InvalidStep(
                f"Step {self._claim.path} asked for a callback URL, but the project does not serve "
                "the HTTP API: include workflows_app.api.urls in its addresses."
            ) from None
        digest = hashlib.sha256(token.encode()).hexdigest()
        with transactions.write():
            waits.note_token(self._claim.run, self._claim.step, digest, clock.now())
        self.tokens.append(digest)
        return conf.get("SITE_URL") + path

    # The same from an `async def`: the parts with a database run in a thread.

    async def await_for_event(
        self, name: str, key: Any = "", *, timeout: float | timedelta | None = None
    ) -> Any:
        """Async twin of `wait_for_event`."""
        return await in_thread(self.wait_for_event)(name, key, timeout=timeout)

    async def astart(
        self,
        workflow: Any,
        input: Any = None,  # noqa: A002 - the contract's name
        key: Any = "",
        *,
        cancel_with_parent: bool = False,
    ) -> str:
        """Async twin of `start`."""
        begin = in_thread(self.start)
        return await begin(workflow, input, key, cancel_with_parent=cancel_with_parent)

    async def await_for_run(self, run_id: str) -> WorkflowResult:
        """Async twin of `wait_for_run`."""
        return await in_thread(self.wait_for_run)(run_id)

    async def acallback_url(self) -> str:
        """Async twin of `callback_url`."""
        return await in_thread(self.callback_url)()

    def _typed(self, text: Raw, name: str) -> Any:
        schema: Schema = ANY if self._schemas is None else self._schemas.resume
        if schema.is_any:
            return loads_revealed(text)
        try:
            return schema.load(text)
        except ValidationError as error:
            what = f"The data of event {name!r} does not fit what step {self._claim.path} waits for"
            raise failures.invalid(errors.InvalidResumeData, what, error) from error


def _no_run(run_id: str) -> errors.RunNotFound:
    return errors.RunNotFound(f"There is no run {run_id!r} to wait for; it may have been deleted.")


def _suspend(awaited: Awaited, **about: Any) -> NoReturn:
    raise SuspendStep({"kind": awaited.kind, **about}, awaited=awaited)
