"""What a step writes to its stream: buffered, so that streaming costs few transactions."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from workflows_app import errors
from workflows_app.definition import ANY
from workflows_app.engine.host import clock, live, ports, timers
from workflows_app.engine.record.recorder import Said
from workflows_app.engine.run import events, payloads
from workflows_app.engine.run.change import Change
from workflows_app.engine.run.claims import Claim
from workflows_app.engine.run.performing import leave, perform
from workflows_app.engine.work.draining import drained
from workflows_app.jsontext import Raw, clean_text, dumps, loads, masked_text
from workflows_app.models import Run, StepSnapshot
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.statuses import StepStatus

logger = logging.getLogger(__name__)

#: The buffer is flushed after so many chunks, or so many seconds after the first of them.
MOST_CHUNKS: Final = 64
FLUSH_SECONDS: Final = 0.05

_flusher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signalbox-writer")


class Writer:
    """Sends what a running step writes to those who watch its run."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._named = {"id": claim.path.rpartition(".")[2], "path": claim.path}
        self._lock = threading.Lock()
        self._buffer: list[Said] = []
        self._is_closed = False
        #: How many recorded events this attempt has emitted.
        self._said = 0
        model = claim.session.model
        #: A number in the run's log at which this attempt had begun; None if not yet known.
        self._began = None if model is None else model.event_seq
        #: Whether events may be recorded before the step has ended.
        self.may_flush = not connection_here().in_atomic_block

    def write(self, chunk: Any) -> None:
        """Emit `workflow-step-output` with this chunk, which can be anything that JSON can hold.

        Raises SerializationError for anything else, and PayloadTooLarge.
        """
        self._say(*events.said(self._named, _plain(chunk)))

    def custom(self, type: str, data: Any, transient: bool = False) -> None:  # noqa: A002, FBT001, FBT002 - the contract's names
        """Emit an event of your own; a transient one is sent live and not recorded.

        Raises InvalidEventType unless `type` starts with `data-`, and what `write` raises.
        """
        if not str(type).startswith("data-"):
            raise errors.InvalidEventType(
                f"A custom event cannot have the type {type!r}: it must start with 'data-', "
                f"for example 'data-{str(type).strip('-') or 'progress'}'."
            )
        type = clean_text(str(type))  # noqa: A001 - the contract's name
        payloads.check_size(dumps(type), "The type of a custom event")
        payload = {**self._named, "data": _plain(data)}
        if transient:
            self._send(type, payload)
        else:
            self._say(type, payload)

    def close(self) -> list[Said]:
        """Accept no more events; return those not yet flushed, to be recorded with the result."""
        with self._lock:
            self._is_closed = True
            rest, self._buffer = self._buffer, []
        return rest

    def _say(self, kind: str, payload: dict[str, object]) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._buffer.append((kind, payload))
            self._said += 1
            count = len(self._buffer)
        if not self.may_flush:
            return
        if count >= MOST_CHUNKS:
            self.flush()
        elif count == 1:
            timers.after(FLUSH_SECONDS, lambda: _flusher.submit(self._flush_apart))

    def flush(self) -> None:
        """Record the buffer in its own transaction, if the claim is still valid."""
        with self._lock:
            said, self._buffer = self._buffer, []
            if not said:
                return
            try:
                self._record(said)
            except (Run.DoesNotExist, StepSnapshot.DoesNotExist):
                logger.info(
                    "Run %s no longer has step %s, so what it wrote was dropped.",
                    self._claim.run_id,
                    self._claim.path,
                )

    def _flush_apart(self) -> None:
        try:
            self.flush()
        except Exception:
            logger.exception("What step %s wrote could not be recorded.", self._claim.path)
        finally:
            connection_here().close()

    def _record(self, said: list[Said]) -> None:
        held = self._claim

        def act(changing: Change) -> None:
            step = changing.snapshot(held.path)
            is_mine = step.pk == held.step and step.token == held.token
            if not is_mine or step.status != StepStatus.RUNNING:
                leave()
            for kind, payload in said:
                changing.log.add(events.of(kind, payload))

        with held.session.lock:
            perform(held.session, clock.now(), act)

    def _send(self, kind: str, payload: dict[str, object]) -> None:
        event = {
            "type": kind,
            "run_id": self._claim.run_id,
            "seq": None,
            "timeline": None,
            "at": clock.now().isoformat(),
            "from": "WORKFLOW",
            "payload": payload,
            # Its place among the recorded events: see `live.PLACE`.
            live.PLACE: [self._begun_at(), self._said],
        }
        ports.notifier().published(self._claim.run, None, [event])

    def _begun_at(self) -> int:
        if self._began is None:
            numbers = Run.objects.filter(pk=self._claim.run).values_list("event_seq", flat=True)
            self._began = numbers.first() or 0
        return self._began


def _plain(value: Any) -> object:
    text = payloads.check_size(Raw(ANY.dump(drained(value)).decode()), "What a step says")
    return loads(masked_text(text))  # only those who watch read it
