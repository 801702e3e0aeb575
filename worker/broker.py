"""The broker through which hints travel. Retries, results and time limits are the engine's."""

import dramatiq
from dramatiq.brokers.stub import StubBroker


def in_process() -> dramatiq.Broker:
    """Return a broker whose queues live in this process and die with it; the database remembers."""
    broker = StubBroker(middleware=[])
    broker.emit_after("process_boot")
    return broker
