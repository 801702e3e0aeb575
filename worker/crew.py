"""The threads of a process that take hints: Dramatiq's and, in distributed mode, an idle one."""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

import dramatiq
from dramatiq.brokers.stub import StubBroker

from workflows_app.planner.enter import DEFAULT_QUEUE

from .broker import HintBroker
from .carriers import Carrier
from .hints import RUN_STEP
from .idle_thread import IdleThread
from .runner import StepRunner

#: Milliseconds between the checks of Dramatiq's threads whether they should stop.
WORKER_TIMEOUT: Final = 100
#: The queue of the in-process broker, which carries the hints of all queues.
IN_PROCESS: Final = "steps"


class Crew(Protocol):
    """Threads that take hints, with their start and stop."""

    def start(self) -> None:
        """Start the threads."""

    def stop(self, timeout: float) -> None:
        """Take nothing new, and wait up to `timeout` seconds for the threads to finish."""

    def threads(self) -> Sequence[threading.Thread]:
        """Return the threads, once they are started."""

    def idle(self) -> int:
        """Return how many more hints the threads could take."""

    def hint(self, queue: str, step: int) -> None:
        """Give a hint at a step to these threads only."""


class EmbeddedCrew(Crew):
    """Threads that take the hints of their own process."""

    def __init__(self, broker: StubBroker, threads: int, hint_here: Callable[[int], None]) -> None:
        self._broker = broker
        self._threads = threads
        self._hint_here = hint_here
        self._worker = dramatiq.Worker(
            broker, worker_threads=threads, worker_timeout=WORKER_TIMEOUT
        )

    def start(self) -> None:
        """Start the threads."""
        self._worker.start()

    def stop(self, timeout: float) -> None:
        """Take nothing new, and wait up to `timeout` seconds for the threads to finish."""
        self._worker.stop(timeout=int(timeout * 1000))

    def threads(self) -> Sequence[threading.Thread]:
        """Return the threads that work, once they are started."""
        return self._worker.workers

    def idle(self) -> int:
        """Return how many more hints the threads could take; 0 if enough wait for them."""
        is_full = self._broker.queues[IN_PROCESS].qsize() > self._threads
        return 0 if is_full else self._threads

    def hint(self, queue: str, step: int) -> None:
        """Give these threads a hint; one broker queue carries the hints of all queues."""
        self._hint_here(step)


class DistributedCrew(Crew):
    """Threads that take hints from any process, brought by a carrier."""

    def __init__(
        self,
        carrier: Carrier,
        runner: StepRunner,
        queues: Collection[str],
        threads: int,
        idle_thread: IdleThread | None,
    ) -> None:
        self._threads = threads - (idle_thread is not None)
        self._idle_thread = idle_thread
        self._broker = HintBroker(carrier)
        register(self._broker, DEFAULT_QUEUE, runner)
        for queue in queues:
            self._broker.declare_queue(queue)
        self._worker = dramatiq.Worker(
            self._broker, queues=set(queues), worker_threads=self._threads,
            worker_timeout=WORKER_TIMEOUT,
        )  # fmt: skip

    def start(self) -> None:
        """Start the threads."""
        if self._idle_thread is not None:
            self._idle_thread.start()
        self._worker.start()

    def stop(self, timeout: float) -> None:
        """Take nothing new, and wait up to `timeout` seconds for the threads to finish."""
        until = time.monotonic() + timeout
        self._worker.stop(timeout=int(timeout * 1000))
        if self._idle_thread is not None:
            self._idle_thread.join(max(until - time.monotonic(), 0.0))

    def threads(self) -> Sequence[threading.Thread]:
        """Return the threads that work, once they are started."""
        return [*self._worker.workers, *filter(None, [self._idle_thread])]

    def idle(self) -> int:
        """Return how many of Dramatiq's threads have no hint."""
        return self._threads - self._broker.taken

    def hint(self, queue: str, step: int) -> None:
        """Give these threads a hint, without the carrier."""
        self._broker.hint_itself(queue, step)


def register(
    broker: dramatiq.Broker, queue: str, runner: StepRunner
) -> "dramatiq.Actor[..., None]":
    """Register the one actor with a broker; it says what threads do with a hint."""
    make = dramatiq.actor(broker=broker, queue_name=queue, actor_name=RUN_STEP)
    return make(runner.run_hint)
