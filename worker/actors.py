"""The one actor: a door to the engine."""

import logging
import threading
import time
from typing import Final

import dramatiq
from django.db import InterfaceError, OperationalError, connection

from worker import broker as brokers
from worker import offers, serving, stopping
from workflows_app import conf
from workflows_app.engine import clock, definitions, handover, ports, rounds, workers
from workflows_app.engine.claim import claim, claim_next
from workflows_app.engine.claims import Claim
from workflows_app.engine.rare import Rare, note
from workflows_app.engine.recover import keep, let_go, put_back
from workflows_app.engine.work import work
from workflows_app.models.sqltext import connection_here
from workflows_app.planner.enter import DEFAULT_QUEUE

logger = logging.getLogger(__name__)

#: The queue of the broker in this process, through which the hints of all queues go.
IN_PROCESS: Final = "steps"

#: For so long a thread takes it that its connection is still there.
TRUSTED_SECONDS: Final = 1.0
#: After so long it gives it back all the same.
KEPT_SECONDS: Final = 60.0

#: Hints and looks are of different clocks, milliseconds apart.
STALE_AFTER: Final = 100

in_process = brokers.in_process()
over_redis = brokers.HintBroker()


def broker() -> dramatiq.Broker:
    """Return the broker of the configured way of execution."""
    return over_redis if conf.get("EXECUTION") == "distributed" else in_process


#: When threads of this process last began to look for work and found none, ms since 1970.
_found_nothing_at = 0

_local = threading.local()
_lock = threading.Lock()
#: Threads that take hints in this process, and how many of them work or are kept for a claim.
_threads = 0
_busy = 0
#: Whether something was hinted at here while all threads worked: who ends looks again.
_is_news = False
#: No step has this key: whoever gets it as a hint takes the oldest.
ANY: Final = 0
#: Claims that were handed to a thread which has not begun with them, by step.
_handed: Final[dict[int, Claim]] = {}


def has(threads: int) -> None:
    """Note how many threads take hints in this process; 0: none any more."""
    global _threads  # noqa: PLW0603 - one worker a process
    _threads = threads


def most() -> int:
    """Return how many threads take hints in this process."""
    return _threads


def busy() -> int:
    """Return how many of them work, or are kept for a claim."""
    return _busy


def reserve() -> bool:
    """Keep an idle thread for a claim to come; return whether there is one."""
    with _lock:
        is_idle = _busy < _threads
        if is_idle:
            _engage(1)
    return is_idle


def give_back() -> None:
    """Let the thread that was kept, or has worked, do something else."""
    global _is_news
    with _lock:
        _engage(-1)
        is_news, _is_news = _is_news, False
    if is_news:
        _here.send(*brokers.Hint.now(ANY))


def _engage(threads: int) -> None:
    global _busy  # noqa: PLW0603 - one worker a process
    _busy += threads


def hand(held: Claim) -> None:
    """Let the thread that was kept begin with a claim."""
    keep(held)
    _handed[held.step] = held
    give_back()
    _here.send(*brokers.Hint.now(held.step))


def work_here(held: Claim) -> None:
    """Work on a claim in the calling thread, which waits for the run: as a thread of ours does."""
    try:
        work(held, is_stopping=stopping.is_asked, queues=serving.queues())
    except Exception:
        logger.exception("A caller could not go on with its run; the sweep will try again.")
        connection.close()
    except KeyboardInterrupt:
        raise
    except BaseException:
        logger.warning("A step left its caller's thread by a foreign exception.", exc_info=True)
        connection.close()


def run_handed(text: bytes | str) -> None:
    """Work on a claim that another process made for this one, in the calling thread.

    A late one is left alone: the sweep frees it, or has freed it.
    """
    held = handover.unpack(text)
    if held is None or clock.now() - held.claimed_at > offers.LATE:
        note(Rare.HANDOVER_LATE)
        return
    keep(held)
    _run(held.step, held, is_alone=True)


def run_step(step: int, said_at: int, place: int = 0) -> None:
    """Take the step that is hinted at, else the oldest there is, and go on until nothing waits.

    What was said long before a look that found nothing was claimed by others since.
    """
    handed = _handed.pop(step, None)
    is_old = said_at + STALE_AFTER < _found_nothing_at
    if handed is None and is_old:
        note(Rare.HINT_STALE)
        return
    if handed is None and rounds.takes(place):
        return
    _run(step, handed)


def _run(step: int, handed: Claim | None, *, is_alone: bool = False) -> None:
    with _lock:
        _engage(1)
    _look_at_connection()
    try:
        try:
            _work_from(step, handed, is_alone=is_alone)
        except (OperationalError, InterfaceError):
            # The connection may have died while this thread was idle: once more with another.
            connection.close()
            _work_from(step, None)
    except Exception:
        logger.exception("A worker thread could not go on; the sweep will try again.")
        connection.close()
    except BaseException:
        logger.warning("A step left its worker thread by a foreign exception.", exc_info=True)
        connection.close()
    finally:
        _local.worked_at = time.monotonic()
        give_back()


def _look_at_connection() -> None:
    """Take a connection that works, unless this thread's did a moment ago.

    With a pool the thread's goes back to it, and another is asked whether it is still there. So
    does, now and then, that of a thread which is always at work, and one that a step has left in a
    transaction of its own.
    """
    now = time.monotonic()
    is_idle = now - getattr(_local, "worked_at", -TRUSTED_SECONDS) >= TRUSTED_SECONDS
    is_old = now - getattr(_local, "looked_at", -KEPT_SECONDS) >= KEPT_SECONDS
    here = connection_here()
    is_changed = here.autocommit is not here.settings_dict["AUTOCOMMIT"]
    if is_idle or is_old or is_changed or here.errors_occurred:
        _local.looked_at = now
        here.close_if_unusable_or_obsolete()


def _work_from(step: int, held: Claim | None, *, is_alone: bool = False) -> None:
    global _found_nothing_at  # noqa: PLW0603 - one worker a process
    worker, queues = workers.mine(), serving.queues()
    if held is not None:
        # Whoever made it has told nobody to look for more: what else waits has its own hint.
        _work_on(held, is_alone=is_alone)
        return
    if stopping.is_asked():
        return
    held = claim(step, worker=worker, now=clock.now(), queues=queues)
    while True:
        looked_at = brokers.milliseconds()
        held = held or claim_next(worker=worker, now=clock.now(), queues=queues)
        if held is None:
            _found_nothing_at = looked_at
            return
        if rounds.give(held):
            held = None
            continue
        work(held, is_stopping=stopping.is_asked, queues=queues, with_others=True)
        if stopping.is_asked():
            return
        held = None


def _work_on(held: Claim, *, is_alone: bool) -> None:
    """Work on a claim; if `is_alone`, without others that might wait beside it."""
    is_given = False
    try:
        if stopping.is_asked() or not _is_known(held):
            _put_back(held)
            return
        is_given = rounds.give(held)
        if not is_given:
            queues = serving.queues()
            work(held, is_stopping=stopping.is_asked, queues=queues, with_others=not is_alone)
    finally:
        if not is_given:
            let_go(held)  # or the sweep would take it for one that a thread works on


def _is_known(held: Claim) -> bool:
    """Return whether this process has code for the step of a claim."""
    run, step = held.session.model, held.session.rows.by_path.get(held.path)
    return run is not None and step is not None and not definitions.problem_at(run, step)


def _put_back(held: Claim) -> None:
    """Leave a claim that was handed over, and that nobody has begun with, to others."""
    put_back(held, now=clock.now())
    ports.wake([ports.Wake(held.step, held.run, held.queue)])


_here = dramatiq.actor(broker=in_process, queue_name=IN_PROCESS)(run_step)
dramatiq.actor(broker=over_redis, queue_name=DEFAULT_QUEUE)(run_step)


def hint_here(step: int, place: int = 0) -> None:
    """Tell the threads of an embedded process that a step can be claimed."""
    global _is_news  # noqa: PLW0603 - one worker a process
    if rounds.takes(place):
        return
    with _lock:
        is_left = 0 < _threads <= _busy
        _is_news = _is_news or is_left
    if not is_left:
        _here.send(*brokers.Hint.now(step))


def look_again() -> None:
    """Let a thread of an embedded process look for the oldest step, if one is idle."""
    hint_here(ANY)
