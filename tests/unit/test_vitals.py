"""Whether the threads of a process are alive."""

import threading

from workflows_app.engine.host import vitals
from workflows_app.engine.host.vitals import Vitals


def ended():
    thread = threading.Thread(target=lambda: None)
    thread.start()
    thread.join()
    return thread


def test_threads_that_live_are_no_trouble():
    watched = Vitals()
    watched.watch("workers", [threading.current_thread()])

    assert (watched.count(), watched.troubles()) == (1, [])


def test_a_thread_that_ended_is_trouble_until_it_is_forgotten():
    watched = Vitals()
    watched.watch("workers", [threading.current_thread(), ended()])

    assert watched.troubles() == ["workers: 1 of 2 threads ended"]
    watched.forget("workers")
    assert (watched.count(), watched.troubles()) == (0, [])


def test_a_thread_that_does_not_look_any_more_is_trouble(monkeypatch):
    watched = Vitals()
    watched.watch("sweep", [threading.current_thread()], looks=True)
    monkeypatch.setattr(vitals, "HANGS_AFTER", -1.0)

    assert watched.troubles() == ["sweep: no look for 0 s"]


def test_a_look_that_nobody_watches_is_passed_over():
    watched = Vitals()

    watched.looked("sweep")

    assert watched.troubles() == []
