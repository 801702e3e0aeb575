"""This process as a worker, and which workers are lost."""

import os
import socket
import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path

from workflows_app import conf
from workflows_app.models import Worker
from workflows_app.models.fields import uuid7

_mine: uuid.UUID | None = None
_mine_pid: int | None = None


def mine() -> uuid.UUID:
    """Return the key of this process as a worker; a forked process gets a new one."""
    global _mine, _mine_pid
    if _mine is None or _mine_pid != os.getpid():
        _mine, _mine_pid = uuid7(), os.getpid()
    return _mine


def beat(now: datetime, *, threads: int = 1, queues: Collection[str] | None = None) -> None:
    """Write that this process is alive and which queues it serves; make its row if needed."""
    if Worker.objects.filter(pk=mine()).update(heartbeat_at=now, stopped_at=None):
        return
    row = Worker(
        id=mine(),
        host=socket.gethostname(),
        boot_id=_boot_id(),
        pid=os.getpid(),
        pid_started=_started(os.getpid()),
        mode=conf.get("EXECUTION"),
        threads=threads,
        queues=None if queues is None else sorted(queues),
        started_at=now,
        heartbeat_at=now,
    )
    # Two threads of one process may both find no row.
    Worker.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["heartbeat_at", "stopped_at"],
    )


def stop(now: datetime) -> None:
    """Write that this process no longer holds steps."""
    Worker.objects.filter(pk=mine()).update(stopped_at=now)


def bury_dead(now: datetime) -> int:
    """Mark workers of this host whose processes are gone as stopped; return how many.

    Their claims count as lost at once, without waiting for the lease to run out.
    """
    here = Worker.objects.filter(host=socket.gethostname(), stopped_at=None).exclude(pk=mine())
    dead = [worker.pk for worker in here if _is_dead(worker)]
    if not dead:
        return 0
    return Worker.objects.filter(pk__in=dead).update(stopped_at=now)


def alive(now: datetime) -> list[uuid.UUID]:
    """Return the workers whose claims are valid. A process never judges itself by age."""
    since = now - timedelta(seconds=conf.get("LEASE_SECONDS"))
    beating = Worker.objects.filter(heartbeat_at__gte=since, stopped_at=None)
    return [*beating.values_list("pk", flat=True), mine()]


def not_stopped() -> list[uuid.UUID]:
    """Return the workers that are not known to have stopped."""
    return [*Worker.objects.filter(stopped_at=None).values_list("pk", flat=True), mine()]


def served(now: datetime) -> frozenset[str] | None:
    """Return the queues that live workers serve; None: one of them serves all."""
    since = now - timedelta(seconds=conf.get("LEASE_SECONDS"))
    rows = Worker.objects.filter(heartbeat_at__gte=since, stopped_at=None)
    found: set[str] = set()
    for queues in rows.values_list("queues", flat=True):
        if queues is None:
            return None
        found |= set(queues)
    return frozenset(found)


def unserved(queues: Collection[str], now: datetime) -> set[str]:
    """Return which of these queues no live worker serves."""
    known = served(now)
    return set() if known is None else set(queues) - known


def _is_dead(worker: Worker) -> bool:
    """Return whether the process of a worker on this host is gone.

    Containers may share a host name without seeing each other's processes; then the lease decides.
    """
    boot, _, namespace = worker.boot_id.partition(" ")
    my_boot, _, my_namespace = _boot_id().partition(" ")
    if boot != my_boot:
        return True
    return namespace == my_namespace and _started(worker.pid) != worker.pid_started


def _boot_id() -> str:
    """Return an id of this boot of the host and of its namespace of process ids."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _started(pid: int) -> str:
    """Return when a process began, in kernel ticks; empty if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "" if Path("/proc/self/stat").exists() else _is_there(pid)
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else fields[19]


def _is_there(pid: int) -> str:
    """Return whether a process with this id exists, on systems without /proc."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "there"
    return "there"
